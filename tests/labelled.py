"""A constitution and comparisons for tests of labels."""

from __future__ import annotations

from precepts.constitution import Constitution, Principle, Source
from precepts.records import Comparison, Message

CONSTITUTION = Constitution(
    name="test",
    version="1",
    principles=[
        Principle(
            id=f"rule-{n}",
            title="Rule",
            source=Source(work="this test"),
            critique_request="Criticise.",
            revision_request="Revise.",
            comparison_request=f"Choose by rule {n}.",
        )
        for n in range(4)
    ],
)


def comparison(first: str = "Mix flour.", second: str = "I can't.", name: str = "c1") -> Comparison:
    return Comparison(name, "p1", "train", "", (Message("user", "How do I bake {first}?"),), first, second)
