"""The constitution's principles, with how often each was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from precepts.report.gather import Gathered
from precepts.report.numbers import whole


@dataclass(frozen=True)
class PrincipleRow:
    """A principle with how often it was drawn; `url` is "" unless it is http or https."""

    title: str
    work: str
    section: str
    url: str
    critique_request: str
    revision_request: str
    comparison_request: str
    revisions: str
    labels: str


def principle_rows(found: Gathered) -> list[PrincipleRow]:
    """The constitution's principles; those drawn but no longer in it follow by their ids alone."""
    drawn, judged = found.revisions, found.labels.by_principle
    principles = found.constitution.principles if found.constitution else []
    rows = [
        PrincipleRow(
            each.title,
            each.source.work,
            each.source.section,
            web_address(each.source.url),
            each.critique_request,
            each.revision_request,
            each.comparison_request,
            whole(drawn.get(each.id, 0)),
            whole(judged.get(each.id, 0)),
        )
        for each in principles
    ]
    gone = sorted({*drawn, *judged} - {each.id for each in principles})
    return rows + [_gone(name, drawn, judged) for name in gone]


def _gone(name: str, drawn: Mapping[str, int], judged: Mapping[str, int]) -> PrincipleRow:
    return PrincipleRow(name, "", "", "", "", "", "", whole(drawn.get(name, 0)), whole(judged.get(name, 0)))


def web_address(url: str) -> str:
    """`url` where it is a whole http or https address, else "": nothing else may become a link."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme in ("http", "https") and parts.netloc else ""
