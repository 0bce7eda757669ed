"""What the comparison of arms needs of each, read one arm after another: figures and states, no answers or labels.

The settings that differ are read from DIR/recipe.yaml as plain data, so that an arm that has not begun has them too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from precepts.evals.board import Board, KindFigures
from precepts.evals.preference_model import PreferenceFigures
from precepts.report.gather import gather, setting
from precepts.report.numbers import source_name
from precepts.runs.folder import Run, StageState
from precepts.runs.sharing import ARMS, arms_of


@dataclass(frozen=True)
class Arm:
    """An arm as the comparison sees it: `settings` are those in which the arms differ, `waiting` its stages that are
    not done, `page` the way to its own report from the comparison's."""

    name: str
    settings: Mapping[str, Any]
    states: Mapping[str, StageState | None]
    waiting: tuple[str, ...]
    board: Board
    page: str

    def figures(self, model: str, kind: str) -> KindFigures | None:
        """The figures of a model on a kind of prompt, None where it was not evaluated."""
        return self.board.of(model, kind) if model in self.board.models else None

    def preference(self, source: str) -> PreferenceFigures | None:
        """The preference model on held-out comparisons of a source, None where there are none."""
        found = (each for each in self.board.preference_model if each.source == source and each.comparisons)
        return next(found, None)

    def taught(self, source: str) -> int | None:
        """How many comparisons of a source the preference model was trained on; None where it is not trained yet."""
        state = self.states.get("pm")
        return state.counts.get(source_name(source), 0) if state and state.done else None


def compared_arms(folder: Path) -> list[Arm]:
    """The arms of a run folder, in the recipe's order. Raises RunError where a shard is damaged."""
    recipe, runs = read_recipe(folder), arms_of(folder)
    differing = _differing(recipe, list(runs))
    return [_arm(name, run, differing) for name, run in runs.items()]


def _arm(name: str, run: Run, differing: Mapping[str, Mapping[str, Any]]) -> Arm:
    found = gather(run)
    page = f"{ARMS}/{quote(name)}/report.html" if (run.path / "report.html").is_file() else ""
    return Arm(
        name=name,
        settings={key: values[name] for key, values in differing.items()},
        states=found.states,
        waiting=tuple(stage for stage in found.stages() if not ((state := found.states[stage]) and state.done)),
        board=found.board,
        page=page,
    )


def read_recipe(folder: Path) -> Mapping[str, Any]:
    """The recipe of a run folder as plain data; empty where it cannot be read."""
    try:
        data = yaml.safe_load((folder / "recipe.yaml").read_text("utf-8", errors="replace"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _differing(recipe: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Each setting that is not the same in all arms, with its value in each."""
    changes = {name: setting(recipe, ARMS, name) for name in names}
    changes = {name: each if isinstance(each, dict) else {} for name, each in changes.items()}
    keys = list(dict.fromkeys(key for each in changes.values() for key in each))
    found = {key: {n: changes[n].get(key, setting(recipe, *key.split("."))) for n in names} for key in keys}
    return {key: values for key, values in found.items() if any(v != values[names[0]] for v in values.values())}
