"""Stage `pm`: one preference model from AI and human preferences (paper section 4.1).

Reads the AI labels of training prompts (harmlessness; human comparisons in their place where the recipe says so) and
the human comparisons of helpfulness. Writes `models/pm`, the training's steps, and `comparisons`: the held-out
comparisons and AI labels with the trained model's scores, from which `evals.preference_model` tells what it is worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from precepts.errors import RunError
from precepts.evidence import ScoredComparison
from precepts.prompts.formats import Format
from precepts.records import AIPreference, HumanComparison, Messages, TrainingStep
from precepts.runs.folder import Run, StageFolder
from precepts.runs.work import Chunk, ChunkResult, Worker
from precepts.stages.prompts import refuse_leaks
from precepts.training.settings import BilinearSettings, SupervisedSettings

Score = Callable[[Sequence[tuple[Messages, str]]], list[float]]
_CHUNK = 64  # comparisons scored at a time
_NAMES = {"ai": "AI labels", "helpful": "human helpfulness comparisons", "harmless": "human harmlessness comparisons"}


class PMSettings(SupervisedSettings):
    """Training, what a pair of each source counts in the loss, and soft labels or hard ones. With `bilinear` no weight
    of the start model is trained: a bilinear form of its states is fitted, and what is set for a training is an error
    (but for `device`)."""

    labels: Literal["soft", "hard"] = "soft"
    helpful_weight: float = Field(default=1.0, ge=0)
    harmless_weight: float = Field(default=1.0, ge=0)
    bilinear: BilinearSettings | None = None

    @model_validator(mode="after")
    def _trains_nothing(self) -> Self:
        kept = {"device", "checkpoint_steps", "report_to"}  # checkpoints and trackers: of all trainings of a recipe
        fields = SupervisedSettings.model_fields
        given = [name for name in fields if name not in kept and getattr(self, name) != fields[name].default]
        if self.bilinear and given:
            raise ValueError(f"bilinear trains no weight, so {given[0]} means nothing beside it; leave one of them out")
        return self


@dataclass(frozen=True)
class _Labelled:
    """A comparison with the probability that its first response is better, and where that comes from."""

    id: str
    prompt_id: str
    split: str
    source: str  # helpful, harmless (people) or ai
    messages: Messages
    first: str
    second: str
    target: float


def run(folder: StageFolder, settings: PMSettings, style: Format, model: str, harmless: str, held_out: float) -> None:
    """Train the preference model and score what is held out; `harmless` is "ai" or "human": whose labels train it.

    Raises RunError where no pair can be used or a prompt is held out."""
    if not folder.run.shards(folder.name):  # else a kill came after the training's end
        _train(folder, settings, style, model, harmless, held_out)
    rows = [each for each in _labelled(folder.run, harmless) if each.split == "held_out"]
    folder.write_chunks(
        ScoredComparison,
        rows,
        len(rows),
        _CHUNK,
        partial(_make_scorer, folder.run, style),
        set_name="comparisons",
    )
    used = Counter(_NAMES[each.source] for each in _training_rows(folder.run, settings, harmless))
    folder.finish({name: used[name] for name in _NAMES.values()})


def _train(
    folder: StageFolder, settings: PMSettings, style: Format, model: str, harmless: str, held_out: float
) -> None:
    from precepts.training.pairs import LabelledPair

    rows = _training_rows(folder.run, settings, harmless)
    refuse_leaks(folder, rows, held_out)
    weights = {"helpful": settings.helpful_weight}
    pairs = [
        LabelledPair(
            each.messages,
            each.first,
            each.second,
            _target(each.target, settings.labels),
            weights.get(each.source, settings.harmless_weight),
        )
        for each in rows
    ]
    target, show = folder.run.model("pm"), partial(folder.task, "")
    if settings.bilinear:
        from precepts.training.bilinear import train_bilinear

        read = (settings.bilinear, style, settings.device, partial(show, unit="responses read"))
        steps, tokens = train_bilinear(model, pairs, target, *read)
    else:
        from precepts.training.launch import train_preference_model

        taught = (settings, style, folder.stage_seed, partial(show, unit="steps"))
        steps, tokens = train_preference_model(model, pairs, target, folder.scratch, *taught)
    folder.write_records(TrainingStep, steps, (tokens, 0))


def _training_rows(run: Run, settings: PMSettings, harmless: str) -> list[_Labelled]:
    """The training split's comparisons that count. Raises RunError where a source that should teach has none."""
    wanted = {"ai" if harmless == "ai" else "harmless": settings.harmless_weight, "helpful": settings.helpful_weight}
    rows = [each for each in _labelled(run, harmless) if each.split == "train" and wanted.get(each.source, 0) > 0]
    if not rows:
        raise RunError("pm: no labelled pair can be used; see the counts of the stages prompts and label")
    if harmless == "ai" and settings.harmless_weight > 0 and not any(each.source == "ai" for each in rows):
        raise RunError(
            "pm: no AI label of a training prompt can be used, so the preference model would know nothing of harm; "
            "see what became of the pairs and labels in their stage.json, or set pm.harmless_weight: 0"
        )
    return rows


def _labelled(run: Run, harmless: str) -> Iterator[_Labelled]:
    for human in run.read("prompts", HumanComparison, "comparisons"):
        texts = (human.messages, human.chosen, human.rejected)
        yield _Labelled(human.id, human.prompt_id, human.split, human.aim, *texts, 1.0)
    for label in run.read("label", AIPreference) if harmless == "ai" else ():
        if label.p_first is not None:
            texts = (label.messages, label.first, label.second)
            yield _Labelled(label.id, label.prompt_id, label.split, "ai", *texts, label.p_first)


def _target(p_first: float, labels: Literal["soft", "hard"]) -> float:
    if labels == "soft" or p_first == 0.5:
        return p_first
    return float(p_first > 0.5)


def scorer(run: Run, style: Format) -> Score:
    """Scores responses with the run's preference model."""
    from precepts.training.scores import load_scorer

    return load_scorer(str(run.model("pm")), style).score


def _make_scorer(run: Run, style: Format) -> Worker:
    return score_worker(scorer(run, style))


def score_worker(score: Score) -> Worker:
    """Scores both responses of each comparison of a chunk."""

    def work(chunk: Chunk[_Labelled]) -> ChunkResult:
        firsts = score([(each.messages, each.first) for each in chunk.items])
        seconds = score([(each.messages, each.second) for each in chunk.items])
        return ChunkResult(
            [
                ScoredComparison(e.id, e.prompt_id, e.source, e.first, e.second, e.target, one, two)
                for e, one, two in zip(chunk.items, firsts, seconds, strict=True)
            ]
        )

    return work
