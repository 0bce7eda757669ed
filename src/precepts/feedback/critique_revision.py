"""Critique and revision of one response under one principle (paper section 3.1).

1. A round's context is the conversation and the latest response: then comes the principle's critique request, the
   model's critique, the revision request, the model's revision. Earlier rounds are not shown.
2. Few-shot rounds in the identical format go first. They are the same for every item, so an engine can run them once.
3. `direct` leaves the critique out of the item and of the examples alike (the paper's figure 7 compares the two).
How it departs from the paper: beside the raw labelled layout there is a chat layout for chat models.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from precepts.constitution import Principle
from precepts.demonstrations import CritiqueDemonstration
from precepts.prompts.formats import Format, Rendered, Turn, render, turns_of
from precepts.records import Messages

Examples = Sequence[CritiqueDemonstration]


def critique_prompt(
    messages: Messages, response: str, principle: Principle, style: Format, examples: Examples = ()
) -> Rendered:
    """The prompt whose answer is a critique of `response`."""
    return _render([*_examples(tuple(examples), False), *_asked(messages, response, principle)], "critique", style)


def revision_prompt(
    messages: Messages,
    response: str,
    principle: Principle,
    critique: str | None,
    style: Format,
    examples: Examples = (),
) -> Rendered:
    """The prompt whose answer is a revision of `response`; directly, without a critique, where that is None."""
    turns = [*_examples(tuple(examples), critique is None), *_asked(messages, response, principle)]
    turns = turns[:-1] if critique is None else [*turns, Turn("critique", critique)]
    return _render([*turns, Turn("revision_request", principle.revision_request)], "revision", style)


def _render(turns: list[Turn], expect: str, style: Format) -> Rendered:
    """A conversation's system message goes before the few-shot rounds: chat templates take it nowhere else."""
    return render(sorted(turns, key=lambda turn: turn.role != "system"), expect, style)


def _asked(messages: Messages, response: str, principle: Principle) -> list[Turn]:
    return [
        *turns_of(messages),
        Turn("assistant", response),
        Turn("critique_request", principle.critique_request),
    ]


@lru_cache(maxsize=8)
def _examples(examples: tuple[CritiqueDemonstration, ...], direct: bool) -> list[Turn]:
    """The examples' turns; they are the same for every item, so they are kept."""
    turns = [turn for example in examples for turn in round_turns(example)]
    return [turn for turn in turns if not (direct and turn.role.startswith("critique"))]


def round_turns(example: CritiqueDemonstration) -> list[Turn]:
    """A demonstration's whole round, as turns."""
    asked = ("critique_request", "critique", "revision_request", "revision")
    said = [Turn(name, getattr(example, name)) for name in asked]
    return [*turns_of(example.messages), Turn("assistant", example.response), *said]
