"""What changed between two constitutions."""

from __future__ import annotations

from precepts.constitution import load_constitution
from precepts.constitution.compare import Changes, Reworded, compare


def test_nothing_changed() -> None:
    default = load_constitution("default")
    assert not compare(default, default)


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
        reworded=(
            Reworded(second.id, "title", second.title, "New"),
            Reworded(second.id, "tags", ", ".join(second.tags), "x"),
        ),
        reweighted=((first.id, 1.0, 2.0),),
    )
