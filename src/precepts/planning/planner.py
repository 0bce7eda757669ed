"""Each stage's sample, and what it makes of the whole stage.

1. The samples that others are made of are in `samples.py`; here is what each stage's comes to.
2. Of a training the tokens are those of its examples, cut to the length that it keeps, times its epochs. Its time is
   that of three readings (forward, and backward twice that, or its share where LoRA is on the last layers alone), at
   the rate at which the sample's answers were made. A bilinear preference model is one reading, through two thirds of
   the layers.
Counts of items are exact, but for those that hang on how many replies can be used: these are shares of the sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from precepts.evals.monitors import look_steps
from precepts.evidence import Evaluation
from precepts.feedback.label import label_comparisons
from precepts.feedback.lessons import begins
from precepts.feedback.verdict import ask_verdicts
from precepts.identity import seed_from
from precepts.planning.sample import Estimate, Figures, pick, worked
from precepts.planning.samples import Samples, share_of
from precepts.records import Comparison, Prompt, Response, Revision
from precepts.runs.work import Chunk, ChunkResult
from precepts.sources.items import read_demonstrations
from precepts.stages.audit import labelled
from precepts.stages.evaluate import MODELS, held_out_prompts
from precepts.stages.label import LabelSettings
from precepts.stages.pairs import sample_pairs
from precepts.stages.prompts import held_out_ids
from precepts.stages.respond import answer_request, respond
from precepts.stages.tournament import AIM_OF
from precepts.stages.warm_up import prompt_of, takes_own, taught, with_own
from precepts.training.settings import LoraSettings

_READING = 2 / 3  # a bilinear preference model reads with as much of the model
_READ = 512  # and as many tokens of a text, prompt and response


class Planner(Samples):
    """Each stage's estimate."""

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

        return worked(engine, len(sample), work)[0].times(share_of(count, len(sample))) if sample else Figures()

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
        factor = share_of(count, len(sample))
        passes = self._passes(settings.lora)
        return own.times(factor) + self._trained(factor * len(read), factor * tokens * settings.epochs, passes)

    def sl(self) -> Figures:
        (revise, revisions), (helpful, answers) = self.revised, self.answered["helpful"]
        sources: list[tuple[float, Sequence[Revision | Response]]] = [
            (share_of(revise.items, len({each.response_id for each in revisions})), revisions),
            (share_of(helpful.items, len(answers)), answers),
        ]
        settings, figures = self.recipe.sl, Figures()
        passes = self._passes(settings.lora)
        if settings.helpful_kl is not None:  # what stays is read once
            passes = 3 * self._trained_share(settings.lora) + 1 / settings.epochs
        for factor, records in sources:
            usable = [each for each in records if each.unusable is None]
            tokens = factor * sum(self._length(each.messages, each.text, settings.max_length) for each in usable)
            figures += replace(self._trained(factor * len(usable), tokens * settings.epochs, passes), disk=0)
        return replace(figures + self._second_look(), items=figures.items, disk=self._model)

    def _second_look(self) -> Figures:
        """The critic's verdict on each usable revision, where it says which are learnt."""
        revise, revisions = self.revised
        usable = [each for each in revisions if each.unusable is None]
        if self.recipe.sl.hygiene.fineness is None or not usable:
            return Figures()
        under = {each.id: each for each in self.constitution.revising}
        asked = [(each.messages, each.text, under[each.principle_id]) for each in usable]
        before = self.critic.usage.tokens_in

        def work() -> ChunkResult:
            ask_verdicts(self.critic, asked, self.style)
            return ChunkResult([], self.critic.usage.tokens_in - before)

        answered = len({each.response_id for each in revisions})
        return worked(self.critic, len(usable), work)[0].times(share_of(revise.items, answered))

    def pm(self) -> Figures:
        settings, harmless = self.recipe.pm, self.recipe.preferences.harmless
        people, count = pick((p for p in self._people("helpful") if p.split == "train"), self.size, lambda p: p.id)
        rows = [(share_of(count, len(people)), p.messages, p.chosen, p.rejected) for p in people]
        if harmless == "human" or self.recipe.pairs.take == "comparisons":
            some, count = pick((p for p in self._people("harmless") if p.split == "train"), self.size, lambda p: p.id)
            rows += [(share_of(count, len(some)), p.messages, p.chosen, p.rejected) for p in some]
        else:
            _, pairs = self.paired
            _, count = self._prompts(*self.recipe.pairs.kinds)
            usable = [pair for pair in pairs if pair.unusable is None]
            factor = share_of(count * self.recipe.pairs.samples, len(pairs))
            rows += [(factor, pair.messages, pair.first, pair.second) for pair in usable]
        most = settings.max_length if settings.bilinear is None else _READ
        tokens = sum(factor * self._length(messages, text, most) for factor, messages, *texts in rows for text in texts)
        counted = sum(factor for factor, *_ in rows)
        if settings.bilinear is not None:
            return replace(self._trained(counted, tokens, _READING), disk=self._as_loaded)
        return self._trained(counted, tokens * settings.epochs, self._passes(settings.lora))

    def rl(self) -> Figures:
        settings = self.recipe.rl
        if settings is None:
            return Figures()
        prompts, count = self._prompts("red_team", "helpful")
        steps = settings.total_steps(count)
        completions = steps * settings.batch_size
        request = self.recipe.pairs.model_copy(
            update=settings.model_dump(include={"temperature", "top_p", "max_tokens"})
        )
        figures, replies = self._worked(
            self._chunk([(prompt, 0) for prompt in prompts], "rl"),
            lambda chunk: sample_pairs(chunk, self.start, request, self.style),
        )
        both = figures.times(share_of(completions / 2, len(replies)))
        trained = self._trained(completions, both.tokens_in + both.tokens_out, self._passes(settings.lora))
        looks = len(look_steps(steps, settings.monitor.every)) if settings.monitor else 0
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
        return answered.times(share_of(count * settings.samples * self._models, len(prompts)))

    def _passes(self, lora: LoraSettings | None) -> float:
        """A training step in readings of the same tokens: one, and twice that for gradients of what is trained."""
        return 1 + 2 * self._trained_share(lora)

    def _trained_share(self, lora: LoraSettings | None) -> float:
        """The share of the model's layers that is trained."""
        model = getattr(self.start.engine, "model", None)
        if lora is None or lora.layers is None or model is None:
            return 1.0
        return min(1.0, lora.layers / int(model.config.get_text_config().num_hidden_layers))

    def _trained(self, count: float, tokens: float, passes: float) -> Figures:
        rate = self._reading_rate
        seconds = None if rate is None else passes * tokens / rate
        return Figures(round(count), 0, round(tokens), 0, seconds, self._model)


def _answer(prompt: Prompt, text: str) -> Evaluation:
    """An answer as stage evaluate keeps it, for its size."""
    known: dict[str, Any] = {"prompt_id": prompt.id, "kind": prompt.kind, "category": prompt.category, "model": ""}
    known |= {"messages": prompt.messages, "text": text, "finish": "stop", "verdict": None, "reason": ""}
    return Evaluation(**known, unscored=None, score=0.0, tokens_in=0, tokens_out=0)
