"""Monitors of stage `rl`: how the policy stands on its way, and the rule that ends a training which has gone astray.

1. Every `every` steps the policy answers `prompts` held-out prompts of each kind, sampled as the rollouts are, with
   the same seeds at every look. The answers are written as set `monitored` (Evaluation, one shard a look), so that a
   report can measure them again; the figures are those of `evals.monitors`.
2. These prompts are held aside: evaluation leaves them out, so a stop rule does not choose by what is reported. They
   are the last ones in the order in which evaluation takes them, and at most half of a kind.
3. Training ends at the first look past a bound of `stop`, with the policy as it then stands; snapshots hold earlier
   ones. The bounds on rollouts need no held-aside prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from precepts.evals.graders.grader import Models
from precepts.evals.monitors import Look, look_steps, looks, score_gap
from precepts.evidence import Evaluation
from precepts.prompts.formats import Format
from precepts.records import Prompt, Rollout
from precepts.runs.folder import Run, StageFolder
from precepts.runs.shards import read_shard
from precepts.runs.work import Chunk
from precepts.settings import Settings
from precepts.stages.evaluate import KINDS, MONITORED, answer, answered, grade, in_order
from precepts.stages.prompts import read_split
from precepts.stages.respond import SamplingSettings

if TYPE_CHECKING:
    from precepts.training.looks import Standing

ROLLOUTS = "rollouts"  # the set of stage rl


class MonitorSettings(Settings):
    """A look every `every` steps, at the rollouts since the last one and at answers to `prompts` held-aside prompts of
    each kind (0: at the rollouts alone)."""

    every: int = Field(default=20, ge=1)
    prompts: int = Field(default=8, ge=0)


class StopSettings(Settings):
    """Bounds that end the training when a look finds a figure past them (null: no bound). Of the rollouts: `kl` (nats
    a token), `repetition` and `boilerplate` (shares of an answer), `words`. Of answers to held-aside prompts:
    `refused` (share of harmless prompts) and `score_gap` (see evals/monitors.py)."""

    kl: float | None = Field(default=None, gt=0)
    repetition: float | None = Field(default=None, gt=0, lt=1)
    boilerplate: float | None = Field(default=None, gt=0, lt=1)
    words: float | None = Field(default=None, gt=0)
    refused: float | None = Field(default=None, gt=0, lt=1)
    score_gap: float | None = Field(default=None, gt=0)

    def bounds(self) -> dict[str, float]:
        """The bounds that are set, by name."""
        return {name: bound for name, bound in self.model_dump().items() if bound is not None}


class Monitor:
    """Looks at the policy for stage `rl`, which trains on `prompts`; `reason` says why the training was told to end, ""
    where it was not."""

    def __init__(
        self,
        folder: StageFolder,
        settings: MonitorSettings,
        bounds: Mapping[str, float],
        sampling: SamplingSettings,
        style: Format,
        prompts: Iterable[Prompt],
    ) -> None:
        self.folder, self.every, self.bounds, self.sampling, self.style = (
            folder,
            settings.every,
            bounds,
            sampling,
            style,
        )
        self.held_aside = held_aside(folder.run, settings.prompts)
        self.messages = {prompt.id: prompt.messages for prompt in prompts}
        self.seen: list[Look] = []
        self.reason = ""

    def look(self, standing: Standing) -> tuple[dict[str, float], str]:
        """Ask the policy, measure, and say what was found: figures by name, and why training is to end."""
        if self.held_aside:
            self._ask(standing)
        since = self.seen[-1].step if self.seen else -1  # what a killed training has seen is looked at again
        at = [step for step in look_steps(standing.step, self.every) if step > since]
        shards = monitored(self.folder.run)
        answers = {step: list(read_shard(shards[step], Evaluation)) for step in at if step in shards}
        rollouts = [*self._kept(since, standing), *standing.rollouts]
        given = (standing.steps, rollouts, answers, self.messages, self.folder.seed)
        self.seen += looks(at, *given, since=since)
        self.reason = past(self.seen, self.bounds)
        return self.seen[-1].figures(), self.reason

    def _kept(self, since: int, standing: Standing) -> list[Rollout]:
        """The rollouts after step `since` that lie in the folder; those of a training that was killed are made anew."""
        anew = standing.rollouts[0].step if standing.rollouts else standing.step + 1
        return [each for each in self.folder.run.read("rl", Rollout, ROLLOUTS) if since < each.step < anew]

    def _ask(self, standing: Standing) -> None:
        """Write the policy's answers to the prompts held aside, scored and with their verdicts."""
        chunk = Chunk(standing.step, tuple(answered(self.held_aside)), self.folder.stage_seed)
        replies = answer(chunk, standing.engine, self.sampling, self.style, self.folder.stage_seed)
        graded = Chunk(chunk.index, tuple(zip(chunk.items, replies.records, strict=True)), chunk.seed)
        found = grade(graded, [], standing.score, Models({}), standing.engine.name)
        tokens = (replies.tokens_in, replies.tokens_out)
        self.folder.write_records(Evaluation, found.records, tokens, MONITORED, standing.step)


def held_aside(run: Run, count: int) -> list[Prompt]:
    """The prompts that monitors ask: of each kind the last `count`, at most half of them, as evaluation takes them."""
    found = (in_order(read_split(run, (kind,), "held_out")) for kind in KINDS)
    return [prompt for prompts in found for prompt in prompts[len(prompts) - min(count, len(prompts) // 2) :]]


def monitored(run: Run) -> dict[int, Path]:
    """The shard of answers to prompts held aside of each look, by its step."""
    return {int(path.stem.rpartition("-")[2]): path for path in run.shards("rl", MONITORED)}


def past(seen: Sequence[Look], bounds: Mapping[str, float]) -> str:
    """Which bounds the last look is past, in words; "" where none is, and before the first step."""
    last = seen[-1]
    figures = {
        "kl": last.kl,
        "repetition": last.rollouts.repetition.value,
        "boilerplate": last.rollouts.boilerplate.value,
        "words": last.rollouts.words.value,
        "refused": last.held_aside.refused.value,
        "score_gap": score_gap(seen),
    }
    over = [f"{name} {figures[name]:.4g} is past {bound:g}" for name, bound in bounds.items() if figures[name] > bound]
    return f"after step {last.step}: {', '.join(over)}" if over and last.step else ""
