"""Ask one model what its suites hold: answers with their grades, labels, likelihoods of references.

1. Answers are sampled and graded by what stage `evaluate` samples and grades with, as many to each prompt, and every
   model gets the same seeds for the same prompt.
2. Comparisons are labelled as `precepts audit` labels them.
3. A reference's likelihood is the fluency grader's: nats per byte of UTF-8, the same unit for every tokenizer.
4. With rewordings each harmful prompt is asked again in other words. Such an answer keeps the id of the plain prompt,
   so that the two are paired, and only its verdict is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from precepts.engines import Engine, make_engine, model_fingerprint
from precepts.engines.models import BILINEAR_FILE
from precepts.errors import InputError
from precepts.evals.graders.fluency import Fluency
from precepts.evals.graders.grader import Answered, Corpus, Grader, Models, grade_all
from precepts.evaluating.suites import ANSWERED, Loaded
from precepts.evidence import Evaluation, Grade, Reference
from precepts.identity import seed_from
from precepts.prompts.rewordings import reworded
from precepts.recipe import Recipe
from precepts.records import AIPreference, Comparison, Prompt
from precepts.runs.progress import Progress, Task
from precepts.runs.work import Chunk, chunked
from precepts.stages.evaluate import Asked, answer, answered, grade
from precepts.stages.label import label_worker


@dataclass(frozen=True)
class Outcome:
    """What one model did with one suite; `forms` are the answers to the reworded prompts, by the rewording."""

    answers: Sequence[Evaluation] = ()
    forms: Mapping[str, Sequence[Evaluation]] = field(default_factory=dict)
    labels: Sequence[AIPreference] = ()
    weighed: Sequence[tuple[Reference, Grade]] = ()


@dataclass(frozen=True)
class Asker:
    """One model under evaluation, with the recipe's settings; `judge` makes the model that graders of harm ask."""

    engine: Engine
    judge: Callable[[], Engine]
    recipe: Recipe
    progress: Progress
    rewordings: Sequence[str] = ()

    def ask(self, loaded: Loaded) -> Outcome:
        """Everything there is to know of one suite."""
        kind, items = loaded.suite.kind, loaded.items
        forms = self.rewordings if kind == "harmful" else ()
        times = (1 + len(forms)) * (self.recipe.evaluate.samples if kind in ANSWERED else 1)
        with self.progress.task(loaded.suite.name, len(items) * times, 0, "items") as task:
            if kind in ANSWERED:
                plain = self._answers(items, self.recipe.evaluate.make(self.recipe.format), task)
                return Outcome(plain, {name: self._reworded(items, name, task) for name in forms})
            if kind == "comparisons":
                return Outcome(labels=label_all(self.engine, items, self.recipe, task))
            return Outcome(weighed=self._weighed(items, task))

    def _reworded(self, prompts: Sequence[Prompt], name: str, task: Task) -> list[Evaluation]:
        seed = self.recipe.seed
        return self._answers(
            [replace(each, messages=reworded(each.messages, name, seed)) for each in prompts], [], task
        )

    def _answers(self, prompts: Iterable[Prompt], graders: Sequence[Grader], task: Task) -> list[Evaluation]:
        settings, style, seed = self.recipe.evaluate, self.recipe.format, seed_from(self.recipe.seed, "eval")
        both: list[tuple[Asked, Any]] = []
        for chunk in chunked(answered(prompts, settings.samples), settings.chunk_size, seed):
            both += zip(chunk.items, answer(chunk, self.engine, settings, style, seed).records, strict=True)
            task.advance(len(chunk.items))
        for grader in graders:
            if isinstance(grader, Corpus):
                grader.read(Answered(reply.messages, reply.text) for _, reply in both)
        models = Models({"start": lambda: self.engine, "judge": self.judge})
        return list(grade(Chunk(0, tuple(both), seed), graders, None, models, self.engine.name).records)

    def _weighed(self, references: Sequence[Reference], task: Task) -> list[tuple[Reference, Grade]]:
        fluency, found = [Fluency(self.recipe.format)], []
        for chunk in chunked(references, self.recipe.evaluate.chunk_size):
            asked = [Answered(each.messages, each.text) for each in chunk.items]
            found += [grades[0] for grades in grade_all(fluency, asked, lambda _: self.engine)]
            task.advance(len(chunk.items))
        return list(zip(references, found, strict=True))


def label_all(engine: Engine, comparisons: Sequence[Comparison], recipe: Recipe, task: Task) -> list[AIPreference]:
    """The model's labels of `comparisons`, by the recipe's labeler and constitution."""
    settings = recipe.label
    work = label_worker(engine, settings, recipe.format, recipe.load_constitution(), settings.rules())
    labels: list[Any] = []
    for chunk in chunked(comparisons, settings.chunk_size, recipe.seed, "audit", "records"):
        labels += work(chunk).records
        task.advance(len(chunk.items))
    return labels


def check_models(recipe: Recipe, models: Sequence[str]) -> None:
    """Raise InputError for a model, or a judge, that is not there or writes no answers, before any work; a server's
    cannot be seen."""
    judge = [(recipe.feedback_engine or recipe.engine, recipe.models.judge)] if recipe.models.judge else []
    for engine, model in (*((recipe.engine, each) for each in models), *judge):
        if engine.kind in ("transformers", "vllm"):
            model_fingerprint(model)
            _check_writes(Path(model))


def _check_writes(folder: Path) -> None:
    """Raise InputError for a preference model: loaded as a language model it would answer, with nonsense."""
    config = folder / "config.json"
    classifies = config.is_file() and "ForSequenceClassification" in config.read_text("utf-8", "replace")
    if classifies or (folder / BILINEAR_FILE).is_file():
        raise InputError(f"model '{folder}': it scores answers and writes none; name a language model")


def ask_model(
    model: str, recipe: Recipe, suites: Sequence[Loaded], rewordings: Sequence[str], progress: Progress
) -> tuple[list[Outcome], tuple[int, int]]:
    """What one model did with each suite, and the tokens that it and the judge read and wrote. Both are let go of
    afterwards, so that two models need not fit beside each other."""
    engines = [make_engine(recipe.engine, model, model)]

    @cache
    def judge() -> Engine:
        if recipe.models.judge is None:
            return engines[0]
        engines.append(make_engine(recipe.feedback_engine or recipe.engine, recipe.models.judge))
        return engines[1]

    asker = Asker(engines[0], judge, recipe, progress, rewordings)
    outcomes = [asker.ask(each) for each in suites]
    return outcomes, (sum(e.usage.tokens_in for e in engines), sum(e.usage.tokens_out for e in engines))
