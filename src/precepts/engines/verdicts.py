"""A model's verdict on a response, read off its own states: a small linear head that lies beside the model.

1. What a model knows of a conversation it need not be able to say: SmolLM2-135M cannot put into words whether a
   response does harm, yet a linear reading of its states tells harmful answers to unseen prompts from harmless ones.
2. The states are those of `states.py`; log-probabilities are those of a logistic regression on them.
3. A model without such a file has no head, and is asked in words.
How it departs from the paper: its models are large enough to be asked in words. (Linear readings of truth and harm in a
model's states are later work.)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from precepts.engines.models import HEAD_FILE as FILE
from precepts.engines.states import MEANS
from precepts.errors import InputError

_TENSORS = ("mean", "deviation", "weight", "bias")


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
            if told["means"] != MEANS:
                raise ValueError(f"made for {told['means']} means of states, not {MEANS}")
            return VerdictHead(verdicts, layers, *(file.get_tensor(name).double() for name in _TENSORS))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / FILE}: damaged ({error}); delete it, or train the model again") from None


def save_head(head: VerdictHead, folder: Path) -> None:
    """Put the head into a model's folder."""
    from safetensors.torch import save_file

    (folder / FILE).parent.mkdir(exist_ok=True)
    tensors = {name: getattr(head, name).float().contiguous() for name in _TENSORS}
    told = json.dumps({"layers": head.layers, "means": MEANS, "verdicts": head.verdicts})
    save_file(tensors, folder / FILE, metadata={"precepts": told})
