"""Principles drafted from prose by a model: how to choose by a norm, said as a request.

1. The norms were found and quoted by `constitution/prose.py`; the model only words the comparison request of each,
   after the norm has been read to it. It begins "Choose the response that", so the answer asks for a choice.
2. What it writes is taken only where it is about the norm: one sentence whose words of meaning are mostly the norm's
   own, and which negates what the norm negates and nothing else ("never deceives" is not "deceives"). Anything else
   (an aside, a refusal, a repetition, something invented) is dropped and the quoted form stays.
3. Drafted principles carry the tag `drafted` beside `draft`; a person reads each beside its quotation.
How it departs from the paper: the paper's principles were written by its authors.
"""

from __future__ import annotations

from collections.abc import Sequence

from precepts.constitution import Constitution, Principle
from precepts.constitution.negation import turned
from precepts.constitution.prose import content_words
from precepts.engines.base import Engine, GenerateRequest, Reply
from precepts.identity import seed_from
from precepts.prompts.formats import Format
from precepts.prompts.render import fill, template
from precepts.records import Message

OPENING = "Choose the response that"
LEAST_SHARED = 0.5  # of the draft's words of meaning, how many must be the norm's
_FEWEST, _MOST = 4, 45  # words after the opening


def draft_requests(engine: Engine, constitution: Constitution, style: Format, seed: int) -> tuple[Constitution, int]:
    """`constitution` with the comparison requests that the engine could word, and how many those are."""
    replies = engine.generate([_request(each, style, seed) for each in constitution.principles])
    kept = [_reworded(each, reply) for each, reply in zip(constitution.principles, replies, strict=True)]
    changed = sum(one is not other for one, other in zip(kept, constitution.principles, strict=True))
    return constitution.model_copy(update={"principles": kept}), changed


def _request(principle: Principle, style: Format, seed: int) -> GenerateRequest:
    asked = fill(template("draft_comparison"), norm=principle.source.quote)
    seed = seed_from(seed, principle.id)
    if style == "raw":
        return GenerateRequest(f"{asked}\n\n{OPENING}", "", 64, 0.0, 1.0, ("\n",), seed)
    return GenerateRequest((Message("user", asked),), OPENING, 64, 0.0, 1.0, ("\n",), seed)


def _reworded(principle: Principle, reply: Reply) -> Principle:
    sentence = wording(reply.text, principle.source.quote) if reply.unusable is None else None
    if sentence is None:
        return principle
    return principle.model_copy(
        update={"comparison_request": f"{OPENING} {sentence}", "tags": [*principle.tags, "drafted"]}
    )


def wording(text: str, norm: str) -> str | None:
    """The one sentence of `text` that can follow the opening; None where it is not about the norm or turns it round."""
    sentence, ends, _ = text.strip().removeprefix(OPENING).strip().partition(".")
    words = content_words(sentence)
    if not ends or not words or not _FEWEST <= len(sentence.split()) <= _MOST or turned(sentence, norm):
        return None
    shared = len(words & content_words(norm)) / len(words)
    return f"{sentence}." if shared >= LEAST_SHARED and not _repeats(sentence.lower().split()) else None


def _repeats(words: Sequence[str]) -> bool:
    """Whether four words in a row come twice."""
    rows = [tuple(words[n : n + 4]) for n in range(len(words) - 3)]
    return len(set(rows)) < len(rows)
