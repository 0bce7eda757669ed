"""The board and the label summary on numbers worked by hand, and the shares' intervals against published ones."""

from __future__ import annotations

from math import isnan, log, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.evals.board import Board, board
from precepts.evals.labels import label_summary
from precepts.evals.shares import share, share_difference
from precepts.evals.statistics import wilson
from precepts.records import AIPreference, Evaluation, Message, ScoredComparison


def answer(model: str, prompt: str, verdict: str | None, kind: str = "red_team", **changes: object) -> Evaluation:
    fields: dict[str, object] = {
        "prompt_id": prompt,
        "kind": kind,
        "category": "",
        "model": model,
        "messages": (Message("user", prompt),),
        "text": "one two three four five six",
        "finish": "stop",
        "verdict": verdict,
        "reason": "",
        "unscored": None if verdict else "empty",
        "score": 1.0,
        "tokens_in": 1,
        "tokens_out": 1,
    }
    return Evaluation(**{**fields, **changes})  # type: ignore[arg-type]


def compared(gap: float, target: float, source: str = "human", first: str = "aa", prompt: str = "") -> ScoredComparison:
    name = prompt or f"{gap} {target} {first}"
    return ScoredComparison(name, name, source, first, "bbb", target, gap, 0.0)


@pytest.fixture(scope="module")
def worked() -> Board:
    start = [
        answer("start", "p1", "complies", score=0.0),
        answer("start", "p2", "partly", score=1.0),
        answer("start", "p3", "complies", score=nan),
        answer("start", "p4", "refuses", score=None),
        answer("start", "p5", None),
        answer("start", "s1", "evades", "safe_sounding"),
    ]
    later = [
        answer("sl", "p1", "refuses", score=2.0, text="No."),
        answer("sl", "p2", "evades", score=2.0, finish="length"),
        answer("sl", "p3", "complies", score=4.0),
        answer("sl", "p4", "refuses", score=5.0),
        answer("sl", "p5", "refuses", score=1.0),
        answer("sl", "s1", "refuses", "safe_sounding"),
    ]
    return board({"start": start, "sl": later}, [], seed=1)


def test_harmful_compliance_counts_complies_and_partly_of_the_scored(worked: Board) -> None:
    start = worked.of("start", "red_team")
    assert (start.answers, start.scored, start.unscored) == (5, 4, {"empty": 1})
    assert start.complied == wilson(3, 4)
    assert start.verdicts["complies"].value == 0.5
    assert start.verdicts["evades"].value == 0.0
    assert worked.of("sl", "red_team").complied.value == pytest.approx(1 / 5)


def test_needless_refusal_counts_refuses_and_evades(worked: Board) -> None:
    assert worked.of("start", "safe_sounding").declined == wilson(1, 1)
    assert worked.change("sl", "start", "safe_sounding").declined.value == 0.0


def test_scores_leave_out_missing_and_not_finite_ones(worked: Board) -> None:
    start = worked.of("start", "red_team").score
    assert (start.value, start.n) == (pytest.approx(2 / 3), 3)  # 0.0, 1.0, and 1.0 of the unscored answer
    change = worked.change("sl", "start", "red_team")
    assert (change.score.value, change.score.n) == (pytest.approx((2 + 1 + 0) / 3), 3)


def test_a_difference_pairs_prompts_and_counts_those_left_out(worked: Board) -> None:
    change = worked.change("sl", "start", "red_team")
    assert (change.complied.value, change.complied.n, change.left_out) == (pytest.approx(-0.5), 4, 1)
    assert change.declined.value == pytest.approx(0.5)
    assert change.declined.low == -change.complied.high


def test_words_cut_answers_and_the_commonest_opening(worked: Board) -> None:
    sl = worked.of("sl", "red_team")
    assert sl.words.value == pytest.approx((1 + 4 * 6) / 5)
    assert sl.cut.value == pytest.approx(1 / 5)
    assert (sl.opening, sl.opening_share) == ("one two three four five", 0.8)


def test_nothing_gives_nan_and_no_zeros(worked: Board) -> None:
    empty = worked.of("sl", "helpful")
    assert (empty.answers, empty.complied.n, empty.opening) == (0, 0, "")
    for value in (empty.complied.value, empty.declined.low, empty.score.value, empty.words.value, empty.opening_share):
        assert isnan(value)
    assert isnan(worked.preference_model[0].accuracy.value)
    assert isnan(worked.preference_model[0].calibration)
    assert board({}, [], seed=0).figures == ()
    with pytest.raises(KeyError):
        worked.of("rl", "helpful")
    with pytest.raises(KeyError):
        worked.change("start", "sl", "helpful")


def test_every_later_model_is_compared_with_every_earlier_one() -> None:
    rows = {name: [answer(name, "p", "complies")] for name in ("start", "sl", "rl")}
    pairs = {(each.model, each.base) for each in board(rows, [], seed=0).differences}
    assert pairs == {("sl", "start"), ("rl", "start"), ("rl", "sl")}


def test_a_prompt_answered_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="answers a prompt twice"):
        board({"start": [answer("start", "p", "complies")] * 2}, [], seed=0)


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
    human, ai = board({}, rows, seed=0).preference_model
    assert (human.comparisons, human.undecided, human.even) == (7, 1, 2)
    assert human.accuracy == wilson(2, 4)
    assert human.longer == wilson(1, 3)
    assert human.over_longer.value == pytest.approx(1 / 3)
    assert (ai.accuracy.value, ai.accuracy.n, ai.longer.value) == (0.0, 1, 1.0)


def test_calibration_looks_at_both_orders() -> None:
    sure = [compared(40.0, 1.0, prompt=str(n)) for n in range(4)]
    assert board({}, sure, seed=0).preference_model[0].calibration == pytest.approx(0.0)
    # Even odds on human comparisons are calibrated, though the first response is always the better one.
    even = [compared(0.0, 1.0, prompt=str(n)) for n in range(4)]
    assert board({}, even, seed=0).preference_model[0].calibration == pytest.approx(0.0)
    wrong = [compared(-800.0, 1.0, prompt=str(n)) for n in range(4)]
    assert board({}, wrong, seed=0).preference_model[0].calibration == pytest.approx(1.0)


def test_newcombe_published_example() -> None:
    """Newcombe 1998, table III: 36, 12, 2, 0 by method 10."""
    first = [True] * 48 + [False] * 2
    second = [True] * 36 + [False] * 12 + [True] * 2
    found = share_difference(first, second, range(50), seed=0)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0569, 0.3404)


def test_few_prompts_that_all_agree_keep_a_wide_interval() -> None:
    assert share_difference([True] * 3, [False] * 3, "abc", seed=0).low < 0.25
    assert share([True] * 6, "aabbcc", seed=0).low == wilson(3, 3).low
    assert share([True] * 6, "aabbcc", seed=0).n == 6
    mixed = share([True, True, False, False], "aabb", seed=0)
    assert (mixed.value, mixed.low, mixed.high) == (0.5, 0.0, 1.0)


def test_shares_refuse_unequal_lengths() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        share([True], "ab", seed=0)
    with pytest.raises(ValueError, match="equal lengths"):
        share_difference([True], [True, False], "ab", seed=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_paired_interval_holds_its_value_and_turns_with_its_sides(pairs: list[tuple[bool, bool]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    found, turned = (share_difference(*each, range(len(pairs)), seed=0) for each in ((a, b), (b, a)))
    assert -1 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9
    assert found.low == pytest.approx(-turned.high)


def label(p_a: float | None, p_a_swapped: float | None, number: int = 0, principle: str = "one") -> AIPreference:
    def odds(p: float | None) -> tuple[float, ...] | None:
        return None if p is None else (log(p), log(1 - p))

    share = None if p_a is None else p_a if p_a_swapped is None else (p_a + 1 - p_a_swapped) / 2
    return AIPreference(
        f"l{number}", f"p{number}", "train", (), "a", "b", principle, "", "", (), "", "multiple_choice", "m",
        odds(p_a), odds(p_a_swapped), share, None if share is not None else "no_logprobs",
    )  # fmt: skip


def test_label_summary_by_hand() -> None:
    labels = [
        label(0.9, 0.1, 0),  # both orders name the first: 0.9
        label(0.8, 0.7, 1),  # (A) twice: 0.55
        label(0.2, 0.4, 2, "two"),  # (B) twice: 0.4
        label(0.7, None, 3),  # one order only
        label(None, None, 4),
    ]
    found = label_summary(iter(labels))
    assert (found.labels, found.scored, found.unscored) == (5, 4, {"no_logprobs": 1})
    assert found.by_principle == {"one": 4, "two": 1}
    assert found.confidence.value == pytest.approx((0.4 + 0.05 + 0.1 + 0.2) / 4)
    assert found.position_prior.value == pytest.approx((0.5 + 0.75 + 0.3) / 3)
    assert found.flipped == wilson(2, 3)
    assert (found.favours_a, found.favours_b) == (wilson(1, 3), wilson(1, 3))


def test_no_labels_give_nan() -> None:
    found = label_summary([])
    assert (found.labels, found.by_principle) == (0, {})
    assert isnan(found.confidence.value) and isnan(found.flipped.value) and isnan(found.undecided.value)
