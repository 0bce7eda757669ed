"""The commands that measure a judge, a model or answers: `audit`, `eval`, `score`, `grade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from precepts.cli.ending import Command

Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")]


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

    settings = asking(model, labeler, shots, constitution, assignments)
    audit_command(settings, source, limit, as_text=not as_json, page=page, quiet=quiet)


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
    eval_command(model, settings_of(given, assignments), suites or [], against=against, robustness=robustness, **shown)


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


def asking(
    model: str | None,
    labeler: str | None,
    shots: int | None,
    constitution: str | None,
    assignments: list[str] | None,
) -> Any:
    """The settings for asking a feedback model, from the command line alone."""
    label = {"labeler": labeler, "shots": shots}
    return settings_of(
        {"models": {"start": model}, "label": label, "constitution": {"source": constitution}}, assignments
    )


def settings_of(given: dict[str, Any], assignments: list[str] | None) -> Any:
    """The default recipe with what was `given`, by stage; what is None was not."""
    from precepts.recipe import recipe_of

    def told(values: dict[str, Any]) -> dict[str, Any]:
        return {k: told(v) if isinstance(v, dict) else v for k, v in values.items() if v is not None}

    return recipe_of(told(given), assignments or [])


def add_to(app: typer.Typer) -> None:
    """Give the commands to the program."""
    app.command(cls=Command)(audit)
    app.command("eval", cls=Command)(evaluate)
    app.command(cls=Command)(score)
    app.command(cls=Command)(grade)
