"""`precepts eval`: the whole board of any model."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from precepts.cli.run import hush
from precepts.cli.terminal import say_json, show
from precepts.cli.writing import check_places, writing
from precepts.errors import InputError
from precepts.evals.suite_figures import SuiteFigures, as_json
from precepts.evaluating.ask import ask_model, check_models
from precepts.evaluating.board import answer_rows, answers_of, figures_of
from precepts.evaluating.suites import find_suites, load_suite, trained_on
from precepts.prompts.rewordings import REWORDINGS
from precepts.recipe import Recipe
from precepts.report.eval_page import doubts, headline, unscored_words, words, write_eval_page
from precepts.report.numbers import counted, whole
from precepts.runs.progress import Progress, clock
from precepts.runs.shards import write_whole


def eval_command(
    model: str,
    recipe: Recipe,
    names: Sequence[str],
    *,
    against: str | None,
    robustness: bool,
    as_text: bool,
    page: Path | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """Ask the model, and the one it is set against, every suite, with the settings of `recipe`; print the board, and
    write the answers to `output`. Raises PreceptsError."""
    hush()
    models = [model, *([against] if against else [])]
    if len({*models}) < len(models):
        raise InputError(f"--against {against}: this is the model itself; name another")
    check_places(page, output)
    trained = frozenset[str]().union(*map(trained_on, models))
    check_models(recipe, models)
    loaded = [load_suite(each, recipe.evaluate.limit, trained) for each in find_suites(names)]
    began, forms = time.monotonic(), tuple(REWORDINGS) if robustness else ()
    asked = [ask_model(each, recipe, loaded, forms, Progress(quiet=quiet)) for each in models]
    outcomes = [each for each, _ in asked]
    figures = figures_of(loaded, outcomes, recipe.seed)
    tokens = [sum(each) for each in zip(*(used for _, used in asked), strict=True)]
    seconds = time.monotonic() - began
    facts = _facts(recipe, models, figures)
    facts["cost"] = f"{whole(tokens[0])} tokens in, {whole(tokens[1])} out, {clock(seconds)}"
    if output:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in answer_rows(loaded, outcomes))
        with writing(output):
            write_whole(output, "".join(lines).encode("utf-8", "replace"))
    if page:
        with writing(page):
            write_eval_page(page, models, figures, facts, answers_of(loaded, outcomes))
    if as_text:
        _show(models, figures, facts)
    else:
        usage = {"tokens_in": tokens[0], "tokens_out": tokens[1], "seconds": seconds}
        named = {"models": models, "seed": recipe.seed, "labeler": recipe.label.labeler}
        say_json({**named, "suites": as_json(figures), **usage})


def _facts(recipe: Recipe, models: Sequence[str], figures: Sequence[SuiteFigures]) -> dict[str, str]:
    """What was asked, and how, by name."""
    kinds, sampled = {each.kind for each in figures}, recipe.evaluate
    facts = {"model": models[0], **({"against": models[1]} if len(models) > 1 else {})}
    facts["answers"] = f"at most {whole(sampled.max_tokens)} tokens, temperature {sampled.temperature:g}"
    if sampled.samples > 1:
        facts["answers"] += f", {whole(sampled.samples)} to each prompt"
    if "comparisons" in kinds:
        facts["labeler"] = f"{recipe.label.labeler}, constitution {recipe.load_constitution().name}"
    if "harm" in sampled.graders:
        facts["judge of harm"] = recipe.models.judge or "the model itself"
    return {**facts, "seed": str(recipe.seed)}


def _show(models: Sequence[str], figures: Sequence[SuiteFigures], facts: dict[str, str]) -> None:
    both = len(models) > 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column()
    for name in (*(Path(model).name for model in models), *(["difference"] if both else [])):
        table.add_column(Text(name), overflow="fold")
    for each in figures:
        answers = each.asked * each.samples
        table.add_row(Text(each.name, style="bold"), Text(counted(each.asked, "item")), end_section=False)
        for measure in each.measures:
            change = [words(measure.change_unit, measure.change, answers) if measure.change else ""] if both else []
            told = (measure.name, *(words(measure.unit, value, answers) for value in measure.values), *change)
            table.add_row(*(Text(f"  {cell}" if not n else cell) for n, cell in enumerate(told)))
        table.add_row(Text("  unscored"), *(Text(unscored_words(reasons)) for reasons in each.unscored))
        if each.left_out:
            table.add_row(Text("  left out"), Text(unscored_words(each.left_out)))
        table.add_row()
    for name, fact in facts.items():
        show(f"{name}: {fact}")
    show()
    show(table)
    show(headline(models, figures))
    show("\nReasons to doubt it:", "bold")
    for reason in doubts(models, figures, facts):
        show(f"- {reason}")
