"""The preference model's loss, as pure functions.

For scores s_1 and s_2 of the two responses and the label p, the probability that the first is better:

    loss = -[p log sigmoid(s_1 - s_2) + (1 - p) log sigmoid(s_2 - s_1)]        (paper section 4.1)

It is least where sigmoid(s_1 - s_2) = p: a soft label asks for a margin, not for a win without end.
Worked: s_1 - s_2 = 0 gives log 2 = 0.6931 for any p; s_1 - s_2 = 1, p = 0.7 gives 0.6133.
"""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid


def soft_preference_loss(score_first: torch.Tensor, score_second: torch.Tensor, p_first: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each pair against its soft label, in nats; all shapes (pairs,); in float32 or finer."""
    gap = score_first - score_second
    gap = gap.to(torch.promote_types(gap.dtype, torch.float32))
    return -(p_first * logsigmoid(gap) + (1 - p_first) * logsigmoid(-gap))


def weighted_mean(losses: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean of losses times weights; both (pairs,); a scalar.

    Weights have mean 1 over the data set, not over the batch: divided by the batch's own sum, a weight would cancel
    wherever all pairs of a batch come from one source.
    """
    return (losses * weights).mean()
