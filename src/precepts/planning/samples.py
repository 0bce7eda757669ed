"""What a plan rests on: each stage's sample that later samples need, worked once.

1. A few items of each stage are worked by the model at hand (`sample.py`), each on what the sample gave before it.
2. Models that are yet to be trained are taken to answer as the start model does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from precepts.identity import seed_from
from precepts.planning.sample import CHARACTERS, Counted, Figures, open_engine, pick, worked
from precepts.prompts.formats import Rendered, plain
from precepts.recipe import Recipe
from precepts.records import HumanComparison, Message, Pair, Prompt, Response, Revision
from precepts.runs.folder import Run
from precepts.runs.work import Chunk, ChunkResult
from precepts.stages.monitor import held_aside
from precepts.stages.pairs import sample_pairs
from precepts.stages.prompts import read_split
from precepts.stages.respond import respond
from precepts.stages.revise import revise


class Samples:
    """Works the samples, each once, when something asks for it. `read` is a run with its prompts."""

    def __init__(self, recipe: Recipe, read: Run, size: int) -> None:
        self.recipe, self.read, self.size, self.style = recipe, read, size, recipe.format
        self.constitution = recipe.load_constitution()

    @cached_property
    def start(self) -> Counted:
        return open_engine(self.recipe.engine, self.recipe.models.start)

    @cached_property
    def critic(self) -> Counted:
        """What the warm-up will make of the start model, which will have a verdict head where one is asked for."""
        warm_up = self.recipe.warm_up
        headed = warm_up is not None and warm_up.verdict_head and not self.recipe.revise.direct_revision
        return Counted(self.start.engine, self.start.real, headed=True) if headed else self.start

    @cached_property
    def judge(self) -> Counted:
        recipe = self.recipe
        if recipe.models.feedback is None and recipe.feedback_engine is None:
            return self.critic
        return open_engine(recipe.feedback_engine or recipe.engine, recipe.models.feedback or recipe.models.start)

    def _prompts(self, *kinds: str, splits: tuple[str, ...] = ("train",)) -> tuple[list[Prompt], int]:
        return pick(read_split(self.read, kinds, *splits), self.size, lambda prompt: prompt.id)

    def _chunk(self, items: Sequence[Any], name: str) -> Chunk[Any]:
        return Chunk(0, tuple(items), seed_from(self.recipe.seed, "plan", name))

    @cached_property
    def answered(self) -> dict[str, tuple[Figures, Sequence[Response]]]:
        """What the training prompts of each kind take to be answered, and the sample's answers."""
        found = {}
        settings = self.recipe.respond
        for kind, samples in (("red_team", settings.samples), ("helpful", settings.helpful_samples)):
            prompts, count = self._prompts(kind)
            chunk = self._chunk([(prompt, 0) for prompt in prompts], kind)
            figures, records = self._worked(
                chunk, lambda chunk: respond(chunk, self.start, self.recipe.respond, self.style)
            )
            found[kind] = figures.times(share_of(count * samples, len(prompts))), records
        return found

    @cached_property
    def revised(self) -> tuple[Figures, Sequence[Revision]]:
        """What revising every usable answer takes, and the sample's revisions."""
        figures, records = self.answered["red_team"]
        usable = [each for each in records if each.unusable is None]
        found, revisions = self._worked(
            self._chunk(usable, "revise"),
            lambda chunk: revise(chunk, self.start, self.recipe.revise, self.style, self.constitution),
        )
        return found.times(share_of(figures.items, len(records))), revisions

    @cached_property
    def paired(self) -> tuple[Figures, Sequence[Pair]]:
        """What the pairs take, and the sample's."""
        prompts, count = self._prompts(*self.recipe.pairs.kinds, splits=("train", "held_out"))
        found, pairs = self._worked(
            self._chunk([(prompt, 0) for prompt in prompts], "pairs"),
            lambda chunk: sample_pairs(chunk, self.start, self.recipe.pairs, self.style),
        )
        return found.times(share_of(count * self.recipe.pairs.samples, len(prompts))), pairs

    def _worked(self, chunk: Chunk[Any], work: Callable[[Chunk[Any]], ChunkResult]) -> tuple[Figures, Sequence[Any]]:
        return worked(self.start, len(chunk.items), lambda: work(chunk)) if chunk.items else (Figures(), ())

    @cached_property
    def _aside(self) -> set[str]:
        """The prompts that evaluation leaves to the monitors of RL."""
        monitor = self.recipe.rl.monitor if self.recipe.rl else None
        return {prompt.id for prompt in held_aside(self.read, monitor.prompts)} if monitor else set()

    def _people(self, aim: str) -> Iterator[HumanComparison]:
        return (each for each in self.read.read("prompts", HumanComparison, "comparisons") if each.aim == aim)

    @cached_property
    def _reading_rate(self) -> float | None:
        """Tokens a second that the start model reads, from the sample of answers (writing included)."""
        figures, _ = self.answered["red_team"]
        tokens = figures.tokens_in + figures.tokens_out
        return tokens / figures.seconds if figures.seconds and self._tokenizer else None

    @cached_property
    def _model(self) -> int:
        """Bytes of a trained model: float32 whatever it begins with."""
        model = getattr(self.start.engine, "model", None)
        return 4 * int(model.num_parameters()) if model is not None else 0

    @cached_property
    def _as_loaded(self) -> int:
        """Bytes of the start model in the precision that it has."""
        model = getattr(self.start.engine, "model", None)
        return sum(each.nbytes for each in model.parameters()) if model is not None else 0

    @cached_property
    def _tokenizer(self) -> Any:
        return getattr(self.start.engine, "tokenizer", None)

    def _length(self, messages: Rendered, text: str, most: int) -> int:
        """Tokens of a conversation that ends with `text`, of which `most` are kept."""
        tokenizer = self._tokenizer
        if isinstance(messages, str):
            said = f"{messages} {text}"
        elif tokenizer is None or self.style == "raw" or tokenizer.chat_template is None:
            said = f"{plain(messages)}\n\nAssistant: {text}"
        else:
            turns = [*messages, Message("assistant", text)]
            said = tokenizer.apply_chat_template([asdict(each) for each in turns], tokenize=False)
        length = len(tokenizer(said)["input_ids"]) if tokenizer else len(said) // CHARACTERS
        return min(most, length)


def share_of(all_of_them: float, sampled: int) -> float:
    """How many each of the `sampled` items stands for."""
    return all_of_them / sampled if sampled else 0.0
