"""Which revisions are not worth learning: clean data before supervised finetuning (later work on small models).

1. A rule is a function of one text or revision; the first that applies is the reason, so each can be counted.
2. Over the set, a cap on how often one opening or one last sentence may stand: small models collapse into such habits.
   Which are kept is decided by the seed and the revision's id, so the same records leave out the same ones. A round
   that leaves a fine revision as it is makes a copy; with `copies` a prompt's text is learnt once.
3. Whether a revision is about its prompt is asked of a model (`topic.py`), where `off_topic` is set; whether it is
   fine now of the critic (`verdict.py`), where `fineness` is.
4. A response that its critique finds fine, and that stays as it is, is a lesson too and is kept.
How it departs from the paper: the paper learns from every revision.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pydantic import Field

from precepts.feedback.lessons import VERDICTS
from precepts.identity import content_hash
from precepts.records import Revision
from precepts.settings import Settings

_ROLES = re.compile(r"(^|\n)\s*(human|user|assistant|critique(request)?|revision(request)?)\s*:", re.IGNORECASE)
_META = re.compile(
    r"^\W*((sure|certainly|of course)\W+)?((here|this) (is|are)|here's|below is)\s+(a|an|the|my)\s+(\w+\s+)?"
    r"(revis|rewrit|updated|improved|new version)|^\W*(revised|rewritten) (response|answer|version)\b",
    re.IGNORECASE,
)
_FINE = re.compile(
    r"\b(fine|(stays?|stay) as it is|(no|nothing|without) (\w+ ){0,3}(change|revis\w+|harm\w*|wrong|add|improve)"
    r"|(is|already) good|(keep|leave) it|not harmful|harmless)\b",
    re.IGNORECASE,
)
_FIRST = re.compile(r"[^.!?\n]+[.!?]*")
_LAST = re.compile(r"[^.!?]+[.!?]*\W*$")
Scores = Mapping[str, float | None]  # by a revision's id
_WINDOW = 4  # words of a sequence that comes back where a text loops


class HygieneSettings(Settings):
    """What is left out before finetuning. `critiques`: a revision that criticises in place of being one, with its
    critique's first sentence or with a verdict that a warmed-up critic was taught. `copies`: a text that a prompt has
    already, of an earlier round whose revision was fine as it was, or of another of its responses. `repeats`: a text
    loops where a sequence of four words stands more often; `opening` and `closing`: the largest share of all revisions
    with one opening of five words, or one last sentence (null: no cap); `off_topic`: a revision must make its prompt
    likelier by more than so many nats per byte; `fineness`: a critic that a warm-up made must find log-odds above this
    that a revision is fine (null: not asked)."""

    roles: bool = True
    meta: bool = True
    critiques: bool = True
    unchanged: bool = True
    copies: bool = False
    repeats: int | None = Field(default=3, ge=1)
    opening: float | None = Field(default=None, gt=0, le=1)
    closing: float | None = Field(default=None, gt=0, le=1)
    off_topic: float | None = Field(default=None, ge=-10, le=10)
    fineness: float | None = Field(default=None, ge=-10, le=10)


def has_roles(text: str) -> bool:
    """Whether a line begins with a role's label: the model went on with the conversation."""
    return bool(_ROLES.search(text))


def is_meta(text: str) -> bool:
    """Whether it opens by announcing a revision in place of being one."""
    return bool(_META.search(text))


def criticises(revision: Revision) -> bool:
    """Whether it opens as its critique does, or with a verdict, which are of the response and not a response."""
    said = _first(revision.text)
    return said in _VERDICTS or (len(said.split()) > 2 and said == _first(revision.critique))


def _first(text: str) -> str:
    """The first sentence, in lower case."""
    found = _FIRST.search(text.strip().lower())
    return " ".join(re.findall(r"[\w']+", found.group())) if found else ""


_VERDICTS = frozenset(map(_first, VERDICTS))


def is_unchanged(revision: Revision) -> bool:
    """Whether the critique finds fault and the revision is the response again. False without a critique."""
    same = " ".join(revision.text.split()) == " ".join(revision.previous.split())
    return same and bool(revision.critique) and not _FINE.search(revision.critique)


def loops(text: str, repeats: int) -> bool:
    """Whether any four words in a row stand more than `repeats` times."""
    words = text.lower().split()
    found = Counter(tuple(words[n : n + _WINDOW]) for n in range(len(words) - _WINDOW + 1))
    return bool(found) and max(found.values()) > repeats


def opening(text: str) -> str:
    """The first five words, in lower case."""
    return " ".join(re.findall(r"[\w']+", text.lower())[:5])


def closing(text: str) -> str:
    """The last sentence, in lower case."""
    found = _LAST.search(text.strip().lower())
    return " ".join(re.findall(r"[\w']+", found.group())) if found else ""


def reason(revision: Revision, settings: HygieneSettings) -> str | None:
    """Why this revision is left out by itself; None where it is clean."""
    if not revision.text.strip():
        return "empty"
    if settings.roles and has_roles(revision.text):
        return "role marker"
    if settings.meta and is_meta(revision.text):
        return "meta opening"
    if settings.critiques and criticises(revision):
        return "says its critique"
    if settings.unchanged and is_unchanged(revision):
        return "unchanged against its critique"
    return "looping" if settings.repeats and loops(revision.text, settings.repeats) else None


def surplus(revisions: Sequence[Revision], part: Callable[[str], str], share: float | None, seed: int) -> set[str]:
    """The ids beyond the cap: of each group with one `part`, at most max(1, share x all) stay, drawn with the seed."""
    groups: dict[str, list[str]] = defaultdict(list)
    for each in revisions if share is not None else ():
        groups[part(each.text)].append(each.id)
    most = max(1, int((share or 1) * len(revisions)))
    return {i for ids in groups.values() for i in sorted(ids, key=lambda i: content_hash([seed, i]))[most:]}


def _copies(revisions: Sequence[Revision]) -> list[str]:
    """The ids of those whose prompt has their text already."""
    first: dict[tuple[str, str], str] = {}
    texts = ((each.id, (each.prompt_id, " ".join(each.text.split()))) for each in revisions)
    return [i for i, text in texts if first.setdefault(text, i) != i]


def _low(score: float | None, bound: float | None) -> bool:
    return score is not None and bound is not None and score <= bound


def clean(
    revisions: Sequence[Revision],
    settings: HygieneSettings,
    seed: int,
    topicality: Scores = MappingProxyType({}),
    fineness: Scores = MappingProxyType({}),
) -> tuple[list[Revision], dict[str, str]]:
    """The revisions to learn from, in their order, and why each of the others is left out, by its id. `topicality`: how
    much likelier each makes its prompt; `fineness`: the log-odds that it is fine."""

    def asked(revision: Revision) -> str | None:
        if _low(topicality.get(revision.id), settings.off_topic):
            return "off topic"
        return "found at fault" if _low(fineness.get(revision.id), settings.fineness) else None

    why = {each.id: found for each in revisions if (found := reason(each, settings) or asked(each))}
    kept = [each for each in revisions if each.id not in why]
    if settings.copies:
        why |= dict.fromkeys(_copies(kept), "copy of another")
        kept = [each for each in kept if each.id not in why]
    for name, part, share in (
        ("repeated opening", opening, settings.opening),
        ("repeated closing", closing, settings.closing),
    ):
        why |= dict.fromkeys(surplus(kept, part, share, seed), name)
        kept = [each for each in kept if each.id not in why]
    return kept, why
