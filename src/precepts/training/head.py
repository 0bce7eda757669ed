"""The language-model head on a CPU: logits of the tokens that are learnt, and of no others.

1. TRL's trainers ask a model for log-probabilities through a fused head that spares an accelerator's memory. Without
   an accelerator it projects every position, prompts and padding too, in many passes over the vocabulary: 58 % of a
   finetuning step of SmolLM2-135M with answers of some 40 tokens after prompts of 250.
2. `spare_head` makes the same call compute the logits of the positions before a learnt token alone, once. Scaling and
   capping of logits are the model's own, since its own forward computes them.
3. Where that cannot be (a forward without `logits_to_keep`, a mixture of experts' extra loss) TRL's head stays.
How it departs from the paper: the paper says nothing of this; the numbers are the same up to rounding.
"""

from __future__ import annotations

import inspect
from types import MethodType
from typing import Any

import torch
from torch.nn.functional import cross_entropy

NOT_LEARNT = -100  # the label of a token that is only read


def spare_head(trainer: Any, temperature: float = 1.0) -> None:
    """Have the model of a TRL trainer that runs on a CPU compute no logits that it does not need."""
    model = trainer.model
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if trainer.args.device.type != "cpu" or "logits_to_keep" not in inspect.signature(type(inner).forward).parameters:
        return
    fused = inner.forward

    def forward(self: Any, *args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head or labels is None or kwargs.get("output_router_logits"):
            return fused(*args, fused_lm_head=fused_lm_head, labels=labels, **kwargs)
        kwargs.pop("num_items_in_batch", None)
        learnt = labels[:, 1:] != NOT_LEARNT
        places = learnt.any(dim=0).nonzero()[:, 0]
        logits = fused(*args, **{**kwargs, "use_cache": False, "logits_to_keep": places}).logits
        return _scored(logits[learnt[:, places]].float() / temperature, labels[:, 1:][learnt], learnt)

    inner.forward = MethodType(forward, inner)


def _scored(logits: torch.Tensor, wanted: torch.Tensor, learnt: torch.Tensor) -> Any:
    """TRL's output for logits (tokens, vocabulary) of the `wanted` tokens (tokens,), which stand where `learnt`
    (rows, length) is true. The entropy is a figure to be logged: no gradient goes through it."""
    from trl.trainer.utils import FusedCausalLMOutput

    log_probs = -cross_entropy(logits, wanted, reduction="none")
    with torch.no_grad():
        every = logits.log_softmax(dim=-1)
        entropy = -(every.exp() * every).sum(dim=-1)
        top = logits.argmax(dim=-1) == wanted

    def placed(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(learnt.shape, dtype=values.dtype, device=values.device).masked_scatter(learnt, values)

    return FusedCausalLMOutput(
        loss=-log_probs.mean(),
        log_probs=placed(log_probs),
        entropy=placed(entropy),
        is_top1=placed(top),
        label_mask=learnt,
    )
