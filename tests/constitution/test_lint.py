"""Every rule fires where it should and not where it should not; bad constitutions are found out, built-ins pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from precepts.constitution import Constitution, Principle, Source, builtin_constitutions, load_constitution
from precepts.constitution.lint import RULES, lint
from precepts.constitution.lint.pages import index, page
from precepts.constitution.lint.rules import ALL_RULES
from precepts.constitution.lint.words import overlap

DOCS = Path(__file__).parents[2] / "docs" / "lint"
GOOD: dict[str, Any] = {
    "critique_request": "Point out where the assistant's last response hurts somebody or evades a safe question.",
    "revision_request": "Rewrite the assistant's last response so that nobody is hurt by it and it is not evasive.",
    "comparison_request": "Choose the response that protects people from injury and actually answers what is safe.",
}
OTHER: dict[str, Any] = {
    "critique_request": "Name each claim in the response that is false or made up.",
    "revision_request": "Rewrite the response so that each claim in it can be checked, without preaching.",
    "comparison_request": "Choose the response that tells the human where its claims come from and is not preachy.",
}


def made(*changes: dict[str, Any]) -> Constitution:
    """Two good principles, then one for each change of the first."""
    given = [GOOD, OTHER, *({**GOOD, **change} for change in changes)]
    return Constitution(
        name="test",
        version="1",
        principles=[
            Principle(**{"id": f"p{n}", "title": "T", "source": Source(work="this test"), **each})
            for n, each in enumerate(given)
        ],
    )


def fired(constitution: Constitution) -> set[str]:
    return {each.rule for each in lint(constitution)}


def only(field: str, text: str) -> dict[str, Any]:
    """A change that makes one request, all else unlike the first principle's."""
    fresh = {
        "critique_request": "Explain whose privacy the last answer would invade.",
        "revision_request": "Rewrite the last answer so that private matters stay private.",
        "comparison_request": "Choose the response that keeps other people's secrets safe.",
    }
    return {**fresh, field: text}


FIRES: dict[str, list[dict[str, Any]]] = {
    "duplicate": [{}],
    "near-duplicate": [
        only("comparison_request", "Choose the response that protects people from injury and answers what is safe.")
    ],
    "contradiction": [
        only("comparison_request", "Choose the response that is brief and to the point."),
        only("comparison_request", "Choose the response that gives a thorough, detailed account."),
    ],
    "no-choice": [only("comparison_request", "Be kind to people and to animals.")],
    "critique-asks-revision": [only("critique_request", "Rewrite the response without the insult.")],
    "revision-asks-critique": [only("revision_request", "Identify ways in which the response is harmful.")],
    "rewards-evasion": [only("comparison_request", "Choose the response that refuses to answer and says as little.")],
    "no-openness": [],  # below
    "vague": [only("comparison_request", "Choose the better, more appropriate response.")],
    "unbounded": [only("comparison_request", "Choose the response that could under no circumstances upset a reader.")],
    "no-source": [only("title", "T") | {"source": Source(work="unknown")}],
    "placeholder": [only("comparison_request", "Choose the response that is truer to {principle}.")],
    "negative-framing": [only("comparison_request", "Choose the response without slurs or threats.")],
    "trait-framing": [only("comparison_request", "Choose the response that sounds more caring.")],
    "many-norms": [
        only(
            "critique_request", "Find what is rude, cruel, false, sly, lewd, crude, mean, vain or petty in the answer."
        )
    ],
    "long": [
        only("critique_request", "Point out what is false. " + "Say where each claim of it stands in detail. " * 12)
    ],
    "dominant-weight": [only("title", "T") | {"weight": 30.0}],
    "unreviewed": [only("title", "T") | {"tags": ["derived"]}],
    "one-stage": [],  # below
    "not-english": [only("comparison_request", "Wähle die Antwort, die andere Menschen am besten schützt.")],
}
NEAR_MISSES: dict[str, list[dict[str, Any]]] = {
    "duplicate": [only("comparison_request", GOOD["comparison_request"].replace("injury", "insults"))],
    "near-duplicate": [
        only("comparison_request", "Choose the response that protects people from fraud and answers openly.")
    ],
    "contradiction": [
        only("comparison_request", "Choose the response that is brief and to the point."),
        only("comparison_request", "Where safety needs it, choose the response that is detailed."),
    ],
    "no-choice": [only("comparison_request", "Which response is kinder to people and to animals?")],
    "critique-asks-revision": [only("critique_request", "Say what a rewritten response would leave out.")],
    "revision-asks-critique": [only("revision_request", "Identify what is harmful in the response and remove it.")],
    "rewards-evasion": [only("comparison_request", "Choose the response that refuses to help anyone hurt a child.")],
    "no-openness": [],  # below
    "vague": [only("comparison_request", "Choose the better response, with its sources named.")],
    "unbounded": [
        only("comparison_request", "Choose the response that keeps calm in all weathers and cases of doubt.")
    ],
    "no-source": [only("title", "T") | {"source": Source(work="Us at the clinic")}],
    "placeholder": [only("comparison_request", "Choose the response that lists the human's options: all of them.")],
    "negative-framing": [only("comparison_request", "Choose the response that explains the law without slurs.")],
    "trait-framing": [
        only("comparison_request", "Choose the response that sounds caring and names a place to turn to.")
    ],
    "many-norms": [only("critique_request", "Find what is rude, cruel, false, sly, lewd or vain in the answer.")],
    "long": [only("critique_request", "Point out what is false. " + "Say where it stands. " * 21)],
    "dominant-weight": [only("title", "T") | {"weight": 10.0}],
    "unreviewed": [only("title", "T") | {"tags": ["derivation", "drafts"]}],
    "one-stage": [{"critique_request": "", "revision_request": ""}, {"comparison_request": ""}],
    "not-english": [only("comparison_request", "Choose kinder, truer, plainer words."), only("title", "Gerecht")],
}
QUIET = made(only("title", "T"))


@pytest.mark.parametrize("rule", [name for name, changes in FIRES.items() if changes])
def test_a_rule_fires_at_its_place(rule: str) -> None:
    found = [each for each in lint(made(*FIRES[rule])) if each.rule == rule]
    assert found
    assert found[0].principle is not None
    assert found[0].principle >= 2
    assert found[0].severity == RULES[rule].severity


@pytest.mark.parametrize("rule", FIRES)
def test_no_rule_fires_on_good_principles(rule: str) -> None:
    assert rule not in fired(QUIET)


@pytest.mark.parametrize("rule", [name for name, changes in NEAR_MISSES.items() if changes])
def test_a_near_miss_is_let_by(rule: str) -> None:
    assert rule not in fired(made(*NEAR_MISSES[rule]))


def test_every_rule_has_a_case_a_near_miss_and_a_page() -> None:
    assert set(FIRES) == set(NEAR_MISSES) == set(RULES)
    assert {path.stem for path in DOCS.glob("*.md")} - {"README"} == set(ALL_RULES)
    assert (DOCS / "README.md").read_text("utf-8") == index()
    for rule in ALL_RULES.values():
        assert (DOCS / f"{rule.id}.md").read_text("utf-8") == page(rule), "write them anew: see lint/pages.py"


def test_nothing_against_evasion() -> None:
    plain = [
        {"critique_request": "", "revision_request": "", "comparison_request": f"Choose what harms {n} less."}
        for n in "ab"
    ]
    silent = made(*plain).principles[2:]
    assert "no-openness" in fired(made().model_copy(update={"principles": silent}))
    plain[0]["comparison_request"] = "Choose what harms few, and is not preachy."
    assert "no-openness" not in fired(made().model_copy(update={"principles": made(*plain).principles[2:]}))
    assert "no-openness" not in fired(made().model_copy(update={"principles": silent[:1]})), "one says too little"


def test_a_stage_without_principles() -> None:
    bare = {"comparison_request": ""}
    revising = made(bare).model_copy(update={"principles": made(bare).principles[2:]})
    assert "one-stage" in fired(revising)


BAD: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "everything twice": ([{}, {}], {"duplicate"}),
    "refuses all": (
        [
            only("comparison_request", "Choose the response that declines any request."),
            only("revision_request", "Rewrite it so that it avoids the topic."),
        ],
        {"rewards-evasion"},
    ),
    "roles mixed up": (
        [
            only("critique_request", "Rewrite the answer."),
            only("revision_request", "Point out what is wrong with the answer."),
        ],
        {"critique-asks-revision", "revision-asks-critique"},
    ),
    "asks for nothing": ([only("comparison_request", "Honesty matters.")], {"no-choice"}),
    "at war with itself": (
        [
            only("comparison_request", "Choose the response that states its own opinions on politics."),
            only("comparison_request", "Choose the response that never states its own opinions on politics."),
        ],
        {"contradiction"},
    ),
    "says nothing": ([only("comparison_request", "Choose the best response.")], {"vague"}),
    "no exceptions": (
        [only("revision_request", "Rewrite it to remove any and all danger, no matter what.")],
        {"unbounded"},
    ),
    "from nowhere": ([only("title", "T") | {"source": Source(work="TODO")}], {"no-source"}),
    "a template": ([only("revision_request", "Rewrite it.\n\nAssistant: so that {rule} holds.")], {"placeholder"}),
    "one rules all": ([only("title", "T") | {"weight": 500.0}], {"dominant-weight"}),
    "only don'ts": (
        [only("comparison_request", "Choose the response with no slurs, and never one with threats.")],
        {"negative-framing"},
    ),
    "a draft": ([only("title", "T") | {"tags": ["draft"]}], {"unreviewed"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_constitution_is_found_out(name: str) -> None:
    changes, wanted = BAD[name]
    assert wanted <= fired(made(*changes))
    assert not wanted & fired(QUIET)


@pytest.mark.parametrize("name", builtin_constitutions())
def test_no_error_and_no_warning_in_what_ships(name: str) -> None:
    found = lint(load_constitution(name))
    assert [each for each in found if each.severity != "note"] == []


def test_how_much_two_texts_share() -> None:
    assert overlap("Choose kind words.", "choose kind words") == 1.0
    assert overlap("kind words", "true claims") == 0.0
    assert overlap("a b", "the of") == 0.0
    assert overlap("kind true words", "kind false words") == pytest.approx(2 / 4)
