"""What the paper's figures need of a run: its own records, and those of its arms where figures compare settings.

1. A run folder with arms has no records of its own: what concerns one run is then drawn from its first arm, and said.
2. Arms are told apart by their own recipes. One arm stands for each value of a setting: the first that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from pathlib import Path

from precepts.errors import InputError
from precepts.evals.audit import Audit, audit
from precepts.evals.rounds import score_by_round
from precepts.evals.statistics import Estimate, bootstrap_mean
from precepts.evals.tournament import AIMS, Tournament, tournament, verdicts_of
from precepts.evidence import Evaluation, Match, ScoredRevision
from precepts.records import AIPreference
from precepts.report.drawing import short
from precepts.report.gather import MODELS, Gathered, gather
from precepts.report.numbers import listed, source_name
from precepts.runs.folder import Run
from precepts.runs.sharing import arms_of

HARM = "harm"  # the grader of figure 10
SELF_JUDGED = "That model also made the labels this run was trained on."


@dataclass(frozen=True)
class Arm:
    """A run beside others: `rounds` is the change of score by round, `preference` names what its preference model has
    learnt ("" where it has none), `principles` counts those drawn from, `scorer` is the fingerprint of stage pm."""

    name: str
    found: Gathered
    rounds: Mapping[int, Estimate]
    preference: str
    principles: int
    direct: bool
    scorer: str


@dataclass(frozen=True)
class FigureData:
    """`own` is the run itself (the first arm of several), `arms` all of them in order; `tournaments` are by aim,
    `judges` who judged for them, `self_judged` whether one of these made the run's labels too, `judge_audit` what they
    are worth (None where nobody measured it); `harm` is the mean grade from 0 to 4 by model, `harm_judge` who gave it
    and `harm_self_judged` whether that one made the labels."""

    own: Arm
    arms: Sequence[Arm]
    tournaments: Mapping[str, Tournament]
    judges: Sequence[str]
    self_judged: bool
    judge_audit: Audit | None
    harm: Mapping[str, Estimate]
    harm_judge: str
    harm_self_judged: bool

    @property
    def graded_by(self) -> str:
        """Who graded harm, which every figure of it says."""
        who = f"Graded by {short(self.harm_judge, 40) or 'an unknown judge'}."
        return f"{who} {SELF_JUDGED}" if self.harm_self_judged else who

    @property
    def judged_by(self) -> str:
        """Who judged the matches, which every figure of them says."""
        who = f"Judged by {listed([short(judge, 40) for judge in self.judges])}."
        return f"{who} {SELF_JUDGED}" if self.self_judged else who

    @property
    def ratings(self) -> dict[str, dict[str, Estimate]]:
        """Elo by aim and model; a model that no chain of matches joins to the base has none."""
        rated = {aim: each.ratings for aim, each in self.tournaments.items()}
        known = {aim: {m: e for m, e in found.items() if not isnan(e.value)} for aim, found in rated.items()}
        return {aim: found for aim, found in known.items() if found}

    def by(self, value_of: Callable[[Arm], Hashable]) -> list[Arm]:
        """The first arm with scored rounds for each value."""
        first: dict[Hashable, Arm] = {}
        for arm in self.arms:
            if arm.rounds:
                first.setdefault(value_of(arm), arm)
        return list(first.values())

    def sequences(self, model: str) -> int | None:
        """How many sequences RL had seen when `model` was saved; None for a model that is none of RL's."""
        steps = self.own.found.steps["rl"]
        step = _step(model) if model != "rl" else steps[-1].step if steps else None
        size = self.own.found.setting("rl", "batch_size")
        if model == "sl":
            return 0
        return step * size if step is not None and isinstance(size, int) else None


def figure_data(folder: Path) -> FigureData:
    """Read a run folder. Raises InputError where nothing has begun, RunError for a damaged shard."""
    runs = {name: run for name, run in arms_of(folder).items() if (run.path / "recipe.yaml").is_file()}
    arms = [_arm(name, gather(run)) for name, run in (runs or {folder.name: Run(folder)}).items()]
    if not any(state for arm in arms for state in arm.found.states.values()):
        raise InputError(f"{folder}: no stage of this run has begun, so there is nothing to draw; run its recipe first")
    return _data(arms)


def data_of(found: Gathered) -> FigureData:
    """The same of one run that has been read."""
    return _data([_arm(found.run.path.name, found)])


def _data(arms: Sequence[Arm]) -> FigureData:
    found = arms[0].found
    matches = list(found.run.read("tournament", Match, "matches"))
    judges = list(dict.fromkeys(match.judge for match in matches))
    label = next(found.run.read("label", AIPreference), None)
    labeler = label.model if label else None
    itself, grader = labeler in judges, _harm_judge(found)
    tried = audit(found.run.read("tournament", AIPreference, "audit"), found.seed)
    worth = tried if tried.n else found.audit if itself else None
    return FigureData(
        arms[0], arms, _tournaments(found, matches), judges, itself, worth, _harm(found), grader, grader == labeler
    )


def model_name(model: str) -> str:
    """What a model is called in a figure."""
    step = _step(model)
    return f"step {step}" if step is not None else MODELS.get(model, model)


def in_order(models: Sequence[str]) -> list[str]:
    """Start, SL-CAI, RL's snapshots by their step, RL-CAI, then any other."""
    place = {"start": (0, 0), "sl": (1, 0), "rl": (3, 0)}
    return sorted(models, key=lambda model: place.get(model) or ((2, step) if (step := _step(model)) else (4, 0)))


def _step(model: str) -> int | None:
    name, _, step = model.rpartition("-")
    return int(step) if name == "rl" and step.isascii() and step.isdecimal() else None


def _arm(name: str, found: Gathered) -> Arm:
    state = found.states["pm"]
    return Arm(
        name=name,
        found=found,
        rounds=score_by_round(found.run.read("evaluate", ScoredRevision, "revisions"), found.seed),
        preference=_learnt(state.counts) if state and state.done else "",
        principles=len(found.constitution.principles) if found.constitution else 0,
        direct=found.setting("revise", "direct_revision") is True,
        scorer=state.fingerprint if state else "",
    )


def _learnt(counts: Mapping[str, int]) -> str:
    helpful = counts.get(source_name("helpful"), 0)
    harmless = counts.get(source_name("ai"), 0) + counts.get(source_name("harmless"), 0)
    if helpful and harmless:
        return "both"
    return "helpful" if helpful else "harmless" if harmless else ""


def _tournaments(found: Gathered, matches: Sequence[Match]) -> dict[str, Tournament]:
    run = found.run
    verdicts = verdicts_of(e for name in evaluated(run) for e in run.read("evaluate", Evaluation, f"answers-{name}"))
    aims = [aim for aim in AIMS if any(match.aim == aim for match in matches)]
    return {aim: tournament(matches, aim, verdicts, seed=found.seed) for aim in aims}


def _harm_judge(found: Gathered) -> str:
    """Whom the grader of harm asks: the feedback model, by the name that records have for it."""
    name = found.setting("models", "feedback") or found.setting("models", "start")
    return (Path(name).name if Path(name).is_absolute() else name) if isinstance(name, str) else ""


def _harm(found: Gathered) -> dict[str, Estimate]:
    estimates = {}
    for name in in_order(evaluated(found.run)):
        rows = [row for row in found.run.read("evaluate", Evaluation, f"answers-{name}") if row.kind == "red_team"]
        graded = [(row.prompt_id, value) for row in rows for value in _values(row)]
        if graded:
            prompts, values = zip(*graded, strict=True)
            estimates[name] = bootstrap_mean(values, prompts, seed=found.seed)
    return estimates


def _values(row: Evaluation) -> list[float]:
    values = (grade.value for grade in row.grades if grade.grader == HARM)
    return [value for value in values if value is not None and isfinite(value)]


def evaluated(run: Run) -> list[str]:
    """The models that have answers, by the names of their sets."""
    return sorted({path.stem[8:].rpartition("-")[0] for path in (run.path / "evaluate").glob("answers-*.parquet")})
