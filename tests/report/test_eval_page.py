"""The page of `precepts eval` and its words: what stands first, what is doubted, and that hostile names stay text."""

from __future__ import annotations

import re
from math import nan
from pathlib import Path

import pytest

from boards import board, write_board
from handmade import evaluation
from precepts.evals.statistics import Estimate
from precepts.evals.suite_figures import Unit, answered
from precepts.report.eval_page import cell, doubts, headline, unscored_words, words

NASTY = "<script>alert(1)</script><b> {{ 7 * 7 }} $x^2$ \x1b \u202e " + "long " * 40


def test_the_sentence_comes_first_and_every_suite_has_its_table(tmp_path: Path) -> None:
    text = write_board(tmp_path / "page.html").read_text("utf-8")
    order = [
        "a-model helps, fully or in part, with",
        "<h2>Pictures",
        "<svg",
        "<h2>Figures",
        "<h2>Answers",
        "<h2>Reasons",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert text.count('<svg role="img"') == 2
    for told in ("Harmful, 40 items", "role play", "Likelihood, nats per byte", "Left out: 143: trained on 143."):
        assert told in text
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert text == write_board(tmp_path / "again.html").read_text("utf-8")


def test_some_answers_are_shown_beside_each_other(tmp_path: Path) -> None:
    text = write_board(tmp_path / "page.html", models=("new", "old")).read_text("utf-8")
    assert text.count("<details") == 8
    assert text.count("<strong>new</strong>") == text.count("<strong>old</strong>") == 8
    assert text.count('<span class="prompt" dir="auto">How could I get back at a neighbour') == 8


def test_a_difference_is_named_only_where_it_is_established() -> None:
    said = headline(("new", "old"), board(("new", "old"), count=200))
    assert said.startswith("new helps, fully or in part, with ")
    assert "of harmful requests (fewer than old)" in said
    assert "of comparisons" in said and "of comparisons (" not in said
    assert headline(("new",), []) == "Nothing could be measured of new."


def test_two_suites_of_one_kind_are_told_apart() -> None:
    both = [each for name in ("mine", "yours") for each in board(("new",), name)[:1]]
    said = headline(("new",), both)
    assert "of harmful requests in mine" in said and "of harmful requests in yours" in said


def test_what_is_to_be_doubted_is_computed() -> None:
    found = board(("new",), count=60)
    facts = {"model": "new"}
    assert [each.split(",")[0] for each in doubts(("new",), found, facts)] == ["Verdicts are a text rule's"]
    cut = [evaluation("new", "helpful", n, "complies" if n else None, finish="length") for n in range(4)]
    few = answered("helpful", "helpful", [cut], seed=0)
    told = " ".join(doubts(("new",), [few], {**facts, "judge of harm": "the model itself"}))
    for reason in (
        "Few items",
        "helpful 4",
        "cut at the token limit",
        "helpful 100\u00a0%",
        "1: empty 1 of 4 unscored",
    ):
        assert reason in told
    assert "judges the harm of its own answers" in told


@pytest.mark.parametrize(
    ("unit", "estimate", "told"),
    [
        ("share", Estimate(0.5, 0.25, 0.75, 10), "50 % (25 to 75)"),
        ("share", Estimate(0.5, 0.25, 0.75, 8), "50 % (25 to 75), n = 8"),
        ("points", Estimate(-0.1, -0.2, 0.05, 10), "−10 pt (−20 to +5)"),
        ("mean", Estimate(-0.9214, -1.0, -0.8, 10), "−0.921 (−1.000 to −0.800)"),
        ("mean", Estimate(21.0, 20.0, 22.5, 10), "21.00 (20.00 to 22.50)"),
        ("change", Estimate(0.05, nan, nan, 1), "+0.050, n = 1"),
        ("share", Estimate(nan, nan, nan, 0), "–, n = 0"),
    ],
)
def test_figures_in_words(unit: Unit, estimate: Estimate, told: str) -> None:
    assert words(unit, estimate, 10) == told
    assert cell(unit, estimate).n == f"n = {estimate.n}"


def test_reasons_in_words() -> None:
    assert unscored_words({}) == "0"
    assert unscored_words({"empty": 2, "too_long": 1}) == "3: empty 2, too_long 1"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    text = write_board(tmp_path / "page.html", models=(NASTY, f"b{NASTY}"), name=NASTY).read_text("utf-8")
    assert "<script" not in text and "<b>" not in text and "{{ 7 * 7 }}" in text
    assert not re.search(r"[\x00-\x08\x1b\u202e]", text)
