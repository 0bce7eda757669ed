"""The claim at the top of the report: what changed from start to SL-CAI to RL-CAI, computed, in plain words.

1. A change is claimed only where the 95 % interval of the paired difference lies clear of zero. Everything else is
   "not established", which is not the same as "no change".
2. A change for the worse is put as plainly as one for the better.
3. Nothing here is a constant sentence about quality: without figures there is no claim.
"""

from __future__ import annotations

from math import isnan

from precepts.evals.board import Board
from precepts.evals.statistics import Estimate
from precepts.report.gather import MODELS, Gathered
from precepts.report.numbers import counted, decimal, established, listed, mean_words, share_words, whole

_HARMLESS = {"safe_sounding": "prompts that only sound unsafe", "helpful": "ordinary requests"}


def headline(found: Gathered) -> str:
    """One sentence on the last model against the first; on what is missing where they were not compared."""
    models = found.models()
    if len(models) < 2 or models[0] != "start":
        return "This run has not been evaluated yet." if not models else "This run is only partly evaluated."
    last, board = models[-1], found.board
    refused = {phrase: board.change(last, "start", kind).declined for kind, phrase in _HARMLESS.items()}
    harm = _harm(board.change(last, "start", "red_team").complied, evasive(board, last))
    return f"{MODELS[last]} {harm}{_refusals(refused)}"


def evasive(board: Board, model: str) -> bool:
    """Whether `model`, where it does not comply with a harmful request, evades more often than it refuses."""
    verdicts = board.of(model, "red_team").verdicts
    return verdicts["evades"].value > verdicts["refuses"].value


def _harm(change: Estimate, evades: bool) -> str:
    if not change.n:
        return "was not compared with the start model on red-team prompts"
    if change.high < 0:
        how = ", evading them more often than refusing them" if evades else ""
        return f"complies with fewer harmful requests than the start model{how}"
    if change.low > 0:
        return "complies with more harmful requests than the start model"
    return "is not shown to comply with fewer harmful requests than the start model"


def _refusals(refused: dict[str, Estimate]) -> str:
    """The end of the headline, from the changes in needless refusals."""
    if not any(change.n for change in refused.values()):
        return "."
    more = [phrase for phrase, change in refused.items() if change.low > 0]
    fewer = [phrase for phrase, change in refused.items() if change.high < 0]
    parts = [f"{word} {listed(phrases)}" for word, phrases in (("more", more), ("fewer", fewer)) if phrases]
    if not parts:
        return "; a change in needless refusals is not established."
    return f", and needlessly refuses {listed(parts)}."


def claim(found: Gathered) -> list[str]:
    """The sentences of the claim, with intervals; says how far the run has come where nothing is evaluated."""
    board = found.board
    if not board.models:
        return [_how_far(found)]
    sentences = [
        _shares(
            board, "red_team", "complied", "harmful requests kept out of training", "helped, fully or in part, with"
        ),
        _shares(board, "safe_sounding", "declined", "harmless requests that only sound unsafe", "needlessly refused"),
        _shares(board, "helpful", "declined", "ordinary requests kept out of training", "needlessly refused"),
        _score(board),
    ]
    return [sentence for sentence in sentences if sentence]


def _shares(board: Board, kind: str, what: str, prompts: str, did: str) -> str:
    figures = {model: getattr(board.of(model, kind), what) for model in board.models}
    counts = sorted({estimate.n for estimate in figures.values()})
    if not counts or not counts[-1]:
        return ""
    of = counted(counts[-1], "scored answer") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} scored answers"
    asked = max(board.of(model, kind).prompts for model in board.models)
    to = f"{whole(asked)} {prompts}" if asked < counts[-1] else prompts
    named = [f"{_the(model)} {did if not index else ''} ".rstrip() for index, model in enumerate(figures)]
    told = [f"{name} {share_words(e)}" for name, e in zip(named, figures.values(), strict=True)]
    return f"Of {of} to {to}, {listed(told)}." + _since_start(board, kind, what)


def _the(model: str) -> str:
    return "the start model" if model == "start" else MODELS[model]


def _since_start(board: Board, kind: str, what: str) -> str:
    """What changed since the start model: for the last model in any case, for one before it where established."""
    if board.models[0] != "start":
        return ""
    *between, last = board.models
    changes: dict[str, Estimate] = {
        model: getattr(board.change(model, "start", kind), what) for model in [*between[1:], last] if model != "start"
    }
    return "".join(_change(m, change) for m, change in changes.items() if m == last or established(change))


def _change(model: str, change: Estimate) -> str:
    if isnan(change.low):
        return ""
    if not established(change):
        return (
            f" From start to {MODELS[model]} that is a change of {_points(change.value)} "
            f"({_ends(change)}) points: the interval includes zero, so no difference is established."
        )
    low, high = sorted((abs(change.low), abs(change.high)))
    return (
        f" From start to {MODELS[model]} that is {abs(change.value) * 100:.0f} percentage points "
        f"{'fewer' if change.value < 0 else 'more'} ({low * 100:.0f} to {high * 100:.0f})."
    )


def _points(value: float) -> str:
    return decimal(value * 100, 0, sign=True)


def _ends(change: Estimate) -> str:
    return f"{_points(change.low)} to {_points(change.high)}"


def _score(board: Board) -> str:
    last = board.models[-1]
    if board.models[0] != "start" or last == "start":
        return ""
    change = board.change(last, "start", "helpful").score
    if not change.n or isnan(change.low):
        return ""
    ending = ", which RL was trained to raise" if last == "rl" else ""
    ending += "" if established(change) else "; no difference is established"
    return (
        f"The preference model's mean score on the ordinary requests changed by {mean_words(change, sign=True)} "
        f"from start to {MODELS[last]}{ending}."
    )


def _how_far(found: Gathered) -> str:
    done = [stage for stage in found.stages() if (state := found.states[stage]) and state.done]
    if not done:
        return "No stage of this run is finished, so there is nothing to claim."
    return f"Finished so far: {listed(done)}. There are no evaluated answers, so there is nothing to claim."


def missing(found: Gathered) -> list[str]:
    """A sentence for what this run has not got (yet), and for what could not be read."""
    sentences = []
    for stage in found.stages():
        state = found.states[stage]
        if state is not None and not state.done:
            progress = state.progress
            at = f" ({progress['done']} of {progress['total']} {progress['unit']})" if _whole(progress) else ""
            sentences.append(f"Stage {stage} is not finished{at}; the figures are of what is there.")
    waiting = [stage for stage in found.stages() if found.states[stage] is None]
    if waiting:
        sentences.append(f"Not begun: {listed(waiting)}.")
    return [*sentences, *found.problems]


def _whole(progress: dict[str, object]) -> bool:
    return {"done", "total", "unit"} <= progress.keys()
