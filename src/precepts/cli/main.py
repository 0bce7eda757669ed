"""`precepts`: the commands. How every one of them ends is told in `ending.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from precepts import __version__
from precepts.cli.ending import Command
from precepts.errors import InputError

app = typer.Typer(
    name="precepts",
    help="Constitutional AI, end to end: critique and revision, AI feedback, a preference model, RL, evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"precepts {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Constitutional AI, end to end."""


@app.command(cls=Command)
def run(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name (see 'precepts recipe'), or a YAML file.")],
    run: Annotated[Path, typer.Option("--run", help="The run's folder: made, gone on with, or passed over when done.")],
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
        dry_run_command(recipe, run, assignments or [], sample, as_json=as_json, **chosen)
        return
    from precepts.cli.run import run_command

    run_command(recipe, run, assignments or [], until=until, begin=begin, redo=redo, quiet=quiet, seeds=seeds)


@app.command(cls=Command)
def sweep(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe's name, or a YAML file without arms.")],
    run: Annotated[Path, typer.Option("--run", help="The folder of all arms: made, gone on with, or passed over.")],
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

    sweep_command(recipe, run, assignments or [], until=until, begin=begin, redo=redo, quiet=quiet)


@app.command(cls=Command)
def status(
    run: RunFolder,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Compare with this recipe (default: its own).")] = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show each stage of a run: done, partial or stale, with tokens and seconds."""
    from precepts.cli.status import status_command

    status_command(run, recipe, assignments or [], as_json=as_json)


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

    if markdown:
        card_command(run, output)
    elif output is not None:
        raise InputError("--output is for the model card; add --markdown (the report is always RUN/report.html)")
    else:
        report_command(run)


@app.command(cls=Command)
def figures(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to (default: RUN/figures).")
    ] = None,
) -> None:
    """Draw the paper's figures from a run's own records, and say what each missing one needs."""
    from precepts.cli.figures import figures_command

    figures_command(run, output)


@app.command(cls=Command)
def audit(
    source: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Labelled comparisons: a file, builtin:NAME or hf:ORG/NAME.")
    ] = "builtin:comparisons",
    model: Annotated[str | None, typer.Option("--model", help="The feedback model (default: embedded).")] = None,
    labeler: Annotated[str | None, typer.Option("--labeler", help="How to ask (default: multiple_choice).")] = None,
    constitution: Annotated[str | None, typer.Option("--constitution", help="A built-in's name or a file.")] = None,
    shots: Annotated[int | None, typer.Option("--shots", help="Few-shot comparisons shown.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most N comparisons.")] = None,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page with pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    assignments: Assignments = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Measure a feedback model on labelled comparisons, before it is trusted."""
    from precepts.cli.audit import audit_command

    settings = _asking(model, labeler, shots, constitution, assignments)
    audit_command(settings, source, limit, as_text=not as_json, page=page, quiet=quiet)


def _asking(
    model: str | None,
    labeler: str | None,
    shots: int | None,
    constitution: str | None,
    assignments: list[str] | None,
) -> Any:
    """The settings for asking a feedback model, from the command line alone."""
    label = {"labeler": labeler, "shots": shots}
    return _settings(
        {"models": {"start": model}, "label": label, "constitution": {"source": constitution}}, assignments
    )


def _settings(given: dict[str, Any], assignments: list[str] | None) -> Any:
    """The default recipe with what was `given`, by stage; what is None was not."""
    from precepts.recipe import recipe_of

    def told(values: dict[str, Any]) -> dict[str, Any]:
        return {k: told(v) if isinstance(v, dict) else v for k, v in values.items() if v is not None}

    return recipe_of(told(given), assignments or [])


@app.command("eval", cls=Command)
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A built-in, a folder, a Hub id, or RUN/models/NAME.")],
    suites: Annotated[
        list[str] | None,
        typer.Option(
            "--suite", metavar="NAME_OR_FILE", help="Repeatable; KIND=FILE says its kind (default: built-ins)."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most N items of each.")] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Ask each harmful prompt in other words too.")
    ] = False,
    against: Annotated[str | None, typer.Option("--against", metavar="MODEL", help="Set beside this one.")] = None,
    judge: Annotated[str | None, typer.Option("--judge", metavar="MODEL", help="Marks the harm of answers.")] = None,
    labeler: Annotated[str, typer.Option("--labeler", help="How comparisons are asked.")] = "contrastive",
    constitution: Annotated[str | None, typer.Option("--constitution", help="A built-in's name or a file.")] = None,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page with pictures.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Every answer with its grades, as JSON Lines.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of sampling and intervals (default: 0).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    assignments: Assignments = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Evaluate any model: harmful compliance, refusal, evasion, over-refusal, helpfulness, comparisons, references."""
    from precepts.cli.eval import eval_command
    from precepts.evals.graders.grader import CHEAP

    given = {
        "seed": seed,
        "models": {"judge": judge},
        "label": {"labeler": labeler},
        "constitution": {"source": constitution},
        "evaluate": {"limit": limit, "graders": [*CHEAP, "harm"] if judge else None},
    }
    shown: dict[str, Any] = {"as_text": not as_json, "page": page, "output": output, "quiet": quiet}
    eval_command(model, _settings(given, assignments), suites or [], against=against, robustness=robustness, **shown)


@app.command(cls=Command)
def score(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Rows with a prompt or messages, and a response.")],
    pm: Annotated[Path, typer.Option("--pm", metavar="DIR", help="A preference model, as RUN/models/pm.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="Default: printed.")] = None,
    style: Annotated[str | None, typer.Option("--format", help="chat or raw (default: as it was trained).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Score responses with a preference model."""
    from precepts.cli.score import score_command

    score_command(source, pm, output, style=style, quiet=quiet)


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
    export_command(run, stage, output, **how, to=to, private=private)


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

    export_model_command(run, name, output, dtype=dtype, gguf=gguf, converter=converter)


@app.command(cls=Command)
def grade(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Rows with a prompt or messages, and a response.")],
    graders: Annotated[
        str, typer.Option("--grader", metavar="NAME,...", help="Which graders (see docs/graders.md).")
    ] = "refusal,evasion,boilerplate,repetition,length",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="Default: printed.")] = None,
    model: Annotated[str, typer.Option("--model", help="Whom fluency and harm ask.")] = "smollm2-135m",
    style: Annotated[str, typer.Option("--format", help="How that model is asked: chat or raw.")] = "chat",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Grade responses in a file: refusal, evasion, boilerplate, repetition, fluency, length, harm."""
    from precepts.cli.grade import grade_command

    grade_command(source, graders, output, model=model, style=style, quiet=quiet)


@app.command(cls=Command)
def trace(
    run: RunFolder,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="The id of an example, or the beginning of one.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show where one example comes from, and what it was used for."""
    from precepts.cli.trace import trace_command

    trace_command(run, wanted, as_json=as_json)


@app.command(cls=Command)
def recipe(
    name: Annotated[str | None, typer.Argument(help="A built-in recipe to print; without it, all are listed.")] = None,
) -> None:
    """Print a built-in recipe, to begin one's own from."""
    from precepts.recipe import builtin_recipes, recipe_text

    print(recipe_text(name) if name else "\n".join(builtin_recipes()))


constitutions = typer.Typer(
    name="constitution", help="Check, import, export, compare, show a constitution.", no_args_is_help=True
)
app.add_typer(constitutions)
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
    least: Annotated[float, typer.Option("--least", min=0.0, max=1.0, help="How far a label moves to count.")] = 0.05,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page with a heat map.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    assignments: Assignments = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Say which principles have anything to say about which prompts."""
    from precepts.cli.coverage import coverage_command

    settings = _asking(model, labeler, shots, constitution, assignments)
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
    from precepts.cli.constitution import diff_command

    diff_command(before, after, as_json=as_json)


@constitutions.command(cls=Command)
def show(
    source: ConstitutionSource,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write it as an HTML page.")] = None,
) -> None:
    """Show a constitution for reading."""
    from precepts.cli.constitution import show_command

    show_command(source, page)


@constitutions.command(cls=Command)
def new(path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")]) -> None:
    """Write a commented constitution to begin from."""
    from precepts.cli.constitution import new_command

    new_command(path)


def main() -> None:
    """Entry point."""
    app()
