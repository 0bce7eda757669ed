"""`precepts grade`: what graders say of responses in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from precepts.cli.run import hush
from precepts.cli.terminal import json_text
from precepts.cli.writing import check_places, writing
from precepts.engines import EngineSettings, make_engine
from precepts.errors import InputError
from precepts.evals.graders.grader import Answered, Corpus, Grader, Models, find_grader, grade_all
from precepts.evidence import Grade
from precepts.prompts.formats import Format
from precepts.runs.progress import Progress
from precepts.sources.items import read_answers
from precepts.sources.read import SourceSettings

_BATCH = 64  # rows held at a time


def grade_command(source: str, names: str, output: Path | None, *, model: str, style: str, quiet: bool) -> None:
    """Write each row with its `grades`, by grader, as JSON Lines. Raises InputError for a row, a grader or a model
    that cannot be used; nothing is written under `output` then."""
    hush()
    check_places(output)
    if style not in ("chat", "raw"):
        raise InputError(f"--format {style}: give chat or raw")
    graders = _graders(names, "raw" if style == "raw" else "chat")
    total = sum(1 for _ in read_answers(SourceSettings(source=source)))
    for grader in graders:
        if isinstance(grader, Corpus):
            grader.read(Answered(m, text) for _, m, text in read_answers(SourceSettings(source=source)))
    ask = partial(make_engine, EngineSettings(), model)
    models = Models({"start": ask, "judge": ask})
    beside = output.with_name(f".{output.name}.part") if output else None
    opened = beside.open("w", encoding="utf-8") if beside else nullcontext(sys.stdout)
    with opened as sink, Progress(quiet=quiet).task("grade", total, 0, "rows") as task:
        for rows in _batches(source):
            graded = grade_all(graders, [Answered(messages, text) for _, messages, text in rows], models)
            sink.writelines(_line(row, grades) for (row, _, _), grades in zip(rows, graded, strict=True))
            task.advance(len(rows))
    if beside and output:
        with writing(output):
            beside.replace(output)


def _graders(names: str, style: Format) -> list[Grader]:
    """The graders named, each once. Raises InputError for one that is not there."""
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    try:
        found = [find_grader(name)(style) for name in wanted]
    except ValueError as error:
        raise InputError(f"--grader: {error}") from None
    if not found:
        raise InputError("--grader: name one grader or several, with commas between them")
    return found


def _batches(source: str) -> Iterator[tuple[Any, ...]]:
    rows = read_answers(SourceSettings(source=source))
    while batch := tuple(islice(rows, _BATCH)):
        yield batch


def _line(row: dict[str, Any], grades: tuple[Grade, ...]) -> str:
    before = row.get("grades")
    found = {**(before if isinstance(before, dict) else {}), **{each.grader: _shown(each) for each in grades}}
    return json_text({**row, "grades": found}) + "\n"


def _shown(grade: Grade) -> dict[str, str | float]:
    """A grade's own fields, without those that say nothing."""
    shown = {"label": grade.label, "value": grade.value, "unscored": grade.unscored, "reason": grade.reason or None}
    return {key: value for key, value in shown.items() if value is not None}
