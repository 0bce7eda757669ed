"""`precepts`: the commands. How every one of them ends is told in `ending.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from precepts import __version__
from precepts.cli import measuring
from precepts.cli.constitutions import constitutions
from precepts.cli.ending import Command
from precepts.cli.measuring import Assignments
from precepts.cli.terminal import say
from precepts.errors import InputError
from precepts.runs.remote import run_at

app = typer.Typer(
    name="precepts",
    help="Constitutional AI, end to end: critique and revision, AI feedback, a preference model, RL, evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its URL.")]


def _version(wanted: bool) -> None:
    if wanted:
        say(f"precepts {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Constitutional AI, end to end."""


@app.command(cls=Command)
def run(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name (see 'precepts recipe'), or a YAML file.")],
    run: Annotated[
        str, typer.Option("--run", help="The run's folder (or URL): made, gone on with, or passed over when done.")
    ],
    assignments: Assignments = None,
    until: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="The last stage to run.")] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="The first stage to run.")] = None,
    redo: Annotated[
        bool, typer.Option("--redo", help="Redo stages whose settings changed (or --from) and what hangs on them.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", min=1, max=64, help="N seeds of it as arms, then compared.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it will cost; nothing is written.")] = False,
    sample: Annotated[int, typer.Option("--sample", metavar="N", min=1, help="With --dry-run: items tried.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: for machines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Run a recipe: the whole method, from prompts to report."""
    if dry_run and seeds:
        raise InputError("--dry-run: it says what one seed costs; leave --seeds out")
    if dry_run:
        from precepts.cli.dry_run import dry_run_command

        chosen = {"until": until, "begin": begin, "redo": redo}
        with run_at(run, new=True) as folder:
            dry_run_command(recipe, folder, assignments or [], sample, as_json=as_json, **chosen)
        return
    from precepts.cli.run import run_command

    with run_at(run, write=True) as folder:
        run_command(recipe, folder, assignments or [], until=until, begin=begin, redo=redo, quiet=quiet, seeds=seeds)


@app.command(cls=Command)
def sweep(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name, or a YAML file without arms.")],
    run: Annotated[
        str, typer.Option("--run", help="The folder (or URL) of all arms: made, gone on with, or passed over.")
    ],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE,VALUE", help="A setting and the values it takes.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="The last stage to run.")] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="The first stage to run.")] = None,
    redo: Annotated[
        bool, typer.Option("--redo", help="Redo stages whose settings changed (or --from) and what hangs on them.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Run a recipe once for each point of a grid of settings, and compare."""
    from precepts.cli.sweep import sweep_command

    with run_at(run, write=True) as folder:
        sweep_command(recipe, folder, assignments or [], until=until, begin=begin, redo=redo, quiet=quiet)


@app.command(cls=Command)
def status(
    run: RunFolder,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Compare with this recipe (default: its own).")] = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show each stage of a run: done, partial or stale, with tokens and seconds."""
    from precepts.cli.status import status_command

    with run_at(run) as folder:
        status_command(folder, recipe, assignments or [], as_json=as_json)


@app.command(cls=Command)
def report(
    run: RunFolder,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A model card in Hugging Face's format instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="For the card; default: printed.")
    ] = None,
) -> None:
    """Write a run's report.html anew from its records, or a model card."""
    from precepts.cli.report import card_command, report_command

    if output is not None and not markdown:
        raise InputError("--output is for the model card; add --markdown (the report is always RUN/report.html)")
    with run_at(run) as folder:
        if markdown:
            card_command(folder, output)
        else:
            report_command(folder)


@app.command(cls=Command)
def figures(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to (default: RUN/figures).")
    ] = None,
) -> None:
    """Draw the paper's figures from a run's own records, and say what each missing one needs."""
    from precepts.cli.figures import figures_command

    with run_at(run) as folder:
        figures_command(folder, output)


@app.command(cls=Command)
def export(
    run: RunFolder,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The stage whose records are wanted.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A .parquet or .jsonl file, or a folder.")
    ],
    form: Annotated[str | None, typer.Option("--format", help="parquet or jsonl (default: by OUT's name).")] = None,
    style: Annotated[str | None, typer.Option("--style", help="chat or raw (default: the recipe's format).")] = None,
    split: Annotated[str, typer.Option("--split", help="train, held_out or all.")] = "train",
    messages: Annotated[bool, typer.Option("--messages", help="Prompt and completion as one column.")] = False,
    to: Annotated[str | None, typer.Option("--push", metavar="ORG/NAME", help="Send the folder to the Hub.")] = None,
    private: Annotated[bool, typer.Option("--private", help="With --push: for yourself alone.")] = False,
) -> None:
    """Write a stage's records as a trainer's columns (TRL), or as a Hub data set."""
    from precepts.cli.export import export_command

    how: dict[str, Any] = {"form": form, "style": style, "split": split, "messages": messages}
    with run_at(run) as folder:
        export_command(folder, stage, output, **how, to=to, private=private)


@app.command("export-model", cls=Command)
def export_model(
    run: RunFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of the run: sl, rl, pm, critic.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder for it.")],
    dtype: Annotated[str, typer.Option("--dtype", help="same, float32, bfloat16 or float16.")] = "same",
    gguf: Annotated[str | None, typer.Option("--gguf", metavar="TYPE", help="As GGUF too: f16, bf16, q8_0.")] = None,
    converter: Annotated[Path | None, typer.Option("--converter", metavar="FILE", help="llama.cpp's script.")] = None,
) -> None:
    """Write a run's model for others to run: adapters merged, safetensors, GGUF."""
    from precepts.cli.export import export_model_command

    with run_at(run, models=True) as folder:
        export_model_command(folder, name, output, dtype=dtype, gguf=gguf, converter=converter)


@app.command(cls=Command)
def trace(
    run: RunFolder,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="The id of an example, or the beginning of one.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show where one example comes from, and what it was used for."""
    from precepts.cli.trace import trace_command

    with run_at(run) as folder:
        trace_command(folder, wanted, as_json=as_json)


@app.command(cls=Command)
def recipe(
    name: Annotated[str | None, typer.Argument(help="A built-in recipe to print; without it, all are listed.")] = None,
) -> None:
    """Print a built-in recipe, to begin one's own from."""
    from precepts.recipe import builtin_recipes, recipe_text

    say(recipe_text(name) if name else "\n".join(builtin_recipes()))


measuring.add_to(app)
app.add_typer(constitutions)


def main() -> None:
    """Entry point."""
    app()
