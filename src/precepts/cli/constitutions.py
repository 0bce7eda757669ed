"""The commands about constitutions: `precepts constitution ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from precepts.cli.ending import Command
from precepts.cli.measuring import Assignments, asking

constitutions = typer.Typer(
    name="constitution", help="Check, import, export, compare, show a constitution.", no_args_is_help=True
)
ConstitutionSource = Annotated[str, typer.Argument(metavar="CONSTITUTION", help="A built-in's name or a file.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="Default: printed.")]


@constitutions.command("list", cls=Command)
def list_constitutions() -> None:
    """List the built-in constitutions."""
    from precepts.cli.constitution import list_command

    list_command()


@constitutions.command(cls=Command)
def lint(
    source: ConstitutionSource,
    form: Annotated[str, typer.Option("--format", help="text, json or sarif.")] = "text",
    output: Output = None,
    model: Annotated[
        str | None, typer.Option("--with", metavar="MODEL", help="Try the principles on a model too.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=3, help="With a model: comparisons tried.")] = 16,
) -> None:
    """Say what is wrong with a constitution, where, why it matters and how to mend it."""
    from precepts.cli.constitution import lint_command

    sys.exit(lint_command(source, form, output, model, limit))


@constitutions.command("coverage", cls=Command)
def constitution_coverage(
    constitution: ConstitutionSource,
    source: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Prompts with two responses: a file, builtin:NAME or hf:ORG/NAME.")
    ] = "builtin:comparisons",
    model: Annotated[str | None, typer.Option("--model", help="The feedback model (default: embedded).")] = None,
    labeler: Annotated[str | None, typer.Option("--labeler", help="How to ask (default: multiple_choice).")] = None,
    shots: Annotated[int | None, typer.Option("--shots", help="Few-shot comparisons shown.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N comparisons.")] = 24,
    least: Annotated[float, typer.Option("--least", min=0.01, max=1.0, help="How far a label moves to count.")] = 0.05,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page with a heat map.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    assignments: Assignments = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Say which principles have anything to say about which prompts."""
    from precepts.cli.coverage import coverage_command

    settings = asking(model, labeler, shots, constitution, assignments)
    coverage_command(settings, source, limit, least=least, as_text=not as_json, page=page, quiet=quiet)


@constitutions.command("import", cls=Command)
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="The paper's JSON files, a list of sentences, or prose (.md)."),
    ],
    output: Output = None,
    name: Annotated[str | None, typer.Option("--name", help="Its name (default: the file's).")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Of prose: at most N norms.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Of prose: what it calls the assistant.")] = None,
    model: Annotated[str | None, typer.Option("--with", metavar="MODEL", help="Of prose: words the requests.")] = None,
) -> None:
    """Make a constitution of files from elsewhere."""
    from precepts.cli.constitution import import_command

    import_command(paths, output, name, limit, agent, model)


@constitutions.command("export", cls=Command)
def export_constitution(
    source: ConstitutionSource,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A folder for the files.")],
) -> None:
    """Write a constitution as the paper's published prompt files."""
    from precepts.cli.constitution import export_command

    export_command(source, output)


@constitutions.command(cls=Command)
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A built-in's name, a file, or a run.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A built-in's name, a file, or a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what changed between two constitutions, or between the labels of two runs."""
    from precepts.cli.diff import diff_command

    diff_command(before, after, as_json=as_json)


@constitutions.command(cls=Command)
def show(
    source: ConstitutionSource,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write it as an HTML page.")] = None,
) -> None:
    """Show a constitution for reading."""
    from precepts.cli.show import show_command

    show_command(source, page)


@constitutions.command(cls=Command)
def new(path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")]) -> None:
    """Write a commented constitution to begin from."""
    from precepts.cli.constitution import new_command

    new_command(path)
