"""Few-shot demonstrations as data: whole rounds of critique and revision, and comparisons with their answers.

1. They come from the package (`prompts/demonstrations/`), or from a constitution that brings its own, written as fields
   or as the raw labelled text of the paper's published files. Either way they are the same two shapes here.
2. A `prompt` is one human turn, or a whole conversation in the raw layout where it begins with `Human:`.
3. Raw text is forgiven what the published files do: a missing or dangling `Human:` before or after a dialogue, a
   missing blank line before the first label, `H:` and `A:` for the speakers.
How it departs from the paper: the fields are ours; the raw text is the paper's.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from precepts.dialogue import is_dialogue, parse_dialogue
from precepts.records import Message, Messages
from precepts.settings import Settings

_LABELS = "Human|Assistant|CritiqueRequest|Critique|RevisionRequest|Revision"
_TURN = re.compile(rf"(?:^|\n\n)({_LABELS}):[ ]?")
_ROUND = ["CritiqueRequest", "Critique", "RevisionRequest", "Revision"]
_DANGLING = re.compile(r"\s*Human:\s*$")
_REASONED = re.compile(
    r"\s*(?:Human:\s*)?Consider the following conversation between a human(?: \(H\))? and an assistant(?: \(A\))?:\s*"
    r"(?P<said>.*?)\s*\{\}\s*\(A\) \[\[\[(?P<first>.*?)\]\]\]\s*\(B\) \[\[\[(?P<second>.*?)\]\]\]\s*"
    r"Assistant: Let's think step by step:\s*(?P<reasoning>.*?)\s*(?:Human:)?\s*"
    r"So the answer is: \((?P<answer>[AB])\)\s*",
    re.DOTALL,
)
_SPEAKER = re.compile(r"(?:^|\n\n)([HA]):[ ]*")
PROMPT: Any = Field(description="One human turn, or a whole conversation that begins with 'Human:'.")


class CritiqueDemonstration(Settings):
    """One round of critique and revision; `unchanged` where the revision repeats a response that was fine."""

    prompt: str = PROMPT
    response: str = Field(description="The response that is criticised.")
    critique_request: str = Field(description="What asks for the critique.")
    critique: str = Field(description="The critique.")
    revision_request: str = Field(description="What asks for the revision.")
    revision: str = Field(description="The response as it was written again.")
    unchanged: bool = Field(default=False, description="Whether the response was fine and the revision repeats it.")

    @property
    def messages(self) -> Messages:
        """The conversation that the response goes on with."""
        return conversation(self.prompt)


class ComparisonDemonstration(Settings):
    """A comparison with its answer, right under any principle about harmlessness, and the reasons for it, as a
    chain of thought would give them ("" where there are none)."""

    prompt: str = PROMPT
    first: str = Field(description="The response that stands first.")
    second: str = Field(description="The response that stands second.")
    reasoning: str = Field(default="", description="The reasons for the answer, as a chain of thought gives them.")
    answer: Literal["first", "second"] = Field(description="Which response is the better one.")

    @property
    def messages(self) -> Messages:
        """The conversation that both responses go on with."""
        return conversation(self.prompt)


class ComparisonItem(Settings):
    """Responses to one prompt of which each of `corrects` is better than each of `incorrects`."""

    prompt: str = PROMPT
    corrects: list[str] = Field(min_length=1, description="Responses of which each is better than each of the others.")
    incorrects: list[str] = Field(min_length=1, description="Responses of which each is worse.")


def conversation(prompt: str) -> Messages:
    """A prompt's turns, up to the last human one."""
    if not is_dialogue(prompt):
        return (Message("user", prompt),)
    messages = parse_dialogue(prompt)
    last = max(n for n, message in enumerate(messages) if message.role == "user")
    return messages[: last + 1]


def round_of(dialogue: str) -> CritiqueDemonstration:
    """A whole raw dialogue with a critique and a revision of its last answer. Raises ValueError where it is none."""
    parts = _TURN.split(_DANGLING.sub("", dialogue.strip()))
    labels, texts = parts[1::2], [text.strip() for text in parts[2::2]]
    if parts[0].strip() or labels[:1] != ["Human"] or labels[-5:] != ["Assistant", *_ROUND]:
        found = ", ".join(labels) or "no labelled turn"
        raise ValueError(f"a round is Human: and Assistant: turns, then {': '.join(_ROUND)}:; found {found}")
    said = "".join(f"\n\n{label}: {text}" for label, text in zip(labels[:-5], texts[:-5], strict=True))
    fields = ("response", "critique_request", "critique", "revision_request", "revision")
    named = dict(zip(fields, texts[-5:], strict=True))
    return CritiqueDemonstration(prompt=said, **named, unchanged=named["revision"] == named["response"])


def comparisons_of(item: ComparisonItem, place: int = 0) -> list[ComparisonDemonstration]:
    """Each correct response against each incorrect one; the better stands first and second in turns, from `place`."""
    found: list[ComparisonDemonstration] = []
    for correct in item.corrects:
        for incorrect in item.incorrects:
            swapped = (place + len(found)) % 2 == 1
            first, second = (incorrect, correct) if swapped else (correct, incorrect)
            answer: Literal["first", "second"] = "second" if swapped else "first"
            found.append(
                ComparisonDemonstration(prompt=item.prompt, first=first.strip(), second=second.strip(), answer=answer)
            )
    return found


def reasoned_of(text: str) -> ComparisonDemonstration:
    """A raw chain-of-thought dialogue, `{}` where its principle goes. Raises ValueError where it is none."""
    match = _REASONED.fullmatch(text)
    if match is None:
        raise ValueError(
            "a chain of thought is 'Consider the following conversation ...', the turns as H: and A:, {}, (A) [[[..]]] "
            "and (B) [[[..]]], 'Assistant: Let's think step by step:', the reasons, 'So the answer is: (A)' or (B)"
        )
    parts = _SPEAKER.split(match["said"])
    if parts[0].strip() or not parts[1:]:
        raise ValueError("the conversation of a chain of thought is turns that begin with H: or A:")
    names = {"H": "Human", "A": "Assistant"}
    said = "".join(f"\n\n{names[who]}: {text.strip()}" for who, text in zip(parts[1::2], parts[2::2], strict=True))
    return ComparisonDemonstration(
        prompt=said,
        first=match["first"].strip(),
        second=match["second"].strip(),
        reasoning=match["reasoning"],
        answer="first" if match["answer"] == "A" else "second",
    )
