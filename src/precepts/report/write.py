"""Write RUN/report.html: one self-contained page from a run folder alone.

1. No network, no font or picture from elsewhere, and one script, this package's own, which filters the transcripts; a
   content security policy in the page allows that script by its hash and nothing else. So a report can be mailed,
   archived and opened anywhere. Without the script the page only lacks the filters.
2. Everything is escaped by the template engine, and control characters, those that turn the direction of text too,
   become a visible mark; only the pictures, which hold fixed words, are marked safe.
3. No clock time: the same run folder gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from precepts import __version__
from precepts.evals.board import KINDS
from precepts.report import filters, flow, principles, rounds, tables, transcripts, words
from precepts.report import gather as gathering
from precepts.report.doubts import doubts
from precepts.report.figure_data import data_of
from precepts.report.glance import at_a_glance
from precepts.report.grades_table import collapse_doubts, grade_tables, other_grade_tables
from precepts.report.judge import judge_pictures
from precepts.report.left_out import left_out_table
from precepts.report.monitors import monitor_doubts, monitor_pictures, monitor_tables
from precepts.report.numbers import whole
from precepts.report.pictures import pictures
from precepts.report.tournament_view import judge_sentence, more_pictures, tournament_doubts, tournament_tables
from precepts.runs.folder import Run
from precepts.runs.shards import write_whole
from precepts.texts import CONTROL


def write_report(run: Run) -> Path:
    """Write the report of `run`, as far as it has come; returns its path. Raises RunError for a damaged shard."""
    page = environment().get_template("report.html.j2").render(**_content(run))
    path = run.path / "report.html"
    write_whole(path, page.encode("utf-8", "replace"))
    return path


@cache
def script() -> Markup:
    """The page's script; no data ever stands in it."""
    return Markup((files("precepts.report") / "templates" / "script.js").read_text("utf-8"))


def script_hash(text: str) -> str:
    """How a content security policy names a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def environment() -> Environment:
    """The templates, with autoescape on."""
    environment = Environment(
        loader=PackageLoader("precepts.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = whole
    return environment


def _visible(value: Any) -> Any:
    """What the template prints: text with its control characters as U+FFFD, all else as it is."""
    return CONTROL.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _content(run: Run) -> dict[str, object]:
    found = gathering.gather(run)
    constitution = found.constitution
    titles = {each.id: each.title for each in constitution.principles} if constitution else {}
    beside = transcripts.side_by_side(found.answers)
    revised = rounds.revised(run, titles)
    labelled, labelled_under = transcripts.labelled(run, titles)
    data = data_of(found)
    evaluated = {model: gathering.MODELS[model] for model in found.models()}
    return {
        "name": run.path.resolve().name,
        "description": str(found.setting("description") or "").strip().removesuffix("."),
        "facts": tables.subtitle(found),
        "headline": words.headline(found),
        "claim": words.claim(found),
        "missing": words.missing(found),
        "tiles": at_a_glance(found.board, data),
        "doubts": [*tournament_doubts(data), *monitor_doubts(found), *collapse_doubts(found.board), *doubts(found)],
        "judge": found.audit.text if found.audit else "",
        "tournament_judge": judge_sentence(data),
        "judge_tables": [tables.audit_table(found.audit)] if found.audit else [],
        "judge_pictures": judge_pictures(found.audit) if found.audit else [],
        "monitor_pictures": monitor_pictures(found),
        "monitor_tables": monitor_tables(found),
        "pictures": [*more_pictures(data), *pictures(found)],
        "tables": [
            *tournament_tables(data),
            *tables.figure_tables(found),
            *grade_tables(found.board, data.graded_by),
            *other_grade_tables(found.others, data.graded_by),
        ],
        "stages": flow.stage_rows(found),
        "cost": flow.cost(found),
        "left_out": [table for table in [left_out_table(found)] if table.rows],
        "script": script(),
        "script_hash": script_hash(script()),
        "models": gathering.MODELS,
        "kinds": gathering.KINDS,
        "beside": beside,
        "beside_counts": _counts(found, beside),
        "beside_filters": filters.answer_filters((each.tags for each in beside), evaluated) if beside else [],
        "revised": revised.items,
        "revised_filters": filters.round_filters(
            (each.tags for item in revised.items for each in item.rounds), revised.principles
        ),
        "revised_of": run.count("revise"),
        "labelled": labelled,
        "labelled_filters": filters.label_filters((each.tags for each in labelled), labelled_under),
        "labelled_of": found.labels.labels,
        "constitution": constitution,
        "principles": principles.principle_rows(found),
        "recipe": found.recipe_text,
        "version": __version__,
    }


def _counts(found: gathering.Gathered, beside: list[transcripts.SideBySide]) -> list[str]:
    """`12 of 37 red-team` for each kind there is."""
    parts = []
    for kind in KINDS:
        prompts = {row.prompt_id for rows in found.answers.values() for row in rows if row.kind == kind}
        shown = sum(each.kind == kind for each in beside)
        if prompts:
            parts.append(f"{shown} of {whole(len(prompts))} {gathering.KINDS[kind]}")
    return parts
