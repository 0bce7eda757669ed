"""What `lint --with MODEL` finds: each rule of a model fires where it should and not where it should not."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from method.small import precepts
from precepts.cli.constitution import lint_command
from precepts.cli.coverage import findings_of, measured
from precepts.constitution import Constitution, Principle, Source
from precepts.constitution.lint import Finding
from precepts.constitution.lint.rules import MODEL_RULES
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.scripted import said
from precepts.errors import InputError
from precepts.evals.coverage import LEAST
from precepts.recipe import recipe_of
from precepts.records import Comparison, Message

ITEMS = [
    Comparison(str(n), f"prompt-{n}", "train", "", (Message("user", f"Question {n}?"),), "one", "two", "first")
    for n in range(4)
]


def found(**effects: list[float]) -> list[Finding]:
    """The findings about principles that move the odds of the first response from a half, by comparison."""
    principles = [
        Principle(id=name, title="T", source=Source(work="this test"), comparison_request=f"Choose by {name}.")
        for name in effects
    ]
    constitution = Constitution(name="test", version="1", principles=principles)

    def odds(request: ChoiceRequest) -> list[float]:
        asked = said(request)
        name = re.findall(r"Choose by (\w+)", asked)
        number = int(re.findall(r"Question (\d)", asked)[-1])
        first = 0.5 + (effects[name[-1]][number] if name else 0)
        one_is_first = "(A) [[[ one" in asked
        return [math.log(p) for p in ((first, 1 - first) if one_is_first else (1 - first, first))]

    recipe = recipe_of({"models": {"start": "scripted"}, "label": {"shots": 0}})
    engine = ScriptedEngine([], odds)
    return findings_of(measured(recipe, constitution, engine, ITEMS, LEAST, quiet=True), constitution)


MOVES = [0.3, -0.2, 0.1, 0.0]
CASES: dict[str, tuple[list[float], list[float]]] = {  # what a second principle does: the rule fires, it does not
    "no-effect": ([0.04, -0.04, 0.01, -0.02], [0.0, 0.0, 0.06, 0.0]),
    "twin": ([0.15, -0.1, 0.05, 0.0], [0.15, -0.1, -0.1, 0.1]),
    "contradiction-by-effect": ([-0.3, 0.2, -0.1, 0.0], [-0.3, 0.2, 0.2, -0.2]),
}


def test_every_rule_of_a_model_has_its_cases() -> None:
    assert set(CASES) == set(MODEL_RULES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_fires_and_does_not(rule: str) -> None:
    fires, quiet = CASES[rule]
    (told,) = [each for each in found(first=MOVES, second=fires) if each.rule == rule]
    assert (told.principle, told.field) == (1, "comparison_request")
    assert told.severity == MODEL_RULES[rule].severity
    assert rule == "no-effect" or "'first'" in told.message
    assert rule not in {each.rule for each in found(first=MOVES, second=quiet)}


def test_opposites_are_told_with_their_correlation() -> None:
    told = {each.rule: each.message for each in found(first=MOVES, second=[-each for each in MOVES])}
    assert told == {"contradiction-by-effect": "moves labels the opposite way to 'first' (correlation −1.00)"}


def test_of_many_twins_the_first_are_told() -> None:
    twins = [each for each in found(**{f"p{n}": MOVES for n in range(8)}) if each.rule == "twin"]
    assert len(twins) == 21
    assert twins[-1].message == "and 8 more such places, not listed"


def test_a_model_needs_comparison_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cai.yaml"
    path.write_text(
        "name: cai\nversion: '1'\nprinciples:\n  - id: kind\n    title: Kind\n    source: {work: ours}\n"
        "    critique_request: Point out what is unkind.\n    revision_request: Rewrite it kindly.\n",
        encoding="utf-8",
    )
    done = precepts("constitution", "lint", str(path), "--with", str(tmp_path / "no-model"))
    assert done.returncode == 2 and "cai: no principle has a comparison_request" in done.stderr
    monkeypatch.setattr("precepts.engines.make_engine", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(InputError, match="no principle has a comparison_request"):
        lint_command(str(path), "text", None, "any", 3)
