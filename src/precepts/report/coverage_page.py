"""The page of `precepts constitution coverage`: a heat map, and what it says, in one self-contained file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from precepts import __version__
from precepts.constitution import Constitution
from precepts.evals.coverage import Coverage
from precepts.records import Comparison
from precepts.report.drawing import Picture, as_svg, colour, figure, short
from precepts.report.numbers import Cell, decimal, share_cell
from precepts.report.tables import Row, Table
from precepts.report.write import environment
from precepts.runs.shards import write_whole

_FULL = 0.3  # the effect that is drawn in full colour
_WIDTH = 9.0  # inches, drawn as wide as the page


def write_coverage_page(
    path: Path,
    found: Coverage,
    constitution: Constitution,
    comparisons: Sequence[Comparison],
    claims: Sequence[str],
    facts: Mapping[str, str],
) -> None:
    """Write the page to `path`."""
    page = (
        environment()
        .get_template("coverage.html.j2")
        .render(
            constitution=constitution,
            facts=facts,
            claims=claims,
            pictures=[heat_map(found, constitution, comparisons)],
            tables=[_table(found, constitution)],
            silent=[comparisons[index].messages[-1].content for index in found.silent],
            version=__version__,
        )
    )
    write_whole(path, page.encode())


def heat_map(found: Coverage, constitution: Constitution, comparisons: Sequence[Comparison]) -> Picture:
    """Principles down, comparisons across by their kind; the stronger the colour, the further the label moves."""
    order = sorted(range(len(comparisons)), key=lambda index: (comparisons[index].category, index))
    names = [each.id for each in constitution.judging]
    with figure(_WIDTH, 1.2 + 0.2 * len(names)) as drawn:
        axes = drawn.subplots()
        for row in range(len(names)):
            for column, index in enumerate(order):
                effect = found.effects[row][index]
                if np.isnan(effect) or abs(effect) < found.least / 2:
                    continue
                role, strength = ("complies" if effect > 0 else "rl"), min(1.0, abs(effect) / _FULL)
                axes.bar(column, 0.86, 0.86, row - 0.43, color=colour(role), alpha=strength, linewidth=0)
        axes.set(xlim=(-0.6, len(order) - 0.4), ylim=(len(names) - 0.4, -0.6))
        axes.set_yticks(range(len(names)), [short(name, 36) for name in names], fontsize=9)
        kinds = [comparisons[index].category.partition(":")[0] or "all" for index in order]
        starts = [place for place, kind in enumerate(kinds) if place == 0 or kind != kinds[place - 1]]
        axes.set_xticks([place - 0.5 for place in starts], [short(kinds[place], 16) for place in starts], ha="left")
        axes.grid(axis="x", color=colour("faint"), linewidth=0.8)
        axes.set_axisbelow(True)
        svg = as_svg(drawn, "coverage", "How far each principle moves the label of each comparison")
    return Picture(
        "Which principle moves which label",
        svg,
        f"A row a principle, a column a comparison, by kind. Colour: how far the principle moves the label from what a "
        f"bare request to choose gives: orange towards the preferred response, violet away from it, full colour at "
        f"{decimal(_FULL)} of probability, nothing below {decimal(found.least / 2)}.",
    )


def _table(found: Coverage, constitution: Constitution) -> Table:
    order = sorted(range(len(found.mean)), key=lambda index: -found.mean[index])
    rows = tuple(
        Row(constitution.judging[index].id, (share_cell(found.moved[index]), Cell(decimal(found.mean[index]), "", "")))
        for index in order
    )
    moved = f"{decimal(found.least)} or more"
    note = f"Share of comparisons whose label it moves by {moved} (95 % intervals), and its mean effect."
    return Table("Principles by how much they move", note, ("Speaks to", "Mean effect"), rows)
