"""Each stage's sample, worked once, and what it makes of the whole stage.

1. A few items of each stage are worked by the model at hand (`sample.py`), each on what the sample gave before it.
2. Models that are yet to be trained are taken to answer as the start model does.
3. Of a training the tokens are those of its examples, cut to the length that it keeps, times its epochs. Its time is
   that of three readings (forward, and backward twice that), at the rate at which the sample's answers were made.
Counts of items are exact, but for those that hang on how many replies can be used: these are shares of the sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from precepts.evals.monitors import look_steps
from precepts.evidence import Evaluation
from precepts.feedback.label import label_comparisons
from precepts.feedback.lessons import begins
from precepts.identity import seed_from
from precepts.planning.sample import CHARACTERS, Counted, Estimate, Figures, open_engine, pick, worked
from precepts.prompts.formats import Rendered, plain
from precepts.recipe import Recipe
from precepts.records import Comparison, HumanComparison, Message, Pair, Prompt, Response, Revision
from precepts.runs.folder import Run
from precepts.runs.work import Chunk, ChunkResult
from precepts.sources.items import read_demonstrations
from precepts.stages.audit import labelled
from precepts.stages.evaluate import MODELS, held_out_prompts
from precepts.stages.label import LabelSettings
from precepts.stages.monitor import held_aside
from precepts.stages.pairs import sample_pairs
from precepts.stages.prompts import held_out_ids, read_split
from precepts.stages.respond import answer_request, respond
from precepts.stages.revise import revise
from precepts.stages.sl import learnable
from precepts.stages.tournament import AIM_OF
from precepts.stages.warm_up import prompt_of, takes_own, taught, with_own

_PASSES = 3  # a training step in readings of the same tokens


class Planner:
    """Works the samples, each once, when something asks for it. `read` is a run with its prompts."""

    def __init__(self, recipe: Recipe, read: Run, size: int) -> None:
        self.recipe, self.read, self.size, self.style = recipe, read, size, recipe.format
        self.constitution = recipe.load_constitution()

    def stage(self, name: str) -> Estimate:
        """One stage's estimate."""
        if name == "prompts":
            return Estimate(name, "counted", Figures(items=self.read.count("prompts", "prompts")))
        asking = (self.audit, self.respond, self.revise, self.pairs, self.label, self.evaluate, self.tournament)
        known = (*asking, self.warm_up, self.sl, self.pm, self.rl)
        make = {each.__name__: each for each in known}.get(name)
        if make is None:
            return Estimate(name, "unknown", Figures())
        judged = name in ("audit", "label", "tournament")
        return Estimate(name, "measured" if (self.judge if judged else self.start).real else "estimated", make())

    @cached_property
    def start(self) -> Counted:
        return open_engine(self.recipe.engine, self.recipe.models.start)

    @cached_property
    def judge(self) -> Counted:
        recipe = self.recipe
        if recipe.models.feedback is None and recipe.feedback_engine is None:
            headed = recipe.warm_up is not None and recipe.warm_up.verdict_head and not recipe.revise.direct_revision
            return Counted(self.start.engine, self.start.real, headed=headed) if headed else self.start
        return open_engine(recipe.feedback_engine or recipe.engine, recipe.models.feedback or recipe.models.start)

    def _prompts(self, *kinds: str, splits: tuple[str, ...] = ("train",)) -> tuple[list[Prompt], int]:
        return pick(read_split(self.read, kinds, *splits), self.size, lambda prompt: prompt.id)

    def _chunk(self, items: Sequence[Any], name: str) -> Chunk[Any]:
        return Chunk(0, tuple(items), seed_from(self.recipe.seed, "plan", name))

    @cached_property
    def answered(self) -> dict[str, tuple[Figures, Sequence[Response]]]:
        """What the training prompts of each kind take to be answered, and the sample's answers."""
        found = {}
        for kind, samples in (("red_team", 1), ("helpful", self.recipe.respond.helpful_samples)):
            prompts, count = self._prompts(kind)
            chunk = self._chunk([(prompt, 0) for prompt in prompts], kind)
            figures, records = self._worked(
                chunk, lambda chunk: respond(chunk, self.start, self.recipe.respond, self.style)
            )
            found[kind] = figures.times(_factor(count * samples, len(prompts))), records
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
        return found.times(_factor(figures.items, len(records))), revisions

    @cached_property
    def paired(self) -> tuple[Figures, Sequence[Pair]]:
        """What the pairs take, and the sample's."""
        prompts, count = self._prompts(*self.recipe.pairs.kinds, splits=("train", "held_out"))
        found, pairs = self._worked(
            self._chunk([(prompt, 0) for prompt in prompts], "pairs"),
            lambda chunk: sample_pairs(chunk, self.start, self.recipe.pairs, self.style),
        )
        return found.times(_factor(count * self.recipe.pairs.samples, len(prompts))), pairs

    def _worked(self, chunk: Chunk[Any], work: Callable[[Chunk[Any]], ChunkResult]) -> tuple[Figures, Sequence[Any]]:
        return worked(self.start, len(chunk.items), lambda: work(chunk)) if chunk.items else (Figures(), ())

    def respond(self) -> Figures:
        red_team, helpful = self.answered["red_team"][0], self.answered["helpful"][0]
        return red_team + helpful

    def revise(self) -> Figures:
        return self.revised[0]

    def pairs(self) -> Figures:
        if self.recipe.pairs.take == "comparisons":
            return Figures(items=sum(1 for _ in self._people("harmless")))
        return self.paired[0]

    def audit(self, judge: LabelSettings | None = None) -> Figures:
        return self._labels(*pick(labelled(self.recipe.audit.comparisons), self.size, lambda each: each.id), judge)

    def label(self) -> Figures:
        if self.recipe.pairs.take == "comparisons":
            people = (each.comparison() for each in self._people("harmless"))
            return self._labels(*pick(people, self.size, lambda each: each.id))
        figures, pairs = self.paired
        usable = [pair.comparison() for pair in pairs if pair.unusable is None]
        return self._labels(usable, round(figures.items * len(usable) / max(1, len(pairs))))

    def tournament(self) -> Figures:
        """Matches, judged as the sample's pairs are (one model's answers for two models'), and the judge's audit where
        it is not the one that stage audit has tried."""
        settings = self.recipe.tournament
        if settings is None:
            return Figures()
        held_out = Counter(p.kind for p in held_out_prompts(self.read, self.recipe.evaluate.limit, self._aside))
        counts = [held_out[kind] for kind, aim in AIM_OF.items() if aim in settings.aims]
        played = sum(min(count, settings.limit or count) for count in counts)
        models = len(settings.models) if settings.models else self._models
        games = models * (models - 1) // 2 if settings.pairing == "all" else models - 1
        sample = [pair.comparison() for pair in self.paired[1] if pair.unusable is None]
        asks_otherwise = settings.judge not in (None, self.recipe.label) or self.recipe.models.judge is not None
        tried = asks_otherwise or self.recipe.preferences.harmless == "human"
        played_out = self._labels(sample, played * games, settings.judge)
        return played_out + self.audit(settings.judge) if tried else played_out

    def _labels(self, sample: Sequence[Comparison], count: int, judge: LabelSettings | None = None) -> Figures:
        label, engine = judge or self.recipe.label, self.judge
        labeler, shots = label.make(self.style, self.constitution), len(label.examples(self.constitution))
        before = engine.usage.tokens_in, engine.usage.tokens_out

        def work() -> ChunkResult:
            seed = seed_from(self.recipe.seed, "plan", "label")
            records = label_comparisons(engine, labeler, sample, self.constitution, seed, shots, label.rules())
            return ChunkResult(records, engine.usage.tokens_in - before[0], engine.usage.tokens_out - before[1])

        return worked(engine, len(sample), work)[0].times(_factor(count, len(sample))) if sample else Figures()

    def warm_up(self) -> Figures:
        settings = self.recipe.warm_up
        if settings is None or settings.adapter is not None:
            return Figures()
        kept_out, direct = held_out_ids(self.read), self.recipe.revise.direct_revision
        found = (each for source in settings.demonstrations for each in read_demonstrations(source))
        usable = (each for each in found if each and each.prompt_id not in kept_out)
        sample, count = pick(usable, self.size, lambda each: each.id)
        asked = [each for each in sample if takes_own(each, settings.own_responses)]
        own, answers = self._worked(
            self._chunk([(prompt_of(each), 0) for each in asked], "own"),
            lambda chunk: respond(chunk, self.start, self.recipe.respond, self.style),
        )
        given = (self.recipe.label, self.style, self.constitution, 0, direct, Counter[str]())
        lessons = taught(with_own(sample, answers), settings, *given)
        read = [each for each, after in zip(lessons, [*lessons[1:], None], strict=True) if not begins(each, after)]
        tokens = sum(self._length(lesson.prompt, lesson.answer, settings.max_length) for lesson in read)
        factor = _factor(count, len(sample))
        return own.times(factor) + self._trained(factor * len(read), factor * tokens * settings.epochs)

    def sl(self) -> Figures:
        (revise, revisions), (helpful, answers) = self.revised, self.answered["helpful"]
        sources: list[tuple[float, Sequence[Revision | Response]]] = [
            (_factor(revise.items, len({each.response_id for each in revisions})), revisions),
            (_factor(helpful.items, len(answers)), answers),
        ]
        count, tokens = 0.0, 0.0
        for factor, records in sources:
            texts = [(each.messages, learnable(each.text, each.finish)) for each in records if each.unusable is None]
            lengths = [self._length(messages, text, self.recipe.sl.max_length) for messages, text in texts if text]
            count, tokens = count + factor * len(lengths), tokens + factor * sum(lengths)
        return self._trained(count, tokens * self.recipe.sl.epochs)

    def pm(self) -> Figures:
        settings, harmless = self.recipe.pm, self.recipe.preferences.harmless
        people, count = pick((p for p in self._people("helpful") if p.split == "train"), self.size, lambda p: p.id)
        rows = [(_factor(count, len(people)), p.messages, p.chosen, p.rejected) for p in people]
        if harmless == "human" or self.recipe.pairs.take == "comparisons":
            some, count = pick((p for p in self._people("harmless") if p.split == "train"), self.size, lambda p: p.id)
            rows += [(_factor(count, len(some)), p.messages, p.chosen, p.rejected) for p in some]
        else:
            _, pairs = self.paired
            _, count = self._prompts(*self.recipe.pairs.kinds)
            usable = [pair for pair in pairs if pair.unusable is None]
            factor = _factor(count * self.recipe.pairs.samples, len(pairs))
            rows += [(factor, pair.messages, pair.first, pair.second) for pair in usable]
        tokens = sum(
            factor * self._length(messages, text, settings.max_length)
            for factor, messages, *texts in rows
            for text in texts
        )
        return self._trained(sum(factor for factor, *_ in rows), tokens * settings.epochs)

    def rl(self) -> Figures:
        settings = self.recipe.rl
        if settings is None:
            return Figures()
        prompts, count = self._prompts("red_team", "helpful")
        steps = settings.steps or count * settings.group * settings.epochs / settings.batch_size
        completions = steps * settings.batch_size
        request = self.recipe.pairs.model_copy(
            update=settings.model_dump(include={"temperature", "top_p", "max_tokens"})
        )
        figures, replies = self._worked(
            self._chunk([(prompt, 0) for prompt in prompts], "rl"),
            lambda chunk: sample_pairs(chunk, self.start, request, self.style),
        )
        both = figures.times(_factor(completions / 2, len(replies)))
        trained = self._trained(completions, both.tokens_in + both.tokens_out)
        looks = len(look_steps(round(steps), settings.monitor.every)) if settings.monitor else 0
        looked = both.times(looks * len(self._aside) / completions)
        times = [trained.seconds, both.seconds, looked.seconds]
        return replace(
            trained,
            requests=0,
            tokens_in=trained.tokens_in + looked.tokens_in,
            tokens_out=looked.tokens_out,
            seconds=None if None in times else sum(each or 0.0 for each in times),
        )

    @cached_property
    def _aside(self) -> set[str]:
        """The prompts that evaluation leaves to the monitors of RL."""
        monitor = self.recipe.rl.monitor if self.recipe.rl else None
        return {prompt.id for prompt in held_aside(self.read, monitor.prompts)} if monitor else set()

    @cached_property
    def _models(self) -> int:
        """How many models are evaluated."""
        rl = self.recipe.rl
        return len(MODELS) + len(self.recipe.evaluate.models) + (rl.snapshots if rl else -1)

    def evaluate(self) -> Figures:
        settings = self.recipe.evaluate
        prompts, count = pick(
            held_out_prompts(self.read, settings.limit, self._aside), self.size, lambda prompt: prompt.id
        )

        def work(chunk: Chunk[Prompt]) -> ChunkResult:
            requests = [answer_request(p.messages, settings, self.style, chunk.seed) for p in chunk.items]
            replies = self.start.generate(requests)
            records = [_answer(*each) for each in zip(chunk.items, (r.text for r in replies), strict=True)]
            return ChunkResult(records, sum(r.tokens_in for r in replies), sum(r.tokens_out for r in replies))

        answered, _ = self._worked(self._chunk(prompts, "evaluate"), work)
        return answered.times(_factor(count * self._models, len(prompts)))

    def _people(self, aim: str) -> Iterator[HumanComparison]:
        return (each for each in self.read.read("prompts", HumanComparison, "comparisons") if each.aim == aim)

    def _trained(self, count: float, tokens: float) -> Figures:
        rate = self._reading_rate
        return Figures(
            round(count), 0, round(tokens), 0, None if rate is None else _PASSES * tokens / rate, self._model
        )

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
        return min(most, len(tokenizer(said)["input_ids"]) if tokenizer else len(said) // CHARACTERS)


def _factor(all_of_them: float, sampled: int) -> float:
    return all_of_them / sampled if sampled else 0.0


def _answer(prompt: Prompt, text: str) -> Evaluation:
    """An answer as stage evaluate keeps it, for its size."""
    known: dict[str, Any] = {"prompt_id": prompt.id, "kind": prompt.kind, "category": prompt.category, "model": ""}
    known |= {"messages": prompt.messages, "text": text, "finish": "stop", "verdict": None, "reason": ""}
    return Evaluation(**known, unscored=None, score=0.0, tokens_in=0, tokens_out=0)
