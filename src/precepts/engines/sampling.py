"""Sampling with a seed for each request, so that a reply does not depend on its batch.

1. At each step a request's own generator gives one uniform number u, and the token is the first whose cumulative
   probability passes u (inverse transform). Its randomness is the same in any batch, on any device.
2. Top-p keeps the smallest set of likeliest tokens whose probability reaches p, and all that are as likely as the
   last of them. The likeliest `HEAD` tokens are looked at first; the whole vocabulary is sorted only where they do
   not reach p. The result is exact either way.
3. It is a logits processor for greedy `generate`: every other token is ruled out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from precepts.engines.base import GenerateRequest

HEAD = 256


class SeededSampler:
    """Chooses each row's next token by that row's request. Rows are in the order of `requests`."""

    def __init__(self, requests: Sequence[GenerateRequest]) -> None:
        self.generators = [np.random.default_rng(request.seed) for request in requests]
        self.temperature = torch.tensor([[request.temperature or 1.0] for request in requests])
        self.greedy = torch.tensor([request.temperature == 0 for request in requests])
        self.top_p = torch.tensor([[request.top_p] for request in requests])

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """scores: (rows, vocabulary) logits -> the same shape, -inf but for the chosen token of each row."""
        chosen = self.pick(scores.float())
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen[:, None], 0.0)

    def pick(self, logits: torch.Tensor) -> torch.Tensor:
        """logits: (rows, vocabulary) -> (rows,) token ids."""
        device = logits.device
        if device.type == "mps":  # which has no float64
            return self.pick(logits.cpu()).to(device)
        draws = [[generator.random()] for generator in self.generators]
        uniform = torch.tensor(draws, dtype=torch.float64, device=device)
        probabilities = torch.softmax(logits / self.temperature.to(device), dim=-1)
        if bool((self.top_p < 1).any()):
            probabilities = _nucleus(probabilities, self.top_p.to(device))
        return torch.where(self.greedy.to(device), logits.argmax(dim=-1), _inverse(probabilities, uniform))


def _inverse(probabilities: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """The first column whose cumulative share passes `uniform` (rows, 1) in float64; (rows,) indices."""
    cumulative = probabilities.double().cumsum(dim=-1)
    target = uniform * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).clamp(max=probabilities.shape[1] - 1)[:, 0]


def _nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """`probabilities` (rows, vocabulary), zero outside the nucleus of `top_p` (rows, 1); a row at 1 keeps all."""
    size = probabilities.shape[1]
    head = probabilities.topk(min(HEAD, size), dim=-1).values
    short = head.double().sum(dim=-1, keepdim=True) < top_p
    if head.shape[1] < size and bool((short & (top_p < 1)).any()):
        head = probabilities.sort(dim=-1, descending=True).values
    before = head.double().cumsum(dim=-1) - head
    least = torch.where(before < top_p, head, torch.inf).amin(dim=-1, keepdim=True)
    return torch.where((probabilities >= least) | (top_p >= 1), probabilities, 0.0)
