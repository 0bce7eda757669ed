"""`precepts trace`: the ancestry of one example."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path

from precepts.cli.terminal import say, say_json
from precepts.errors import InputError
from precepts.inspector.trace import Entry, trace
from precepts.runs.folder import Run
from precepts.runs.sharing import arms_of
from precepts.texts import visible


def trace_command(folder: Path, wanted: str, *, as_json: bool) -> None:
    """Print where an example comes from and what it was used for. Raises InputError."""
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    if arms := arms_of(folder):
        raise InputError(f"{folder}: this run has arms; name one of their folders, as {next(iter(arms.values())).path}")
    entries = trace(Run(folder), wanted)
    if as_json:
        say_json([asdict(each) for each in entries])
    else:
        say("\n\n".join(map(_shown, entries)))


def _shown(entry: Entry) -> str:
    lines = [f"[{entry.stage}] {visible(entry.what)}"]
    for name, value in entry.fields:
        label = f"  {name}: " if name else "  "
        for n, line in enumerate(value.splitlines() or [""]):
            begin = label if n == 0 else " " * len(label)
            lines.append(textwrap.fill(visible(line), 110, initial_indent=begin, subsequent_indent=" " * len(label)))
    return "\n".join(lines)
