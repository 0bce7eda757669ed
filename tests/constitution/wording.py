"""Plain principles with one request of interest each, and which rules fire at it."""

from __future__ import annotations

from precepts.constitution import Constitution, Principle, Source
from precepts.constitution.lint import lint

PLAIN = {
    "critique_request": "Point out where the last response is unkind.",
    "revision_request": "Rewrite the last response so that it is kind.",
    "comparison_request": "Choose the response that is honest about its sources.",
}


def holding(field: str, *texts: str) -> Constitution:
    """A constitution of plain principles, one for each text, with that text in one field."""
    source = Source(work="this test")
    return Constitution(
        name="test",
        version="1",
        principles=[
            Principle(**{"id": f"p{n}", "title": "T", "source": source, **PLAIN, field: text})
            for n, text in enumerate(texts)
        ],
    )


def fired(field: str, *texts: str) -> set[str]:
    return {each.rule for each in lint(holding(field, *texts)) if each.field == field}
