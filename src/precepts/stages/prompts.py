"""Stage `prompts`: read every source, split by hash, and write down what the run works on.

Reads the sources that the recipe names. Writes `prompts` (Prompt) and `comparisons` (HumanComparison). A
conversation that occurs twice is kept once. Safe-sounding prompts are for evaluation alone, so all are held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from precepts.errors import InputError
from precepts.records import HumanComparison, Prompt
from precepts.runs.folder import Run, StageFolder
from precepts.settings import Settings
from precepts.sources.items import read_comparisons, read_prompts
from precepts.sources.read import SourceSettings
from precepts.sources.split import refuse_held_out

T = TypeVar("T", Prompt, HumanComparison)


def short_form(value: Any) -> Any:
    """For lists of sources: `builtin:red_team` stands for `{source: builtin:red_team}`."""
    if isinstance(value, list):
        return [{"source": each} if isinstance(each, str) else each for each in value]
    return value


class PromptSource(SourceSettings):
    """A source of prompts. With `train_only` those that would be held out are left out, also of what `limit` keeps, so
    that evaluation stays with the other sources."""

    train_only: bool = False


class PromptSettings(Settings):
    """Where prompts come from, by kind; `held_out` is the share kept for evaluation."""

    red_team: list[PromptSource] = Field(default=[PromptSource(source="builtin:red_team")], min_length=1)
    helpful: list[PromptSource] = [PromptSource(source="builtin:helpful")]
    safe_sounding: list[PromptSource] = [PromptSource(source="builtin:safe_sounding")]
    held_out: float = Field(default=0.2, ge=0, lt=1)

    _short = field_validator("red_team", "helpful", "safe_sounding", mode="before")(short_form)

    @field_validator("safe_sounding")
    @classmethod
    def _for_evaluation(cls, sources: list[PromptSource]) -> list[PromptSource]:
        if any(each.train_only for each in sources):
            raise ValueError(
                "safe-sounding prompts are for evaluation; name a source to train on under prompts.helpful"
            )
        return sources


class PreferenceSettings(Settings):
    """What the preference model learns from: human comparisons of helpfulness, and of harmlessness either AI labels
    (Constitutional AI) or, with `harmless: human`, the human `harmless_comparisons` (RLHF). Held-out human comparisons
    measure it either way."""

    helpful: list[SourceSettings] = [SourceSettings(source="builtin:helpfulness")]
    harmless: Literal["ai", "human"] = "ai"
    harmless_comparisons: list[SourceSettings] = []

    _short = field_validator("helpful", "harmless_comparisons", mode="before")(short_form)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.harmless == "human" and not self.harmless_comparisons:
            raise ValueError("harmless: human needs harmless_comparisons; name their source there, or use harmless: ai")
        return self


def run(folder: StageFolder, settings: PromptSettings, preferences: PreferenceSettings) -> None:
    """Write the run's prompts and comparisons. Raises InputError for a row that cannot be read."""
    counts: Counter[str] = Counter()
    sources = {kind: getattr(settings, kind) for kind in ("red_team", "helpful", "safe_sounding")}
    compared = {"helpful": preferences.helpful, "harmless": preferences.harmless_comparisons}
    with folder.task("", len(sources) + 1, unit="sets") as task:
        prompts = _once(_all_prompts(sources, settings.held_out, counts), counts)
        folder.write_stream(Prompt, prompts, "prompts")
        task.advance(len(sources))
        comparisons = _once(_all_comparisons(compared, settings.held_out, held_out_ids(folder.run), counts), counts)
        folder.write_stream(HumanComparison, comparisons, "comparisons")
        task.advance()
    if not counts["red_team, train"]:
        raise InputError("prompts.red_team: no prompt is left to train on; add prompts or lower prompts.held_out")
    folder.finish(dict(counts))


def _all_prompts(sources: dict[str, list[PromptSource]], held_out: float, counts: Counter[str]) -> Iterator[Prompt]:
    for kind, settings in sources.items():
        found = (item for each in settings for item in _prompts(each, kind, held_out, counts))
        for prompt in _counted(found, kind, counts):
            yield replace(prompt, split="held_out") if kind == "safe_sounding" else prompt


def _prompts(source: PromptSource, kind: str, held_out: float, counts: Counter[str]) -> Iterator[Prompt | None]:
    for item in read_prompts(source, kind, held_out):
        if source.train_only and item and item.split == "held_out":
            counts[f"{kind}, left out: on the held-out side of a train_only source"] += 1
        else:
            yield item


def _all_comparisons(
    sources: dict[str, list[SourceSettings]], held_out: float, kept_out: set[str], counts: Counter[str]
) -> Iterator[HumanComparison]:
    for aim, settings in sources.items():
        found = (item for each in settings for item in read_comparisons(each, held_out))
        for comparison in _counted(found, f"{aim} comparisons", counts):
            yield _kept_apart(replace(comparison, aim=aim), kept_out)


def _kept_apart(comparison: HumanComparison, kept_out: set[str]) -> HumanComparison:
    """A comparison on a prompt that is held out whatever its hash (a safe-sounding one) is held out too."""
    return replace(comparison, split="held_out") if comparison.prompt_id in kept_out else comparison


def _counted(items: Iterable[T | None], what: str, counts: Counter[str]) -> Iterator[T]:
    for item in items:
        if item is None:
            counts[f"{what}, rows left out"] += 1
        else:
            yield item


def _once(items: Iterable[T], counts: Counter[str]) -> Iterator[T]:
    seen: set[str] = set()
    for item in items:
        what = item.kind if isinstance(item, Prompt) else f"{item.aim} comparisons"
        if item.id in seen:
            counts[f"{what}, given twice"] += 1
        else:
            seen.add(item.id)
            counts[f"{what}, {item.split}"] += 1
            yield item


def read_split(run: Run, kinds: Iterable[str], *splits: str) -> Iterator[Prompt]:
    """The run's prompts of these kinds and splits, streamed in order."""
    wanted = set(kinds)
    return (p for p in run.read("prompts", Prompt, "prompts") if p.kind in wanted and p.split in splits)


def held_out_ids(run: Run) -> set[str]:
    """The ids of the run's held-out prompts."""
    return {prompt.id for prompt in run.read("prompts", Prompt, "prompts") if prompt.split == "held_out"}


def refuse_leaks(folder: StageFolder, used: Iterable[Any], held_out: float) -> None:
    """Raise RunError if any record that is about to be trained on has a held-out prompt."""
    kept_out = held_out_ids(folder.run)
    pairs = ((each.id if isinstance(each, Prompt) else each.prompt_id, each.messages) for each in used)
    refuse_held_out(pairs, kept_out, held_out, folder.name)
