"""A model's own states at a response, as means: what a verdict head and a bilinear preference model read.

1. The means are over the prompt's tokens, over the response's, and over the first of these, with which it helps or
   declines. Long texts are cut: a prompt to its end, a response to its beginning.
2. They are taken after some of the layers and the final norm, so the rest of the model is not run.
How it departs from the paper: its models are read at their last token, after all layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

_PROMPT, _RESPONSE = 256, 256  # tokens read: a prompt's last, a response's first
_OPENING = 12  # tokens with which a response begins
MEANS = 3
Rows = Sequence[tuple[Sequence[int], Sequence[int]]]  # token ids of a prompt and of a response


def cut(rows: Rows) -> list[tuple[list[int], list[int]]]:
    """What is read of each row: at most 256 tokens of the prompt, its last, and 256 of the response, its first."""
    return [(list(prompt)[-_PROMPT:], list(response)[:_RESPONSE]) for prompt, response in rows]


@torch.inference_mode()
def response_states(model: Any, rows: Rows, layers: int, batch_size: int) -> torch.Tensor:
    """The mean states of each prompt, each response and its opening after the first `layers` layers, (rows, 3 x hidden
    size), float32; `batch_size` rows are read at a time, each `cut`."""
    kept = cut(rows)
    order = sorted(range(len(kept)), key=lambda n: -len(kept[n][0]) - len(kept[n][1]))
    found: dict[int, torch.Tensor] = {}
    with _only(model, layers) as decoder:
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            found |= zip(chosen, _means(decoder, [kept[n] for n in chosen]), strict=True)
    return torch.stack([found[n] for n in range(len(kept))])


def _means(decoder: Any, rows: Rows) -> Iterator[torch.Tensor]:
    tokens, mask = padded([[*prompt, *response] for prompt, response in rows])
    given = {"input_ids": tokens.to(decoder.device), "attention_mask": mask.to(decoder.device)}
    states = decoder(**given, use_cache=False).last_hidden_state.float().cpu()
    for row, (prompt, response) in zip(states, rows, strict=True):
        of_prompt = row[: len(prompt)].mean(dim=0)
        said = row[len(prompt) : len(prompt) + len(response)] if response else of_prompt[None]
        yield torch.cat([of_prompt, said.mean(dim=0), said[:_OPENING].mean(dim=0)])


def padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of token ids filled up at their ends with zeros, and their attention mask, both (rows, longest)."""
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return tokens, mask


def two_thirds(model: Any) -> int:
    """Two thirds of the model's layers: later ones turn towards the next word."""
    return max(1, round(int(model.config.get_text_config().num_hidden_layers) * 2 / 3))


def can_be_read(model: Any) -> bool:
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
