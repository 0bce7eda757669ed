"""Pairs as rows for a forward pass: both responses at once, their shared beginning computed once.

1. A row is `[shared][rest of the first][rest of the second]`: the longest beginning that both whole texts have in
   common (the prompt, and whatever both responses begin with), then what is each text's own. Token ids are those of the
   two whole texts, so scores are those of two separate passes, up to rounding.
2. Positions of the second's own tokens restart where the shared part ends, and they do not see the first's; a response
   is scored at its own last token. (A model whose attention cannot be told so is found out by `packs_rightly`.)
3. `score_at_ends` becomes the forward of the sequence-classification model itself, so that whatever wraps it
   (adapters, data parallelism) is called and its hooks run.
How it departs from the paper: it does not say how pairs are batched.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch

FIRST, SECOND, SHARED, PADDING = 1, 2, 0, -1  # what a token belongs to
TOLERANCE = 0.08  # of a hidden state's norm: bfloat16 rounds to 0.03, one response seeing the other gives 0.17 and more


def packed(first: Sequence[int], second: Sequence[int], share: bool = True) -> dict[str, Any]:
    """A pair of whole texts (token ids) as one row; `share` False computes the beginning twice."""
    same = _common(first, second) if share else 0
    rests = [list(first[same:]), list(second[same:])]
    segments = [SHARED] * same + [FIRST] * len(rests[0]) + [SECOND] * len(rests[1])
    positions = [*range(len(first)), *range(same, len(second))]
    return {
        "input_ids": [*first[:same], *rests[0], *rests[1]],
        "segments": segments,
        "positions": positions,
        "ends": [len(first) - 1, len(segments) - 1],
    }


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """The length of the beginning that both share; each keeps at least one token of its own."""
    limit = min(len(first), len(second)) - 1
    return next((n for n in range(limit) if first[n] != second[n]), limit)


def collated(rows: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
    """Tensors of a batch, padded on the right: input_ids, attention_mask, segments, position_ids (rows, longest) and
    ends (rows, 2)."""
    width = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, filler: int) -> torch.Tensor:
        return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows])

    segments = padded("segments", PADDING)
    return {
        "input_ids": padded("input_ids", pad),
        "attention_mask": (segments != PADDING).long(),
        "segments": segments,
        "position_ids": padded("positions", 0),
        "ends": torch.tensor([row["ends"] for row in rows]),
    }


def visible(segments: torch.Tensor) -> torch.Tensor:
    """Which token sees which, (rows, 1, length, length), from `segments` (rows, length): those before it that are
    shared or its own response's; padding sees itself too, so that no row of the softmax is empty."""
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seen, by = segments[:, None, :], segments[:, :, None]
    allowed = causal & (seen != PADDING) & ((seen == SHARED) | (seen == by))
    return (allowed | torch.eye(length, dtype=torch.bool, device=segments.device))[:, None]


def score_at_ends(model: Any, input_ids: Any = None, attention_mask: Any = None, **given: Any) -> torch.Tensor:
    """Scores (rows, 2) in float32 of both responses of each row; `given`: segments, position_ids, ends."""
    hidden = model.base_model(
        input_ids=input_ids,
        attention_mask=visible(given["segments"]),
        position_ids=given["position_ids"],
        use_cache=False,
    )[0]
    rows = torch.arange(len(hidden), device=hidden.device)[:, None]
    with torch.autocast(hidden.device.type, enabled=False):
        scores: torch.Tensor = model.score(hidden[rows, given["ends"]].float())[..., 0].float()
    return scores


def scores_pairs(model: Any) -> Any:
    """The sequence-classification model with `score_at_ends` for its forward."""
    model.forward = MethodType(score_at_ends, model)
    return model


@torch.no_grad()
def packs_rightly(model: Any, rows: Sequence[tuple[list[int], list[int]]], pad: int) -> bool:
    """Whether hidden states at the ends of packed rows are those of separate passes. Not so where a model's attention
    takes no mask of ours, or a state passes from one response to the other."""
    device = next(model.parameters()).device
    found = []
    for first, second in rows:
        batch = {key: value.to(device) for key, value in collated([packed(first, second)], pad).items()}
        try:
            hidden = model.base_model(
                input_ids=batch["input_ids"],
                attention_mask=visible(batch["segments"]),
                position_ids=batch["position_ids"],
                use_cache=False,
            )[0]
        except (RuntimeError, TypeError, ValueError, IndexError):
            return False
        for end, ids in zip(batch["ends"][0], (first, second), strict=True):
            alone = model.base_model(input_ids=torch.tensor([ids], device=device), use_cache=False)[0][0, -1].float()
            found.append((hidden[0, end].float() - alone).norm() <= TOLERANCE * alone.norm())
    return all(map(bool, found))
