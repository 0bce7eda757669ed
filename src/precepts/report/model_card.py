"""A run as a model card in Hugging Face's format: the claim, its intervals and its doubts, as the report has them.

1. The front matter is written by huggingface_hub, so it is valid YAML whatever the names hold; a base model and data
   sets are named where the recipe takes them from the Hub.
2. The results are the last model's, with their intervals and counts beside them; nothing is graded that the board does
   not have.
3. Text from the records is escaped for Markdown and for the HTML that may stand in it. No transcript is in a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from math import isnan
from typing import TYPE_CHECKING

from precepts import __version__
from precepts.evals.statistics import Estimate
from precepts.report import flow, tables, words
from precepts.report.doubts import doubts
from precepts.report.figure_data import data_of
from precepts.report.gather import KINDS, MODELS, Gathered, gather
from precepts.report.grades_table import collapse_doubts, grade_tables
from precepts.report.monitors import monitor_doubts
from precepts.report.numbers import capital
from precepts.report.tables import Table
from precepts.report.tournament_view import tournament_doubts, tournament_tables
from precepts.runs.folder import Run
from precepts.texts import CONTROL

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_EMBEDDED = {"smollm2-135m": "HuggingFaceTB/SmolLM2-135M-Instruct"}
_LICENCES = {"smollm2-135m": "apache-2.0"}
_HUB = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_MARKS = re.compile(r"([\\`*_\[\]#|~])")
_METRICS = {"red_team": "harmful compliance", "safe_sounding": "needless refusal", "helpful": "needless refusal"}


def model_card(run: Run) -> str:
    """The card of `run`'s last model, as Markdown with YAML front matter. Raises RunError for a damaged shard."""
    found = gather(run)
    return f"---\n{_front_matter(found)}\n---\n\n" + "\n\n".join(_sections(found)) + "\n"


def _front_matter(found: Gathered) -> str:
    from huggingface_hub import ModelCardData

    start = found.setting("models", "start")
    data = ModelCardData(
        base_model=base_model(start),
        datasets=_datasets(found) or None,
        eval_results=list(_results(found)) or None,
        library_name="transformers",
        license=_LICENCES.get(str(start), "other"),
        model_name=_name(found),
        pipeline_tag="text-generation",
        tags=["constitutional-ai", "rlaif", "precepts"],
    )
    return str(data.to_yaml())


def base_model(start: object) -> str | None:
    """The Hub's name of the start model; None for a folder on a disk."""
    if not isinstance(start, str):
        return None
    known = _EMBEDDED.get(start, start)
    return known if _HUB.fullmatch(known) else None


def _datasets(found: Gathered) -> list[str]:
    """The Hub's data sets among the sources, each once."""
    kinds = [("prompts", kind) for kind in KINDS] + [
        ("preferences", "helpful"),
        ("preferences", "harmless_comparisons"),
    ]
    sources = [each for keys in kinds for each in (found.setting(*keys) or []) if isinstance(each, dict)]
    named = [str(each.get("source", "")) for each in sources]
    hub = [name.removeprefix("hf:") for name in named if name.startswith("hf:")]
    return [name for name in dict.fromkeys(hub) if _HUB.fullmatch(name)]


def _results(found: Gathered) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    if not found.board.models:
        return
    for kind, metric in _METRICS.items():
        figures = found.board.of(found.board.models[-1], kind)
        share = figures.complied if kind == "red_team" else figures.declined
        if share.n:
            yield EvalResult(
                task_type="text-generation",
                dataset_type=kind,
                dataset_name=f"held-out {KINDS[kind]} prompts of the run",
                metric_type=metric.replace(" ", "_"),
                metric_name=f"{metric}, share of {share.n} answers (lower is better)",
                metric_value=round(share.value, 4),
                metric_args=_ends(share),
            )


def _ends(share: Estimate) -> dict[str, object] | None:
    return None if isnan(share.low) else {"interval_95": [round(share.low, 4), round(share.high, 4)], "n": share.n}


def _name(found: Gathered) -> str:
    last = found.board.models[-1] if found.board.models else "run"
    return CONTROL.sub("\ufffd", f"{found.run.path.resolve().name} {MODELS.get(last, last)}")


def _sections(found: Gathered) -> Iterator[str]:
    description = str(found.setting("description") or "").strip().removesuffix(".")
    yield f"# {marked(_name(found))}"
    yield " ".join(f"{marked(capital(part))}." for part in (description, ", ".join(tables.subtitle(found))) if part)
    yield f"**{marked(words.headline(found))}**"
    yield _listed(words.claim(found) + words.missing(found))
    data = data_of(found)
    every = [*tournament_doubts(data), *monitor_doubts(found), *collapse_doubts(found.board), *doubts(found)]
    raised = [f"**{marked(doubt.point)}.** {marked(doubt.why)}" for doubt in every]
    if raised:
        yield "## Reasons to doubt this"
        yield "\n".join(f"- {each}" for each in raised)
    if found.audit:
        yield f"## What the judge is worth\n\nThe feedback model {marked(found.audit.text)}."
    shown = [*tournament_tables(data), *tables.figure_tables(found), *grade_tables(found.board, data.graded_by)]
    if shown:
        yield "## Figures\n\nValues with their 95 % intervals and counts."
        yield from (table_text(table) for table in shown)
    tokens, took = flow.cost(found)
    yield f"## How it was made\n\nBy Precepts {__version__}: {tokens} tokens, {took} (hours, minutes, seconds)."
    if found.recipe_text:
        yield _fenced(found.recipe_text)


def _listed(sentences: list[str]) -> str:
    return "\n".join(f"- {marked(each)}" for each in sentences)


def table_text(table: Table) -> str:
    """A table as Markdown."""
    lines = [["", *table.columns], ["---"] * (len(table.columns) + 1)]
    lines += [
        [row.name, *(" ".join(filter(None, (c.value, c.interval, c.n))) for c in row.cells)] for row in table.rows
    ]
    body = "\n".join(f"| {' | '.join(cell if cell == '---' else marked(cell) for cell in line)} |" for line in lines)
    return f"### {marked(table.title)}\n\n{marked(table.note)}\n\n{body}"


def marked(text: str) -> str:
    """Text for Markdown: on one line, and nothing in it is markup, neither Markdown's nor HTML's.

    >>> marked("<b>5 * 3</b>")
    '&lt;b&gt;5 \\\\* 3&lt;/b&gt;'
    """
    line = " ".join(CONTROL.sub("\ufffd", text).split())
    return escape(_MARKS.sub(r"\\\1", line), quote=False).replace("://", ":\u200b//")


def _fenced(text: str) -> str:
    """A text as a code block, with a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{CONTROL.sub(chr(0xFFFD), text).rstrip()}\n{fence}"
