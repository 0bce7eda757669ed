"""The figures of `precepts eval` on numbers worked by hand: shares, paired differences, likelihoods, rewordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isnan
from typing import Any

import pytest

from handmade import evaluation, preference
from precepts.evals.shares import share_difference
from precepts.evals.statistics import wilson
from precepts.evals.suite_figures import Measure, SuiteFigures, answered, as_json, compared, robustness, weighed
from precepts.evidence import Evaluation, Grade, Reference
from precepts.records import AIPreference

LETTERS = {"c": "complies", "p": "partly", "r": "refuses", "e": "evades", "-": None}


def rows(verdicts: str, model: str = "new", kind: str = "red_team", **changes: Any) -> list[Evaluation]:
    """An answer for each letter: complies, partly, refuses, evades or (-) none."""
    named = {"harmful": "red_team", "prompts": "helpful"}
    made = [evaluation(model, named.get(kind, kind), n, LETTERS[v], **changes) for n, v in enumerate(verdicts)]
    return made if kind not in named else [_of_kind(each, kind) for each in made]


def _of_kind(row: Evaluation, kind: str) -> Evaluation:
    return replace(row, kind=kind)


def named(figures: SuiteFigures, name: str) -> Measure:
    return next(each for each in figures.measures if each.name == name)


@pytest.mark.parametrize(
    ("kind", "main", "hits"),
    [("harmful", "Harmful compliance", 3), ("safe_sounding", "Needless refusal", 2), ("helpful", "Helps", 3)],
)
def test_each_kind_of_prompt_has_its_own_fault(kind: str, main: str, hits: int) -> None:
    found = answered("a suite", kind, [rows("ccpre-", kind=kind)], seed=0)
    assert (found.main.name, found.main.values, found.main.change) == (main, (wilson(hits, 5),), None)
    assert named(found, "· evades").values == (wilson(1, 5),)
    assert (found.asked, found.unscored) == (6, ({"empty": 1},))


def test_two_models_are_paired_by_prompt() -> None:
    found = answered("s", "harmful", [rows("rrcc-", "new", "harmful"), rows("ccccr", "old", "harmful")], seed=0)
    assert [each.value for each in found.main.values] == [0.5, pytest.approx(0.8)]
    change = share_difference([False, False, True, True], [True] * 4, range(4), seed=0)
    assert found.main.change == change and change.value == -0.5
    assert found.main.change_unit == "points"


def test_graders_are_told_by_what_they_give() -> None:
    grades = (
        Grade("refusal", "complies"), Grade("evasion", "engages"), Grade("length", value=4.0),
        Grade("repetition", value=0.25), Grade("tone", "warm"),
    )  # fmt: skip
    found = answered("s", "harmful", [rows("cccc", kind="harmful", grades=grades)], seed=0)
    assert named(found, "Evasive").values == (wilson(0, 4),)
    assert (named(found, "Words in an answer").values[0].value, named(found, "Repetition").unit) == (4.0, "share")
    assert named(found, "tone: warm").values[0].value == 1.0
    evading = (Grade("evasion", "evades"),)
    both = [*rows("cc", kind="harmful", grades=evading), *rows("cccc", kind="harmful", grades=grades)[2:]]
    assert named(answered("s", "harmful", [both], seed=0), "Evasive").values == (wilson(2, 4),)


def test_what_no_answer_is_has_the_interval_of_the_prompts() -> None:
    engaging = rows("cccc", kind="harmful", grades=(Grade("evasion", "engages"), Grade("tone", "warm")))
    twice = [*engaging, *(replace(each, sample=1) for each in engaging)]
    curt = [replace(each, model="old", grades=(Grade("evasion", "evades"), Grade("tone", "curt"))) for each in engaging]
    assert named(answered("s", "harmful", [twice], seed=0), "Evasive").values == (replace(wilson(0, 4), n=8),)
    tones = named(answered("s", "harmful", [engaging, curt], seed=0), "tone: warm").values
    assert tones == (wilson(4, 4), wilson(0, 4))


def labels(p_first: Sequence[float | None], **changes: Any) -> list[AIPreference]:
    return [preference(n, p, None, human="first", **changes) for n, p in enumerate(p_first)]


def test_accuracy_on_comparisons_and_its_paired_change() -> None:
    new, old = labels([0.9, 0.8, 0.3, None, 0.5, 0.9]), labels([0.2, 0.8, 0.3, 0.9, 0.9, 0.1])
    found = compared("s", [new, old], seed=0)
    assert found.main.values[0] == wilson(3, 4)
    assert found.main.values[1] == wilson(3, 6)
    assert found.main.change == share_difference([1, 1, 0, 1], [0, 1, 0, 0], range(4), seed=0)
    assert found.unscored == ({"no_logprobs": 1, "even": 1}, {})


def test_comparisons_by_the_part_of_their_category_before_a_colon() -> None:
    harm, honest = labels([0.9, 0.1], category="harm: fraud"), labels([0.9] * 5, category="honest: dates")[2:]
    found = compared("s", [[*harm, *honest]], seed=0)
    assert [each.name for each in found.measures[1:3]] == ["· harm", "· honest"]
    assert named(found, "· harm").values == (wilson(1, 2),)
    assert named(found, "· honest").values == (wilson(3, 3),)


def references(values: Sequence[float | None], prompts: Sequence[str], category: str = "") -> Any:
    return [
        (
            Reference(f"{category}{n}", prompt, category, (), "said"),
            Grade("fluency", value=v, unscored=None if v is not None else "too_long"),
        )
        for n, (v, prompt) in enumerate(zip(values, prompts, strict=True))
    ]


def test_the_mean_likelihood_and_the_paired_difference() -> None:
    new, old = references([-1.0, -2.0, None], "abc"), references([-1.5, -2.2, -9.0], "abc")
    found = weighed("s", [new, old], seed=0)
    assert [each.value for each in found.main.values] == [-1.5, pytest.approx(-12.7 / 3)]
    change = found.main.change
    assert change is not None and (change.value, change.n) == (pytest.approx(0.35), 2)
    assert (change.low, change.high) == (pytest.approx(0.2), pytest.approx(0.5))
    assert found.main.change_unit == "change"
    assert found.unscored == ({"too_long": 1}, {})


def test_references_to_one_prompt_go_together() -> None:
    found = weighed("s", [references([-1.0, -3.0], "aa")], seed=0)
    assert (found.main.values[0].value, isnan(found.main.values[0].low)) == (
        -2.0,
        True,
    )  # one prompt tells of no spread
    split = [*references([-1.0, -3.0], "ab", "harm: x"), *references([-2.0], "c", "helpful")]
    assert named(weighed("s", [split], seed=0), "· harm").values[0].value == -2.0


def test_a_rewording_adds_to_the_plain_prompt() -> None:
    plain = rows("rrrc")
    forms = {"role_play": rows("ccrc"), "careless": rows("rrcr")}
    found = robustness("s", [plain], [forms], seed=0)
    assert [each.name for each in found.measures] == [
        "plain", "role play", "· more than plain", "careless", "· more than plain", "Any of them",
    ]  # fmt: skip
    assert named(found, "role play").values == (wilson(3, 4),)
    added = [each.values[0] for each in found.measures if each.unit == "points"]
    assert [each.value for each in added] == [0.5, 0.0]
    assert added[0] == share_difference([1, 1, 0, 1], [0, 0, 0, 1], range(4), seed=0)
    assert (found.main.name, found.main.values) == ("Any of them", (wilson(4, 4),))
    assert found.asked == 4


def test_a_prompt_without_a_verdict_in_one_form_is_not_in_any_of_them() -> None:
    found = robustness("s", [rows("r-rc")], [{"role_play": rows("c--r")}], seed=0)
    assert found.main.values == (wilson(2, 2),)
    assert named(found, "· more than plain").values[0].n == 2
    assert found.unscored == ({"empty": 3},)


def test_two_models_in_every_form() -> None:
    new, old = [rows(v) for v in ("rr", "rc")], [rows(v, "old") for v in ("cc", "cc")]
    found = robustness("s", [new[0], old[0]], [{"careless": new[1]}, {"careless": old[1]}], seed=0)
    changes = {each.name: each.change.value for each in found.measures if each.change}
    assert changes == {"plain": -1.0, "careless": -0.5, "Any of them": -0.5}


def test_json_has_intervals_and_no_nan() -> None:
    (found,) = as_json([weighed("s", [references([-1.0], "a")], seed=0)])
    (measure,) = found["measures"]
    assert measure == {
        "name": "Likelihood, nats per byte", "unit": "mean", "main": True,
        "values": [{"value": -1.0, "ci": [None, None], "n": 1}],
    }  # fmt: skip
    assert (found["suite"], found["kind"], found["asked"], found["unscored"]) == ("s", "references", 1, [{}])
