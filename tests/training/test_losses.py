"""The preference model's loss: worked numbers, where it is least, and what a weight counts."""

from __future__ import annotations

import math

import pytest
import torch

from precepts.training.losses import soft_preference_loss, weighted_mean


def loss(first: float, second: float, p_first: float) -> float:
    return float(soft_preference_loss(*(torch.tensor([each]) for each in (first, second, p_first))))


@pytest.mark.parametrize(
    ("first", "second", "p_first", "expected"),
    [
        (0.0, 0.0, 0.0, 0.693147),  # log 2 for any p
        (3.0, 3.0, 0.7, 0.693147),
        (1.0, 0.0, 0.7, 0.613262),  # -(0.7 log 0.731059 + 0.3 log 0.268941)
        (2.0, 1.0, 0.7, 0.613262),  # only the difference counts
        (0.0, 1.0, 0.3, 0.613262),  # a swap turns p round
        (math.log(4), 0.0, 0.8, 0.500402),  # sigmoid(log 4) = 0.8: the entropy of (0.8, 0.2)
        (2.0, 0.0, 1.0, 0.126928),  # a hard label: -log sigmoid(2)
        (2.0, 0.0, 0.0, 2.126928),  # and the wrong way round
        (200.0, 0.0, 0.0, 200.0),  # no overflow far out
        (-200.0, 0.0, 0.0, 0.0),
    ],
)
def test_worked_losses(first: float, second: float, p_first: float, expected: float) -> None:
    assert loss(first, second, p_first) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("p_first", [0.1, 0.5, 0.8, 0.99])
def test_the_gradient_is_sigmoid_less_p_and_nothing_at_the_labels_odds(p_first: float) -> None:
    for gap in (-2.0, 0.0, 1.5, math.log(p_first / (1 - p_first))):
        scores = torch.tensor([gap, 0.0], requires_grad=True)
        soft_preference_loss(scores[:1], scores[1:], torch.tensor([p_first])).sum().backward()
        slope = 1 / (1 + math.exp(-gap)) - p_first
        assert scores.grad is not None
        assert scores.grad.tolist() == pytest.approx([slope, -slope], abs=1e-6)


def test_the_soft_loss_is_the_mean_of_the_two_hard_ones() -> None:
    for p in (0.25, 0.6):
        assert loss(0.4, -0.3, p) == pytest.approx(p * loss(0.4, -0.3, 1.0) + (1 - p) * loss(0.4, -0.3, 0.0))


def test_half_precision_scores_are_compared_in_float32() -> None:
    half = torch.tensor([1.0, 0.0], dtype=torch.bfloat16)
    found = soft_preference_loss(half[:1], half[1:], torch.tensor([0.7]))
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(0.613262, abs=1e-6)


@pytest.mark.parametrize(
    ("losses", "weights", "expected"),
    [
        ([1.0, 3.0], [1.0, 1.0], 2.0),
        ([1.0, 3.0], [1.5, 0.5], 1.5),  # (1.5 + 1.5) / 2
        ([1.0, 1.0], [3.0, 3.0], 3.0),  # a batch of heavy pairs alone counts more
        ([4.0], [0.5], 2.0),  # and a pair's weight does not cancel where it stands alone
    ],
)
def test_the_weighted_mean(losses: list[float], weights: list[float], expected: float) -> None:
    assert float(weighted_mean(torch.tensor(losses), torch.tensor(weights))) == pytest.approx(expected)
