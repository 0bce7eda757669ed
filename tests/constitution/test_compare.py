"""What changed between two constitutions."""

from __future__ import annotations

from typing import Any

import pytest

from precepts.constitution import Constitution, load_constitution
from precepts.constitution.compare import Changes, Reworded, compare


def test_nothing_changed() -> None:
    default = load_constitution("default")
    assert compare(default, default) == Changes()
    assert not Changes()


def test_every_kind_of_change() -> None:
    before = load_constitution("default")
    first, second, third, *rest = before.principles
    after = before.model_copy(
        update={
            "principles": [
                first.model_copy(update={"weight": 2.0}),
                second.model_copy(update={"title": "New", "tags": ["x"]}),
                third.model_copy(update={"id": "renamed"}),
                *rest[1:],
                rest[0].model_copy(update={"id": "fresh", "comparison_request": "Choose the fresh one."}),
            ]
        }
    )
    assert compare(before, after) == Changes(
        added=("fresh",),
        removed=(rest[0].id,),
        renamed=((third.id, "renamed"),),
        reordered=(),
        reworded=(
            Reworded(second.id, "title", second.title, "New"),
            Reworded(second.id, "tags", ", ".join(second.tags), "x"),
        ),
        reweighted=((first.id, 1.0, 2.0),),
    )


def made(*names: str, **more: Any) -> Constitution:
    """A constitution whose principles are called so, each a request of its own."""
    principles = [
        {"id": name, "title": "T", "source": {"work": "w", "section": "s"}, "comparison_request": f"Choose {name[0]}."}
        for name in names
    ]
    return Constitution.model_validate({"name": "n", "version": "1", "principles": principles, **more})


def with_first(constitution: Constitution, **changes: Any) -> Constitution:
    first, *rest = constitution.principles
    return constitution.model_copy(update={"principles": [first.model_copy(update=changes), *rest]})


def quoting(quote: str) -> Constitution:
    before = made("a", "b")
    return with_first(before, source=before.principles[0].source.model_copy(update={"quote": quote}))


CHOICE = {"prompt": "p", "first": "one", "second": "two", "answer": "first"}
OTHER = {**CHOICE, "prompt": "q"}
ITEM = {"prompt": "p", "corrects": ["good"], "incorrects": ["bad", "worse"]}


def choosing(*shown: dict[str, Any], **more: Any) -> Constitution:
    return made("a", demonstrations={"comparisons": list(shown), **more})


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (quoting("old"), quoting("new"), {"reworded": (Reworded("a", "source.quote", "old", "new"),)}),
        (
            with_first(made("ab", "b"), weight=2.0),
            with_first(made("a", "b"), weight=3.0, title="U"),
            {
                "renamed": (("ab", "a"),),
                "reweighted": (("a", 2.0, 3.0),),
                "reworded": (Reworded("a", "title", "T", "U"),),
            },
        ),
        (made("ab", "ac"), made("ad", "ae"), {"renamed": (("ab", "ad"), ("ac", "ae"))}),
        (made("ab", "ac"), made("ad"), {"renamed": (("ab", "ad"),), "removed": ("ac",)}),
        (made("a", "b", "c"), made("c", "a", "b"), {"reordered": ("c",)}),
        (made("a", "b", "c"), made("b", "d", "c"), {"removed": ("a",), "added": ("d",)}),
        (made("a"), made("a", licence="MIT"), {"about": (Reworded("constitution", "licence", "", "MIT"),)}),
        (
            made("a", description="Old."),
            made("a", description="New."),
            {"about": (Reworded("constitution", "description", "Old.", "New."),)},
        ),
        (
            choosing(CHOICE, OTHER),
            choosing(OTHER),
            {"demonstrations": (Reworded("comparisons[0]", "", "p / one / two / first", ""),)},
        ),
        (
            choosing(CHOICE),
            choosing({**CHOICE, "answer": "second", "reasoning": "Why."}),
            {
                "demonstrations": (
                    Reworded("comparisons[0]", "reasoning", "", "Why."),
                    Reworded("comparisons[0]", "answer", "first", "second"),
                )
            },
        ),
        (
            choosing(),
            choosing(items=[ITEM]),
            {"demonstrations": (Reworded("items[0]", "", "", "p / good / bad, worse"),)},
        ),
        (
            choosing(items=[ITEM]),
            choosing(items=[{**ITEM, "incorrects": ["bad"]}]),
            {"demonstrations": (Reworded("items[0]", "incorrects", "bad, worse", "bad"),)},
        ),
    ],
)
def test_what_differs_is_told_once_and_nothing_else(
    before: Constitution, after: Constitution, found: dict[str, Any]
) -> None:
    assert compare(before, after) == Changes(**found)
    same = before.hash == after.hash and before.demonstrations.hash == after.demonstrations.hash
    assert same or compare(before, after)
