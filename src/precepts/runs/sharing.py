"""Stages shared between runs: what a sibling has done with the same fingerprint is adopted, not done again.

1. Arms of one recipe differ in a few settings; the stages before them have the same fingerprint in every arm, and the
   same fingerprint means the same records.
2. Shards and models are linked (copied where the disk cannot link), so a shared stage costs no room. Nothing writes to
   such a file in place: everything in a run folder is written beside its place and renamed, or removed as a name.
3. stage.json comes last, as ever, with `shared_from` naming the run that did the work: a kill before it leaves a stage
   that has not begun. Tokens and seconds stand there as the work had them; who adds up counts them where they were
   spent (`own_cost`).
4. A run folder with arms holds each as an ordinary run folder, DIR/arms/NAME; its recipe.yaml names them.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from precepts.errors import InputError, RunError
from precepts.runs.fingerprint import Parts, fingerprint
from precepts.runs.folder import Run, StageState
from precepts.runs.shards import shard_size, sync_folder, write_whole
from precepts.settings import read_yaml

ARMS = "arms"


def arms_of(folder: Path) -> dict[str, Run]:
    """The arms of a run folder in the recipe's order, begun or not; none where it is an ordinary run, or no run."""
    try:
        data = read_yaml(folder / "recipe.yaml", "a run's recipe").data
        named = data.get(ARMS) if isinstance(data, dict) else None
        names = [str(name) for name in named] if isinstance(named, dict) else []
    except InputError:  # not there, or damaged
        names = [run.path.name for run in beside(folder)]
    return {name: Run(folder / ARMS / name) for name in names if Path(name).name == name}


def beside(folder: Path) -> list[Run]:
    """Every run that lies among the arms of a run folder, also one that its recipe does not name any more."""
    return [Run(path.parent) for path in sorted((folder / ARMS).glob("*/recipe.yaml"))]


def adopt(run: Run, siblings: Sequence[Run], stage: str, parts: Parts, models: Sequence[str]) -> str:
    """Take over `stage` with its models from a sibling that has done it with the same parts; returns the name of the
    run that did the work, "" where there is none."""
    for sibling in siblings:
        state = _usable(sibling, stage, parts, models)
        if state is None:
            continue
        origin = state.shared_from or sibling.path.name
        run.remove(stage, models)
        (run.path / stage).mkdir(parents=True)
        for source in sorted((sibling.path / stage).glob("*.parquet")):
            _link(source, run.path / stage / source.name)
        names = sibling.models(models)
        for name in names:
            for source in sorted(path for path in sibling.model(name).rglob("*") if path.is_file()):
                _link(source, run.model(name) / source.relative_to(sibling.model(name)))
        for folder in (run.path / stage, *(run.model(name) for name in names)):
            sync_folder(folder)
        taken = vars(replace(state, shared_from=origin))
        write_whole(run.path / stage / "stage.json", json.dumps(taken, indent=1).encode())
        return origin
    return ""


def own_cost(states: Iterable[StageState | None]) -> tuple[int, int, float]:
    """Tokens in, tokens out and seconds that a run spent itself: what it shares was spent elsewhere."""
    return _sum([state for state in states if state and not state.shared_from])


def cost_of_all(arms: Iterable[Iterable[StageState | None]]) -> tuple[int, int, float]:
    """The same for several runs together: a stage that some share counts once, also if who ran it is not among them."""
    states = [state for arm in arms for state in arm if state]
    own = [state for state in states if not state.shared_from]
    counted = {(state.stage, state.fingerprint) for state in own}
    others = {(state.stage, state.fingerprint): state for state in states}
    return _sum([*own, *(state for key, state in others.items() if key not in counted)])


def _sum(states: Sequence[StageState]) -> tuple[int, int, float]:
    return sum(s.tokens_in for s in states), sum(s.tokens_out for s in states), sum(s.seconds for s in states)


def _usable(sibling: Run, stage: str, parts: Parts, models: Sequence[str]) -> StageState | None:
    """The sibling's state of the stage where it is done with the same parts, and whole."""
    try:
        state = sibling.state(stage)
        if state is None or not state.done or state.fingerprint != fingerprint(parts):
            return None
        written = {name: sum(shard_size(path)[0] for path in sibling.shards(stage, name)) for name in state.records}
    except RunError:  # damaged there: to be mended there
        return None
    named = {*state.models, *(name for name in models if glob.escape(name) == name)}
    whole = written == state.records and all((sibling.model(name) / "config.json").is_file() for name in named)
    return state if whole else None


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
