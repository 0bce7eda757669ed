"""What the report needs of a run, read once from its folder.

1. Everything is optional: a run that has just begun, or was killed, is reported as far as it went.
2. `recipe.yaml` is read as plain data and looked at key by key, never trusted to be whole.
3. Labels and revisions are streamed; only what the report shows of them is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from precepts.constitution import Constitution, load_constitution, sample_constitution
from precepts.errors import PreceptsError
from precepts.evals.audit import Audit, audit
from precepts.evals.board import Board, board
from precepts.evals.labels import LabelSummary, label_summary
from precepts.evals.monitors import Look, look_steps, looks
from precepts.evidence import Evaluation, ScoredComparison
from precepts.feedback.hygiene import is_unchanged
from precepts.records import AIPreference, Prompt, Revision, Rollout, TrainingStep
from precepts.runs.folder import Run, StageState
from precepts.runs.shards import read_shard
from precepts.stages.monitor import ROLLOUTS, monitored
from precepts.stages.order import OPTIONAL, STAGES, without

MODELS = {"start": "start", "sl": "SL-CAI", "rl": "RL-CAI"}
KINDS = {"red_team": "red-team", "safe_sounding": "safe-sounding", "helpful": "helpful"}
TRAININGS = ("warm_up", "sl", "pm", "rl")


@dataclass(frozen=True)
class Gathered:
    """A run as the report sees it. `audit` is None where the feedback model was not measured, `revisions` counts rounds
    by principle, `revised` by the reason why one cannot be used ("" where it can), `echoes` the usable ones that repeat
    their critique or change nothing against it; `problems` are sentences on what could not be read. `answers` are of
    the method's models, `others` the board of RL's snapshots, in order, and of the models that the recipe names;
    `looks` are those at RL on its way."""

    run: Run
    recipe_text: str
    recipe: Mapping[str, Any]
    states: Mapping[str, StageState | None]
    answers: Mapping[str, list[Evaluation]]
    others: Board
    board: Board
    audit: Audit | None
    labels: LabelSummary
    probabilities: list[float]
    steps: Mapping[str, list[TrainingStep]]
    looks: list[Look]
    revisions: Mapping[str, int]
    revised: Mapping[str, int]
    echoes: int
    constitution: Constitution | None
    problems: tuple[str, ...]

    @property
    def seed(self) -> int:
        """The run's seed, 0 where the recipe has none that can be one."""
        return seed_of(self.recipe)

    def setting(self, *keys: str) -> Any:
        """The recipe's value at `keys`, None where it has none."""
        return setting(self.recipe, *keys)

    def stages(self) -> list[str]:
        """The stages of this run's method, in order, and any other that it has."""
        off = [name for name in OPTIONAL if self.recipe.get(name, {} if name == "rl" else None) is None]
        left_out = without(str(self.setting("preferences", "harmless")), off)
        return [stage for stage in STAGES if stage not in left_out or self.states[stage] is not None]

    def models(self) -> list[str]:
        """The evaluated models, in order."""
        return list(self.board.models)


def gather(run: Run) -> Gathered:
    """Read `run`. Raises RunError where a shard is damaged."""
    problems: list[str] = []
    text, recipe = _recipe(run, problems)
    seed = seed_of(recipe)
    states = {stage: _state(run, stage, problems) for stage in STAGES}
    answers = _answers(run, MODELS)
    probabilities: list[float] = []
    labels = label_summary(_noting(run, probabilities), seed)
    rounds = _rounds(run)
    steps = {stage: list(run.read(stage, TrainingStep)) for stage in TRAININGS}
    return Gathered(
        run=run,
        recipe_text=text,
        recipe=recipe,
        states=states,
        answers=answers,
        others=board(_answers(run, other_models(run)), [], seed),
        board=board(answers, list(run.read("pm", ScoredComparison, "comparisons")), seed),
        audit=_audit(run, seed),
        labels=labels,
        probabilities=probabilities,
        steps=steps,
        looks=_looks(run, steps["rl"], setting(recipe, "rl", "monitor", "every"), seed),
        revisions=rounds.principles,
        revised=rounds.reasons,
        echoes=rounds.echoes,
        constitution=_constitution(recipe, seed, rounds.constitutions, problems),
        problems=tuple(problems),
    )


def seed_of(recipe: Mapping[str, Any]) -> int:
    """A recipe's seed, 0 where it has none that can be one."""
    seed = recipe.get("seed")
    return seed if isinstance(seed, int) and seed >= 0 else 0


def model_name(model: str) -> str:
    """What a model is called on a page."""
    name, _, step = model.rpartition("-")
    return f"RL-CAI, step {step}" if name == "rl" and step.isdecimal() else MODELS.get(model, model)


def other_models(run: Run) -> list[str]:
    """The evaluated models beside the method's own: RL's snapshots in order, then those that the recipe names."""
    named = [each.removeprefix("answers-") for each in run.sets("evaluate") if each.startswith("answers-")]
    steps = {name: int(name[3:]) for name in named if name.startswith("rl-") and name[3:].isdecimal()}
    return sorted(steps, key=lambda name: steps[name]) + [n for n in named if n not in steps and n not in MODELS]


def _answers(run: Run, models: Iterable[str]) -> dict[str, list[Evaluation]]:
    found = {model: list(run.read("evaluate", Evaluation, f"answers-{model}")) for model in models}
    return {model: rows for model, rows in found.items() if rows}


def setting(recipe: Any, *keys: str) -> Any:
    """The value at `keys` of nested mappings, None where there is none."""
    for key in keys:
        recipe = recipe.get(key) if isinstance(recipe, Mapping) else None
    return recipe


def _recipe(run: Run, problems: list[str]) -> tuple[str, Mapping[str, Any]]:
    try:
        text = (run.path / "recipe.yaml").read_text("utf-8", errors="replace")
        recipe = yaml.safe_load(text)
    except FileNotFoundError:
        problems.append("There is no recipe.yaml in this run folder, so what it was made with cannot be shown.")
        return "", {}
    except (yaml.YAMLError, ValueError, RecursionError):
        problems.append("recipe.yaml is not valid YAML; it is shown below as it stands.")
        return text, {}
    return text, recipe if isinstance(recipe, dict) else {}


def _state(run: Run, stage: str, problems: list[str]) -> StageState | None:
    try:
        return run.state(stage)
    except PreceptsError:
        problems.append(f"The stage.json of {stage} is damaged, so its state and counts are not shown.")
        return None


def _looks(run: Run, steps: list[TrainingStep], every: Any, seed: int) -> list[Look]:
    """The looks at RL: as it was monitored, or else at its rollouts in equal stretches."""
    rollouts = list(run.read("rl", Rollout, ROLLOUTS))
    asked = {step: list(read_shard(path, Evaluation)) for step, path in monitored(run).items()}
    last = max((each.step for each in rollouts), default=0)
    if not last:
        return []
    wanted = {each.prompt_id for each in rollouts}
    messages = {each.id: each.messages for each in run.read("prompts", Prompt, "prompts") if each.id in wanted}
    stretches = look_steps(last, every if isinstance(every, int) and every > 0 else None)
    at = sorted({*asked, last}) if asked else stretches
    return looks(at, steps, rollouts, asked, messages, seed)


def _audit(run: Run, seed: int) -> Audit | None:
    found = audit(run.read("audit", AIPreference), seed)
    return found if found.n else None


def _noting(run: Run, probabilities: list[float]) -> Iterator[AIPreference]:
    """The labels as they come, their probabilities noted on the way."""
    for label in run.read("label", AIPreference):
        if label.p_first is not None:
            probabilities.append(label.p_first)
        yield label


@dataclass
class _Rounds:
    principles: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    echoes: int = 0
    constitutions: set[str] = field(default_factory=set)


def _rounds(run: Run) -> _Rounds:
    """What is counted of the revisions, read once as they come."""
    rounds = _Rounds()
    for revision in run.read("revise", Revision):
        rounds.principles[revision.principle_id] += 1
        rounds.reasons[revision.unusable or ""] += 1
        rounds.echoes += revision.unusable is None and _revises_nothing(revision)
        rounds.constitutions.add(revision.constitution_hash)
    return rounds


def _revises_nothing(revision: Revision) -> bool:
    """Whether it repeats its critique, or leaves a response as it was that the critique did not call fine."""
    same = revision.text == revision.previous if not revision.critique else is_unchanged(revision)
    return same or revision.text == revision.critique


def _constitution(recipe: Any, seed: int, hashes: set[str], problems: list[str]) -> Constitution | None:
    source, sample = setting(recipe, "constitution", "source"), setting(recipe, "constitution", "sample")
    if not isinstance(source, str):
        return None
    try:
        whole = load_constitution(source)
    except (PreceptsError, OSError) as error:
        problems.append(f"The constitution cannot be read any more: {error}")
        return None
    constitution = sample_constitution(whole, sample if isinstance(sample, int) else None, seed)
    if hashes - {constitution.hash}:
        problems.append("The constitution has changed since the revisions were made; the wording below is today's.")
    return constitution
