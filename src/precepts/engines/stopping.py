"""When a reply ends: at its own end token, stop text or token limit, whatever it was batched with.

1. transformers' own stop strings and length hold for a whole batch; these hold for one row each.
2. How many tokens a row wrote is noted as it ends: what follows in the output is padding, and padding may be the
   end token itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch

from precepts.engines.base import GenerateRequest


class RowEnds:
    """A stopping criterion for `generate`; rows are in the order of `requests`. `start` is the prompt's width."""

    def __init__(
        self, requests: Sequence[GenerateRequest], start: int, end_ids: Collection[int], tokenizer: Any
    ) -> None:
        self.requests, self.start, self.end_ids, self.tokenizer = requests, start, end_ids, tokenizer
        self.lengths: list[int | None] = [None] * len(requests)  # tokens written, once a row has ended
        # No token is shorter than a byte, so that many tokens hold the longest stop text.
        self._recent = 1 + max((len(stop.encode()) for request in requests for stop in request.stop), default=0)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """input_ids: (rows, length so far) -> (rows,), True where a row has ended."""
        written = input_ids.shape[1] - self.start
        recent = input_ids[:, max(self.start, input_ids.shape[1] - self._recent) :].tolist()
        for row, ids in enumerate(recent):
            if self.lengths[row] is None and self._ends(self.requests[row], ids, written):
                self.lengths[row] = written
        return torch.tensor([length is not None for length in self.lengths], device=input_ids.device)

    def _ends(self, request: GenerateRequest, recent: list[int], written: int) -> bool:
        if recent[-1] in self.end_ids or written >= request.max_tokens:
            return True
        text = self.tokenizer.decode(recent, skip_special_tokens=True) if request.stop else ""
        return any(stop in text for stop in request.stop)
