"""A constitution as one self-contained page: what a team argues about and signs, with what lint says of each part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from precepts import __version__
from precepts.constitution import Constitution
from precepts.constitution.lint import RULES, Finding
from precepts.report.numbers import counted
from precepts.report.write import environment
from precepts.runs.shards import write_whole


def write_constitution_page(path: Path, constitution: Constitution, findings: Sequence[Finding]) -> None:
    """Write the page to `path`."""
    write_whole(path, constitution_page(constitution, findings).encode())


def constitution_page(constitution: Constitution, findings: Sequence[Finding]) -> str:
    """The page as HTML."""
    by_principle: dict[int | None, list[Finding]] = {}
    for each in findings:
        by_principle.setdefault(each.principle, []).append(each)
    total = sum(each.weight for each in constitution.principles)
    return (
        environment()
        .get_template("constitution.html.j2")
        .render(
            constitution=constitution,
            findings=by_principle,
            rules=RULES,
            shares=[each.weight / total for each in constitution.principles],
            many=counted(len(constitution.principles), "principle"),
            rounds=constitution.demonstrations.critiques,
            comparisons=constitution.demonstrations.comparisons_and_chains,
            version=__version__,
        )
    )
