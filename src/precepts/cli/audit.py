"""`precepts audit`: measure a feedback model on labelled comparisons."""

from __future__ import annotations

import time
from pathlib import Path

from rich.table import Table
from rich.text import Text

from precepts.cli.run import hush
from precepts.cli.terminal import say, say_json, show
from precepts.cli.writing import check_places, writing
from precepts.engines import make_engine
from precepts.errors import InputError
from precepts.evals.audit import Audit, as_json, audit
from precepts.evals.statistics import Estimate
from precepts.evaluating.ask import label_all
from precepts.recipe import Recipe
from precepts.report.audit_page import write_audit_page
from precepts.report.numbers import decimal, share_words, whole
from precepts.runs.progress import Progress, clock
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled


def audit_command(
    recipe: Recipe, source: str, limit: int | None, *, as_text: bool, page: Path | None, quiet: bool
) -> None:
    """Label the comparisons of `source`, print what the labels are worth. Raises PreceptsError."""
    hush()
    check_places(page)
    items = list(labelled([SourceSettings(source=source, limit=limit)]))
    if not items:
        raise InputError(f"{source}: no comparison in it can be used")
    model = recipe.models.feedback or recipe.models.start
    constitution, began = recipe.load_constitution(), time.monotonic()
    engine = make_engine(recipe.engine, model, model)
    with Progress(quiet=quiet).task("audit", len(items), 0, "comparisons") as task:
        labels = label_all(engine, items, recipe, task)
    found, seconds = audit(labels, recipe.seed), time.monotonic() - began
    facts = {
        "feedback model": model,
        "labeler": recipe.label.labeler,
        "constitution": f"{constitution.name} {constitution.version} ({len(constitution.principles)} principles)",
        "comparisons": f"{Path(source).name}, {whole(found.n)}",
        "cost": f"{whole(engine.usage.tokens_in)} tokens in, {whole(engine.usage.tokens_out)} out, {clock(seconds)}",
    }
    if page:
        with writing(page):
            write_audit_page(page, found, facts)
    if as_text:
        _show(found, facts)
    else:
        usage = {"tokens_in": engine.usage.tokens_in, "tokens_out": engine.usage.tokens_out, "seconds": seconds}
        named = {"model": model, "labeler": recipe.label.labeler, "constitution_hash": constitution.hash}
        say_json(as_json(found, **named, **usage))


def _show(found: Audit, facts: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    summary = found.summary
    rows = {
        **facts,
        "accuracy": _words(found.accuracy),
        "longer response": f"{_words(found.longer)} (the judge that prefers it)",
        "calibration error": f"{decimal(found.ece)}; with a fitted temperature of {decimal(found.temperature)} "
        f"{decimal(found.calibrated_ece)}",
        "order flips": _words(summary.flipped) if summary.flipped.n else "no order to flip",
        "position prior": f"{decimal(summary.position_prior.value)} for the first place (even: 0.50)"
        if summary.position_prior.n
        else "no places",
        "unscored": f"{whole(found.n - found.scored)} of {whole(found.n)} "
        + ", ".join(f"{reason} {count}" for reason, count in found.unscored.items()),
        **{f"  {name}": _words(each) for name, each in found.categories.items() if ":" not in name},
    }
    for name, text in rows.items():
        table.add_row(Text(name), Text(text))
    show(table)
    say(f"\n{facts['feedback model']} {found.text}.")


def _words(estimate: Estimate) -> str:
    return f"{share_words(estimate)} of {whole(estimate.n)}" if estimate.n else "nothing to count"
