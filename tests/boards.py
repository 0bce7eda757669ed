"""Pages made by hand: a board of `precepts eval`, and the coverage of a constitution."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from handmade import SAID, evaluation, preference
from precepts.cli.coverage import claims_of
from precepts.constitution import Constitution
from precepts.evals import suite_figures
from precepts.evals.coverage import coverage
from precepts.evals.suite_figures import SuiteFigures
from precepts.evidence import Evaluation, Grade, Reference
from precepts.report.coverage_page import write_coverage_page
from precepts.report.eval_page import write_eval_page
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled

FORMS = ("role_play", "past_tense", "prefix_injection", "roundabout", "careless")


def answers(model: str, kind: str, weights: Sequence[int], count: int, chance: random.Random) -> list[Evaluation]:
    """`count` answers whose verdicts are drawn by `weights` (complies, partly, refuses, evades)."""
    drawn = chance.choices(list(SAID), weights, k=count)
    grades = (Grade("evasion", "engages"), Grade("length", value=21.0), Grade("repetition", value=0.1))
    rows = [evaluation(model, "red_team", n, verdict, grades=grades) for n, verdict in enumerate(drawn)]
    return [replace(each, kind=kind) for each in rows]


def board(models: Sequence[str], name: str = "harmful", count: int = 40) -> list[SuiteFigures]:
    """Every kind of suite, of each of the models."""
    chance = random.Random(5)
    more = (60, 10, 20, 10), (20, 10, 60, 10)

    def each(kind: str) -> list[list[Evaluation]]:
        return [answers(model, kind, more[not n], count, chance) for n, model in enumerate(models)]

    plain, forms = each("harmful"), {form: each("harmful") for form in FORMS}
    judged = [
        [preference(n, chance.uniform(0.3, 0.9), None, human="first", category=f"{part}: x")]
        for n in range(count)
        for part in (("harm", "honest")[n % 2],)
    ]
    weighed = [
        [
            (Reference(str(n), str(n), "", (), "said"), Grade("fluency", value=-1 - chance.random()))
            for n in range(count)
        ]
        for _ in models
    ]
    by_model = [{form: rows[n] for form, rows in forms.items()} for n in range(len(models))]
    return [
        replace(suite_figures.answered(name, "harmful", plain, 0), left_out={"trained on": 143}),
        suite_figures.robustness(f"{name}, reworded", plain, by_model, 0),
        suite_figures.answered("helpful", "helpful", each("helpful"), 0),
        suite_figures.compared("comparisons", [[label for one in judged for label in one]] * len(models), 0),
        suite_figures.weighed("references", weighed, 0),
    ]


def write_board(path: Path, models: Sequence[str] = ("a-model",), name: str = "harmful", count: int = 40) -> Path:
    """Write the page of such a board to `path`."""
    facts = {"model": models[0], "answers": "at most 256 tokens, temperature 1", "seed": "0"}
    chance = random.Random(5)
    said = [answers(model, "harmful", (40, 20, 20, 20), count, chance) for model in models]
    marked = [[replace(each, text=f"{name} {each.text}", category=name) for each in rows] for rows in said]
    write_eval_page(path, models, board(models, name, count), facts, {name: marked})
    return path


def write_coverage(path: Path, constitution: Constitution, count: int) -> Path:
    """A page of `precepts constitution coverage` made by hand: some principles move much, some nothing."""
    chance = random.Random(3)
    items = list(labelled([SourceSettings(source="builtin:comparisons", limit=count)]))
    sizes = [chance.choice((0.0, 0.02, 0.1, 0.4)) for _ in constitution.judging]
    labels = [[min(1.0, max(0.0, 0.5 + chance.gauss(0.02, size))) for _ in items] for size in sizes]
    found = coverage(labels, [0.5] * len(items))
    facts = {"feedback model": "smollm2-135m", "labeler": "multiple_choice", "comparisons": "comparisons, 24"}
    write_coverage_page(path, found, constitution, items, claims_of(found, constitution, items), facts)
    return path
