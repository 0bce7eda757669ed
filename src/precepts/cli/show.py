"""`precepts constitution show`: a constitution for reading, on the terminal or as a page."""

from __future__ import annotations

from pathlib import Path

from precepts.cli.terminal import say, show
from precepts.cli.writing import check_places, writing
from precepts.constitution import Constitution, Principle, load_constitution
from precepts.constitution.lint import lint
from precepts.demonstrations import CritiqueDemonstration
from precepts.report.numbers import counted


def show_command(source: str, page: Path | None) -> None:
    """Print a constitution for reading, or write it as a page. Raises InputError."""
    check_places(page)
    constitution = load_constitution(source)
    if page is None:
        show_constitution(constitution)
        return
    from precepts.report.constitution_page import write_constitution_page

    with writing(page):
        write_constitution_page(page, constitution, lint(constitution))
    say(page)


def show_constitution(constitution: Constitution) -> None:
    """Print a constitution."""
    many = counted(len(constitution.principles), "principle")
    licence = f", {constitution.licence}" if constitution.licence else ""
    show(f"{constitution.name} {constitution.version}, {many}, {constitution.hash}{licence}", "bold")
    if constitution.description:
        show(constitution.description)
    for each in constitution.principles:
        _show_principle(each)
    shown = constitution.demonstrations
    for number, one in enumerate(shown.critiques, 1):
        _show_fields(f"Shown: round {number}", {"prompt": one.prompt, "response": one.response, **_asked(one)})
    for number, two in enumerate(shown.comparisons_and_chains, 1):
        told = {"first": two.first, "second": two.second, "reasons": two.reasoning, "better": two.answer}
        _show_fields(f"Shown: comparison {number}", {"prompt": two.prompt, **told})


def _asked(one: CritiqueDemonstration) -> dict[str, str]:
    revised = "(the response, unchanged)" if one.unchanged else one.revision
    return {
        "critique asked": one.critique_request,
        "critique": one.critique,
        "revision asked": one.revision_request,
        "revision": revised,
    }


def _show_principle(principle: Principle) -> None:
    weight = "" if principle.weight == 1 else f", weight {principle.weight:g}"
    source = principle.source
    fields = {
        "from": ", ".join(part for part in (source.work, source.section, source.url) if part),
        "quote": f"“{source.quote}”" if source.quote else "",
        "tags": ", ".join(principle.tags),
        "critique": principle.critique_request,
        "revision": principle.revision_request,
        "comparison": principle.comparison_request,
    }
    _show_fields(principle.title, fields, f" ({principle.id}{weight})")


def _show_fields(title: str, fields: dict[str, str], aside: str = "") -> None:
    """A heading, and the fields that say something: their names in one column, their texts in another."""
    from rich.table import Table
    from rich.text import Text

    show(Text.assemble("\n", (title, "bold"), (aside, "dim")))
    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in fields.items():
        if text.strip():
            table.add_row(Text(name), Text(text.strip("\n")))
    show(table)
