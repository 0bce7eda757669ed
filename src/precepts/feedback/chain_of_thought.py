"""The chain-of-thought labeler: reasons first, then (A) or (B) by log-probability (paper section 4.1).

1. The model is asked as in multiple choice, writes its reasons after "Let's think step by step:", and is then asked
   for the letter; the label is read after "So the answer is:".
2. Having reasoned, a model is sure of itself whatever it said, so the probability is clamped, to 0.40-0.60 by default
   as in the paper. The log-probabilities kept are the unclamped ones.
3. An empty or unusable reasoning leaves the question unscored ("no_reasoning").
How it departs from the paper: the clamp is applied to each order before the two are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from precepts.engines.base import ChoiceRequest, Engine, GenerateRequest, Reply
from precepts.feedback.labeler import Answer, Question, Shots, Shows
from precepts.feedback.multiple_choice import OPTIONS, ask_to_choose, choice_answer, option_of, shown
from precepts.odds import log_odds
from precepts.prompts.demonstrations import COMPARISON
from precepts.prompts.formats import Format, as_sent, exchange
from precepts.prompts.render import template
from precepts.settings import Settings

_P = Annotated[float, Field(ge=0, le=1)]


class ChainOfThoughtOptions(Settings):
    """`clamp`: the least and greatest probability a reading may have. `max_tokens` and `temperature` of the reasons."""

    clamp: list[_P] = Field(default=[0.4, 0.6], min_length=2, max_length=2)
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=0.0, ge=0)

    @field_validator("clamp")
    @classmethod
    def _in_order(cls, clamp: list[float]) -> list[float]:
        if not clamp[0] <= 0.5 <= clamp[1]:
            raise ValueError(f"the clamp {clamp} must hold 0.5 between its ends, as [0.4, 0.6] does")
        return clamp


class ChainOfThought:
    """Labels by the odds of (A) against (B) after written reasons."""

    name: ClassVar[str] = "chain_of_thought"
    version: ClassVar[int] = 1
    ordered: ClassVar[bool] = True
    wording: ClassVar[tuple[str, ...]] = (
        "templates/comparison.txt",
        "templates/reasoning.txt",
        "templates/reasoning_answer.txt",
        COMPARISON,
    )
    shows: ClassVar[Shows] = "reasoned"
    Options: ClassVar[type[Settings]] = ChainOfThoughtOptions

    def __init__(self, style: Format, examples: Shots, options: ChainOfThoughtOptions) -> None:
        self.style, self.options = style, options
        self.examples = tuple(examples)
        self.opening, self.asking = template("reasoning"), template("reasoning_answer")

    def ask(self, engine: Engine, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question: one call for the reasons, one for the letters of those that have any."""
        asked = [self.request(question) for question in questions]
        replies = engine.generate(asked)
        usable = [n for n, reply in enumerate(replies) if reply.unusable is None]
        choices = [self._choice(asked[n], replies[n]) for n in usable]
        answers = [Answer(as_sent(each.prompt) + each.prefill, None, unscored="no_reasoning") for each in asked]
        for n, choice, logprobs in zip(usable, choices, engine.choose(choices), strict=True):
            answer = replace(choice_answer(choice, logprobs), reasoning=replies[n].text)
            answers[n] = replace(answer, log_odds=clamped(answer.log_odds, self.options.clamp))
        return answers

    def request(self, question: Question) -> GenerateRequest:
        """What the feedback model is to reason about."""
        shots = [
            (asked, f"{self.opening} {shot.reasoning}\n\n{self.asking}{option_of(shot)}")
            for asked, shot in shown(self.examples, question)
        ]
        prompt, prefill = exchange(shots, ask_to_choose(question), self.opening, self.style)
        return GenerateRequest(
            prompt,
            prefill,
            max_tokens=self.options.max_tokens,
            temperature=self.options.temperature,
            stop=(self.asking, "\n\n\n"),
            seed=question.seed,
        )

    def _choice(self, asked: GenerateRequest, reply: Reply) -> ChoiceRequest:
        reasons = f" {reply.text}\n\n{self.asking}"
        if isinstance(asked.prompt, str):
            return ChoiceRequest(asked.prompt + reasons, OPTIONS)
        return ChoiceRequest(asked.prompt, OPTIONS, asked.prefill + reasons)


def clamped(odds: float | None, clamp: Sequence[float]) -> float | None:
    """Log-odds held between those of the two probabilities of `clamp`.

    >>> round(clamped(3.0, (0.4, 0.6)) or 0, 4)
    0.4055
    """
    return None if odds is None else max(log_odds(clamp[0]), min(log_odds(clamp[1]), odds))
