"""The flow of data: a row for each stage, done or not, and what the run has spent."""

from __future__ import annotations

from dataclasses import dataclass

from precepts.report.gather import Gathered
from precepts.report.numbers import whole
from precepts.runs.folder import StageState
from precepts.runs.progress import clock
from precepts.runs.sharing import own_cost

DOES = {
    "prompts": "reads the prompts and splits them",
    "warm_up": "the critic learns from demonstrations",
    "audit": "the feedback model labels what people have labelled",
    "respond": "the start model answers the training prompts",
    "revise": "critiques and revises the answers to red-team prompts",
    "sl": "finetunes on the revisions: SL-CAI",
    "pairs": "SL-CAI answers each red-team prompt twice",
    "label": "a feedback model labels the pairs",
    "pm": "trains the preference model",
    "rl": "RL against the preference model: RL-CAI",
    "evaluate": "the models answer held-out prompts",
    "tournament": "a judge sets their answers against each other",
}


@dataclass(frozen=True)
class StageRow:
    """A stage in the flow of data; figures as words, "" where there is none. `state`: done, partial, waiting;
    `part` is the time's percentage of the run's."""

    name: str
    does: str
    state: str
    how_far: str
    records: tuple[str, ...]
    counts: tuple[str, ...]
    tokens: str
    took: str
    fingerprint: str
    part: int


def stage_rows(found: Gathered) -> list[StageRow]:
    """The stages in order, those that have not begun too."""
    total = sum(state.seconds for state in found.states.values() if state)
    return [_stage_row(stage, found.states[stage], total) for stage in found.stages()]


def cost(found: Gathered) -> tuple[str, str]:
    """What the run itself spent, in words: tokens and time; what it shares with another was spent there."""
    tokens_in, tokens_out, seconds = own_cost(found.states.values())
    return f"{whole(tokens_in)} in, {whole(tokens_out)} out", clock(seconds)


def _stage_row(stage: str, state: StageState | None, total: float) -> StageRow:
    if state is None:
        return StageRow(stage, DOES[stage], "waiting", "not begun", (), (), "", "", "", 0)
    return StageRow(
        name=stage,
        does=DOES[stage],
        state="done" if state.done else "partial",
        how_far=_how_far(state),
        records=tuple(f"{whole(count)} {name}" for name, count in state.records.items()),
        counts=tuple(f"{name}: {whole(count)}" for name, count in state.counts.items()),
        tokens=f"{whole(state.tokens_in)} in, {whole(state.tokens_out)} out",
        took=clock(state.seconds),
        fingerprint=state.fingerprint,
        part=round(100 * state.seconds / total) if total else 0,
    )


def _how_far(state: StageState) -> str:
    if state.done:
        shared = f", shared from {state.shared_from}" if state.shared_from else ""
        return f"done{shared}{f', stopped {state.stopped}' if state.stopped else ''}"
    done, total, unit = (state.progress.get(key, "") for key in ("done", "total", "unit"))
    return f"{done} of {total} {unit}" if total else "begun"
