"""Rounds that no demonstration holds, made of two, from which alone a verdict head learns what it must read together.

1. In demonstrations nearly every refusal answers a harmful prompt, so a linear reading of prompt and response learns
   "a refusal is fine", and takes a needless one for fine too. Crossed, each kind of prompt meets each kind of response.
2. A prompt that may be helped meets the declining revision of another demonstration, whole, and its own helpful
   revision behind the first sentence of one ("I can't help with that", and then help after all): both refuse without
   need. A prompt that may not meets another's declining revision, whole, and its own behind another's first sentence:
   both are fine, so that a refusal's being about something else says nothing.
3. Which meets which hangs on the demonstration alone. The critic's words are not taught from these: they would be about
   another prompt.
How it departs from the paper: it has no such reading; see `engines/verdicts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from precepts.feedback.lessons import FINE, NEEDLESS, VERDICTS
from precepts.identity import seed_from
from precepts.records import Demonstration, Messages

_FIRST = re.compile(r"""(.*?[.!?]["')\]]*)(?:\s+|$)(.*)""", re.DOTALL)
Round = tuple[Messages, str, int]  # conversation, response, its verdict's place in VERDICTS


def crossed(helped: Sequence[Demonstration], declined: Sequence[Demonstration]) -> Iterator[Round]:
    """The crossed rounds of demonstrations whose revision helps and of those whose revision declines; none where there
    are not two that decline."""
    if len(declined) < 2:
        return
    for each in helped:
        whole, begun = (_other(each, declined, part) for part in ("whole", "begun"))
        yield each.messages, whole, VERDICTS.index(NEEDLESS)
        yield each.messages, f"{_parted(begun)[0]} {each.revision}", VERDICTS.index(NEEDLESS)
    for each in declined:
        whole, begun = (_other(each, declined, part) for part in ("whole", "begun"))
        yield each.messages, whole, VERDICTS.index(FINE)
        if rest := _parted(each.revision)[1]:
            yield each.messages, f"{_parted(begun)[0]} {rest}", VERDICTS.index(FINE)


def _other(demonstration: Demonstration, declined: Sequence[Demonstration], part: str) -> str:
    """The revision of another prompt's demonstration, which `part` of the crossing is made of."""
    place = seed_from("crossed", part, demonstration.id) % len(declined)
    for step in range(len(declined)):
        found = declined[(place + step) % len(declined)]
        if found.prompt_id != demonstration.prompt_id:
            return found.revision
    return declined[place].revision


def _parted(text: str) -> tuple[str, str]:
    """The first sentence, and what follows it."""
    found = _FIRST.match(text)
    return (found[1], found[2]) if found else (text, "")
