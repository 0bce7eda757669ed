"""A model's verdict on a response, read off its own states: a small linear head that lies beside the model.

1. What a model knows of a conversation it need not be able to say: SmolLM2-135M cannot put into words whether a
   response does harm, yet a linear reading of its states tells harmful answers to unseen prompts from harmless ones.
2. The states are means over the prompt's tokens, over the response's and over the first of these, with which it helps
   or declines, after some of the layers and the final norm, so the rest of the model is not run. Log-probabilities are
   those of a logistic regression on them.
3. A model without such a file has no head, and is asked in words.
How it departs from the paper: its models are large enough to be asked in words. (Linear readings of truth and harm in a
model's states are later work.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from precepts.engines.models import HEAD_FILE as FILE
from precepts.errors import InputError

_PROMPT, _RESPONSE = 256, 256  # tokens read: a prompt's last, a response's first
_OPENING = 12  # tokens with which a response begins
_MEANS = 3
_TENSORS = ("mean", "deviation", "weight", "bias")
Rows = Sequence[tuple[Sequence[int], Sequence[int]]]  # token ids of a prompt and of a response


@dataclass(frozen=True)
class VerdictHead:
    """`verdicts`: what they are, in words; `weight` (verdicts, 3 x hidden size) and `bias` (verdicts) for states less
    `mean`, in `deviation`s (3 x hidden size each), after `layers` layers."""

    verdicts: tuple[str, ...]
    layers: int
    mean: torch.Tensor
    deviation: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def logprobs(self, states: torch.Tensor) -> torch.Tensor:
        """Natural-log probabilities (rows, verdicts) for states (rows, 3 x hidden size)."""
        scaled = (states.double().cpu() - self.mean) / self.deviation
        return (scaled @ self.weight.T + self.bias).log_softmax(dim=-1)


def load_head(folder: Path) -> VerdictHead | None:
    """The head that lies in a model's folder. Raises InputError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not (folder / FILE).is_file():
        return None
    try:
        with safe_open(folder / FILE, framework="pt") as file:
            told = json.loads(file.metadata()["precepts"])
            verdicts, layers = tuple(map(str, told["verdicts"])), int(told["layers"])
            if told["means"] != _MEANS:
                raise ValueError(f"made for {told['means']} means of states, not {_MEANS}")
            return VerdictHead(verdicts, layers, *(file.get_tensor(name).double() for name in _TENSORS))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / FILE}: damaged ({error}); delete it, or train the model again") from None


def save_head(head: VerdictHead, folder: Path) -> None:
    """Put the head into a model's folder."""
    from safetensors.torch import save_file

    (folder / FILE).parent.mkdir(exist_ok=True)
    tensors = {name: getattr(head, name).float().contiguous() for name in _TENSORS}
    told = json.dumps({"layers": head.layers, "means": _MEANS, "verdicts": head.verdicts})
    save_file(tensors, folder / FILE, metadata={"precepts": told})


@torch.inference_mode()
def response_states(model: Any, rows: Rows, layers: int, batch_size: int) -> torch.Tensor:
    """The mean states of each prompt, each response and its opening after `layers` layers, (rows, 3 x hidden size),
    float32."""
    cut = [(list(prompt)[-_PROMPT:], list(response)[:_RESPONSE]) for prompt, response in rows]
    order = sorted(range(len(cut)), key=lambda n: -len(cut[n][0]) - len(cut[n][1]))
    found: dict[int, torch.Tensor] = {}
    with _only(model, layers) as decoder:
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            found |= zip(chosen, _means(decoder, [cut[n] for n in chosen]), strict=True)
    return torch.stack([found[n] for n in range(len(cut))])


def _means(decoder: Any, rows: Rows) -> Iterator[torch.Tensor]:
    width = max(len(prompt) + len(response) for prompt, response in rows)
    tokens = torch.tensor([[*p, *r, *[0] * (width - len(p) - len(r))] for p, r in rows])
    mask = torch.tensor([[1] * (len(p) + len(r)) + [0] * (width - len(p) - len(r)) for p, r in rows])
    given = {"input_ids": tokens.to(decoder.device), "attention_mask": mask.to(decoder.device)}
    states = decoder(**given, use_cache=False).last_hidden_state.float().cpu()
    for row, (prompt, response) in zip(states, rows, strict=True):
        of_prompt = row[: len(prompt)].mean(dim=0)
        said = row[len(prompt) : len(prompt) + len(response)] if response else of_prompt[None]
        yield torch.cat([of_prompt, said.mean(dim=0), said[:_OPENING].mean(dim=0)])


def can_have_head(model: Any) -> bool:
    """Whether the model's layers are found where most models have them."""
    return isinstance(getattr(model.get_decoder(), "layers", None), torch.nn.ModuleList)


@contextmanager
def _only(model: Any, layers: int) -> Iterator[Any]:
    """The model's decoder with its first `layers` layers."""
    decoder = model.get_decoder()
    whole = decoder.layers
    decoder.layers = whole[:layers]
    try:
        yield decoder
    finally:
        decoder.layers = whole
