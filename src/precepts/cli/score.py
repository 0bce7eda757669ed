"""`precepts score`: scores of a preference model for responses in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from precepts.cli.run import hush
from precepts.cli.terminal import json_text
from precepts.cli.writing import check_places, writing
from precepts.engines.models import check_scores
from precepts.runs.progress import Progress
from precepts.sources.items import read_answers
from precepts.sources.read import SourceSettings

_BATCH = 256  # rows held at a time


def score_command(source: str, folder: Path, output: Path | None, *, style: str | None, quiet: bool) -> None:
    """Write each row with its `score` as JSON Lines. Raises InputError for a row or a model that cannot be used."""
    hush()
    check_places(output)
    total = sum(1 for _ in read_answers(SourceSettings(source=source)))
    check_scores(folder, f"--pm {folder}")
    from precepts.training.scores import load_scorer

    scorer = load_scorer(str(folder), "raw" if style == "raw" else "chat" if style else None)
    beside = output.with_name(f".{output.name}.part") if output else None
    opened = beside.open("w", encoding="utf-8") if beside else nullcontext(sys.stdout)
    with opened as sink, Progress(quiet=quiet).task("score", total, 0, "rows") as task:
        for rows in _batches(source):
            scores = scorer.score([(messages, response) for _, messages, response in rows])
            _write(sink, [{**row, "score": score} for (row, _, _), score in zip(rows, scores, strict=True)])
            task.advance(len(rows))
    if beside and output:
        with writing(output):
            beside.replace(output)


def _batches(source: str) -> Iterator[tuple[Any, ...]]:
    rows = read_answers(SourceSettings(source=source))
    while batch := tuple(islice(rows, _BATCH)):
        yield batch


def _write(sink: TextIO, rows: list[dict[str, Any]]) -> None:
    sink.writelines(json_text(row) + "\n" for row in rows)
