"""The preference model's figures on numbers worked by hand."""

from __future__ import annotations

from math import isnan, log, nan

import pytest

from precepts.evals.preference_model import PreferenceFigures, preference_figures
from precepts.evals.statistics import wilson
from precepts.evidence import ScoredComparison


def compared(
    gap: float, target: float, source: str = "helpful", first: str = "aa", prompt: str = ""
) -> ScoredComparison:
    name = prompt or f"{gap} {target} {first}"
    return ScoredComparison(name, name, source, first, "bbb", target, gap, 0.0)


def figures(rows: list[ScoredComparison]) -> tuple[PreferenceFigures, ...]:
    return preference_figures(rows, seed=0)


def test_accuracy_beside_the_longer_answer() -> None:
    rows = [
        compared(2.0, 1.0),  # right; the longer answer (second) is wrong
        compared(1.0, 1.0),  # likewise
        compared(-1.0, 1.0, first="aaaa"),  # wrong; the longer answer is right
        compared(0.0, 1.0),  # even
        compared(nan, 1.0),  # no score
        compared(3.0, 0.5),  # undecided
        compared(-2.0, 0.9, first="bbb"),  # wrong; equal lengths, so the baseline does not decide
        compared(1.0, 0.2, source="ai"),
    ]
    human, _, ai = figures(rows)
    assert (human.comparisons, human.undecided, human.even) == (7, 1, 2)
    assert human.accuracy == wilson(2, 4)
    assert human.longer == wilson(1, 3)
    assert human.over_longer.value == pytest.approx(1 / 3)
    assert (ai.accuracy.value, ai.accuracy.n, ai.longer.value) == (0.0, 1, 1.0)


def test_calibration_looks_at_both_orders() -> None:
    sure = [compared(40.0, 1.0, prompt=str(n)) for n in range(4)]
    assert figures(sure)[0].calibration == pytest.approx(0.0)
    # Even odds on human comparisons are calibrated, though the first response is always the better one.
    even = [compared(0.0, 1.0, prompt=str(n)) for n in range(4)]
    assert figures(even)[0].calibration == pytest.approx(0.0)
    wrong = [compared(-800.0, 1.0, prompt=str(n)) for n in range(4)]
    assert figures(wrong)[0].calibration == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("gap", "target", "nats"),
    [
        (0.0, 1.0, log(2)),
        (0.0, 0.3, log(2)),
        (1.0, 0.7, 0.6133),
        (-1.0, 1.0, 1.3133),
        (900.0, 1.0, 0.0),
        (-900.0, 1.0, 900.0),
    ],
)
def test_log_loss_is_that_of_the_training(gap: float, target: float, nats: float) -> None:
    assert figures([compared(gap, target)])[0].log_loss == pytest.approx(nats, abs=5e-5)


def test_scores_of_the_preferred_and_of_the_other() -> None:
    rows = [compared(float(n), 1.0, prompt=f"p{n}") for n in range(1, 6)] + [compared(-6.0, 0.0, prompt="turned")]
    found = figures(rows)[0]
    assert found.preferred[2] == pytest.approx(2.5)  # the median of 1, 2, 3, 4, 5 and 0 (the turned one's second)
    assert found.other[2] == pytest.approx(0.0)
    assert figures([])[0].preferred == ()


def sized(first: int, second: int, gap: float, target: float, n: int) -> ScoredComparison:
    return ScoredComparison(f"c{n}", f"p{n}", "ai", "x" * first, "x" * second, target, gap, 0.0)


def test_a_model_that_likes_length_is_told_from_one_whose_labels_do() -> None:
    spread = [(10 + 7 * n % 50, 10 + 11 * n % 60) for n in range(60)]
    follows = [sized(a, b, (a - b) / 10, float(n % 2), n) for n, (a, b) in enumerate(spread) if a != b]
    found = figures(follows)[2]
    assert found.length.value == pytest.approx(1.0)
    assert found.likes_length
    as_labelled = [sized(a, b, (a - b) / 10, float(a > b), n) for n, (a, b) in enumerate(spread) if a != b]
    assert figures(as_labelled)[2].label_length > 0.8
    indifferent = [sized(a, b, float(n % 3 - 1), float(n % 2), n) for n, (a, b) in enumerate(spread)]
    assert not figures(indifferent)[2].likes_length


def test_nothing_to_count_is_nan_and_other_sources_come_last() -> None:
    found = figures([compared(1.0, 1.0, source="mine")])
    assert [each.source for each in found] == ["helpful", "harmless", "ai", "mine"]
    assert isnan(found[0].log_loss) and isnan(found[0].length.value) and found[0].accuracy.n == 0
