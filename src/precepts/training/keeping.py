"""Staying as one is: an example that is learnt as the start model's distribution, not as the one text it gave.

1. The start model's answers to helpful prompts are learnt beside the revisions so that it stays as it is. Here the loss
   at each of their tokens is KL(start | model), over the whole vocabulary. On average its gradient is that of learning
   tokens sampled at temperature 1, but it begins at nothing, where that of one sampled token is mostly noise: what the
   revisions teach is not drowned, and they can be passed over more often.
2. The start model is the model without its adapter, as it is for TRL's DPO and GRPO, so this goes with LoRA.
3. A loss is the mean over all learnt tokens of a step: -log P(token) where text is learnt, `keep` times the divergence
   where the start model is kept. (A mixture of experts' extra loss is not part of it.)
How it departs from the paper: there the start model's answers are learnt as they were sampled.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div
from trl import SFTTrainer

from precepts.training.head import NOT_LEARNT


def with_keep(collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]) -> Any:
    """A collator whose batches also have `keep` (rows,), the rows' own."""

    def collated(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {**collate(rows), "keep": torch.tensor([float(row["keep"]) for row in rows])}

    return collated


class KeepingTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer of a model with an adapter, for batches that say which rows keep the start model (`keep` > 0)."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss over learnt tokens; see the module."""
        labels, keep = inputs.pop("labels")[:, 1:], inputs.pop("keep")
        learnt = labels != NOT_LEARNT
        logits = self._logits(model, inputs, learnt)
        losses = cross_entropy(logits, labels[learnt], reduction="none")
        # processes that share a model's weights have to take the same passes
        asked = keep > 0 if self.accelerator.num_processes == 1 else torch.ones_like(keep, dtype=torch.bool)
        if asked.any():
            with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
                start = self._logits(model, {name: rows[asked] for name, rows in inputs.items()}, learnt[asked])
            kept = _each_token(keep > 0, learnt)
            moved = divergence(start[_each_token(keep[asked] > 0, learnt[asked])], logits[kept])
            losses = losses.masked_scatter(kept, _each_token(keep, learnt)[kept] * moved)
        count = learnt.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses.sum() / torch.as_tensor(count).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # the tokens of all are counted, and gradients averaged
        return (loss, None) if return_outputs else loss

    def _logits(self, model: Any, inputs: dict[str, Any], learnt: torch.Tensor) -> torch.Tensor:
        """Logits (tokens, vocabulary) before the `learnt` ones (rows, length - 1), and of no others where the model can
        choose."""
        inner = self.accelerator.unwrap_model(model).get_base_model()
        if "logits_to_keep" in inspect.signature(type(inner).forward).parameters:
            places = learnt.any(dim=0).nonzero()[:, 0]
            logits = model(**inputs, use_cache=False, logits_to_keep=places).logits
        else:
            places = torch.arange(learnt.shape[1], device=learnt.device)
            logits = model(**inputs, use_cache=False).logits[:, :-1]
        return torch.as_tensor(logits[learnt[:, places]]).float()


def _each_token(rows: torch.Tensor, learnt: torch.Tensor) -> torch.Tensor:
    """What is said of rows (rows,), of each of their `learnt` tokens (tokens,)."""
    return rows[:, None].expand_as(learnt)[learnt]


def divergence(start: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """KL(start | model) in nats (tokens,) of two sets of logits (tokens, vocabulary). Worked: shares of 1/2 and 1/2
    against 1/4 and 3/4 diverge by 0.1438."""
    return kl_div(model.log_softmax(-1), start.log_softmax(-1), reduction="none", log_target=True).sum(-1)
