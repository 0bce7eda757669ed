"""Seeded sampling: the distribution is exact, and a row never depends on the rows beside it."""

from __future__ import annotations

import pytest
import torch

from precepts.engines.base import GenerateRequest
from precepts.engines.sampling import HEAD, SeededSampler, _inverse, _nucleus

DRAWS = 6000


def request(seed: int = 0, temperature: float = 1.0, top_p: float = 1.0) -> GenerateRequest:
    return GenerateRequest("", temperature=temperature, top_p=top_p, seed=seed)


def draw(logits: torch.Tensor, temperature: float = 1.0, top_p: float = 1.0) -> torch.Tensor:
    """How often each token is chosen in DRAWS rows, each with its own seed."""
    sampler = SeededSampler([request(seed, temperature, top_p) for seed in range(DRAWS)])
    return torch.bincount(sampler.pick(logits.expand(DRAWS, -1)), minlength=len(logits))


def chi_square(counts: torch.Tensor, probabilities: torch.Tensor) -> float:
    expected = probabilities.double() * counts.sum()
    kept = expected > 0
    assert counts[~kept].sum() == 0  # what has no probability is never drawn
    return float(((counts[kept] - expected[kept]) ** 2 / expected[kept]).sum())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_at_each_temperature(temperature: float) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -2.0])
    exact = torch.softmax(logits / temperature, dim=0)
    assert chi_square(draw(logits, temperature), exact) < 18.5  # 0.1 % point of chi-square with 4 degrees of freedom


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (0.5, [1, 0, 0, 0]),
        (0.6, [2 / 3, 1 / 3, 0, 0]),
        (0.75, [2 / 3, 1 / 3, 0, 0]),
        (0.76, [1 / 2, 1 / 4, 1 / 8, 1 / 8]),  # the last two are equally likely, so both are in
        (1.0, [1 / 2, 1 / 4, 1 / 8, 1 / 8]),
    ],
)
def test_the_nucleus_is_exact_at_its_boundary(top_p: float, expected: list[float]) -> None:
    probabilities = torch.tensor([[0.5, 0.25, 0.125, 0.125]])
    kept = _nucleus(probabilities, torch.tensor([[top_p]]))[0]
    assert (kept / kept.sum()).tolist() == pytest.approx(expected)


def test_a_row_that_keeps_all_keeps_what_lies_beyond_the_head() -> None:
    flat = torch.softmax(torch.linspace(0, 1, 2 * HEAD), dim=0)[None]
    peaked = torch.zeros(1, 2 * HEAD)
    peaked[0, 7] = 1.0
    kept = _nucleus(torch.cat([peaked, flat]), torch.tensor([[0.5], [1.0]]))
    assert torch.equal(kept, torch.cat([peaked, flat]))


def test_draws_follow_the_nucleus_in_any_order_of_the_vocabulary() -> None:
    logits = torch.tensor([0.05, 0.4, 0.15, 0.3, 0.1]).log()
    # 0.4 + 0.3 is short of 0.8, with 0.15 it is over.
    exact = torch.tensor([0, 0.4, 0.15, 0.3, 0]) / 0.85
    assert chi_square(draw(logits, top_p=0.8), exact) < 13.9  # 0.1 % point, 2 degrees of freedom


def test_a_flat_vocabulary_larger_than_the_head_is_sampled_whole() -> None:
    size = 2 * HEAD
    logits = torch.linspace(0, 0.5, size)  # the likeliest HEAD tokens hold 56 %
    probabilities = torch.softmax(logits, dim=0).sort(descending=True).values
    inside = int((probabilities.double().cumsum(0) < 0.9).sum()) + 1
    counts = draw(logits, top_p=0.9)
    assert HEAD < inside < size
    assert counts[: size - inside].sum() == 0
    exact = torch.cat([torch.zeros(size - inside), probabilities[:inside].flip(0)])
    assert chi_square(counts, exact / exact.sum()) < inside + 4 * (2 * inside) ** 0.5


@pytest.mark.parametrize("size", [8, 4 * HEAD])
def test_a_row_is_the_same_alone_and_beside_rows_with_other_settings(size: int) -> None:
    logits = torch.randn(40, size, generator=torch.Generator().manual_seed(1)) / 4
    logits[:, 1] = logits[:, 0]  # ties, as bfloat16 logits have
    settings = [(temperature, top_p) for temperature in (0.0, 0.7, 1.0, 3.0) for top_p in (0.3, 0.9, 0.999, 1.0)]
    requests = [request(row, *settings[row % len(settings)]) for row in range(40)]
    together = SeededSampler(requests).pick(logits)
    alone = [int(SeededSampler([each]).pick(logits[row : row + 1])) for row, each in enumerate(requests)]
    assert together.tolist() == alone


def test_greedy_rows_take_the_likeliest_whatever_their_seed() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [0.0, 0.0, 9.0], [5.0, 4.9, 4.8]])
    for seed in range(5):
        requests = [request(seed, 0.0), request(seed, 0.0, top_p=0.5), request(seed, 0.0)]
        assert SeededSampler(requests).pick(logits).tolist() == [1, 2, 0]


def test_a_row_goes_on_with_its_own_generator() -> None:
    logits = torch.zeros(1, 1000)
    first, again = SeededSampler([request(3)]), SeededSampler([request(3)])
    drawn = [int(first.pick(logits)) for _ in range(8)]
    assert drawn == [int(again.pick(logits)) for _ in range(8)]
    assert len(set(drawn)) > 4


def test_as_a_logits_processor_it_leaves_one_token_for_each_row() -> None:
    scores = torch.zeros(2, 6, dtype=torch.bfloat16)
    only = SeededSampler([request(1), request(2)])(torch.zeros(2, 3, dtype=torch.long), scores)
    assert only.dtype == scores.dtype
    assert torch.isfinite(only).sum(dim=1).tolist() == [1, 1]


@pytest.mark.parametrize(("uniform", "index"), [(0.0, 1), (0.2499, 1), (0.25, 3), (0.999, 3), (1 - 2**-53, 3)])
def test_the_inverse_never_lands_on_a_token_without_probability(uniform: float, index: int) -> None:
    probabilities = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]])
    assert int(_inverse(probabilities, torch.tensor([[uniform]], dtype=torch.float64))) == index
