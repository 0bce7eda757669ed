"""What a model's logits say of given answers.

1. What all answers to one prompt share is read once with the prompt; their endings follow from the same keys and
   values.
2. Logits are as wide as the vocabulary, so endings are taken in groups of like length that keep them within `CELLS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from precepts.engines.tokens import Choice

CELLS = 2**26  # logits in one pass: 256 MiB in float32, some 1,300 tokens of a vocabulary of 49,152


def stem_logprob(choice: Choice, logprobs: torch.Tensor) -> float:
    """Log-probability of the stem's tokens from `start`; logprobs: (kept, vocabulary), the last row after the stem."""
    scored = choice.stem[choice.start :]
    first = logprobs.shape[0] - 1 - len(scored)
    return sum(float(logprobs[first + n, token]) for n, token in enumerate(scored))


def tail_groups(lengths: Sequence[int], vocabulary: int) -> Iterator[list[int]]:
    """Places of the tails that have something to score, longest first, in groups of at most CELLS logits."""
    ordered = sorted((n for n, length in enumerate(lengths) if length > 0), key=lambda n: (-lengths[n], n))
    while ordered:
        size = max(1, CELLS // (vocabulary * lengths[ordered[0]]))
        yield ordered[:size]
        ordered = ordered[size:]


def padded_right(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, each (rows, longest); zeros stand for padding."""
    width = max(map(len, rows))
    tokens = [[*row, *[0] * (width - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return torch.tensor(tokens), torch.tensor(mask)


def followed(logits: torch.Tensor, tokens: torch.Tensor, real: torch.Tensor) -> list[float]:
    """Each row's summed log-probability of its real `tokens` (rows, length); logits: (rows, length, vocabulary)."""
    found = [
        (row.float().gather(-1, ids[:, None])[:, 0] - row.float().logsumexp(dim=-1)) * seen
        for row, ids, seen in zip(logits, tokens.to(logits.device), real.to(logits.device), strict=True)
    ]
    return [float(each.sum()) for each in found]
