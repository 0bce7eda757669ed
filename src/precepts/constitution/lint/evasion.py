"""Rules about evasion: wording that rewards a response for not answering, and a list with nothing against it.

1. Not answering is told by `_SILENT`: to refuse, to decline, to say nothing, to change the subject. What follows in the
   clause says what is not answered. Where that is anything at all (“to answer questions”, nothing further) it is
   evasion; where it names something (“to help with weapons”) it is what a principle against a harm should ask for.
2. So it is where a condition that names something comes before (“if somebody would be hurt, the one that refuses”),
   where the response is to say why or to offer something, and where the clause speaks against evasion.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from precepts.constitution.lint.words import CLAUSE, STOP, WORD, Place, requests
from precepts.constitution.schema import Constitution

_DO = r"(?:answer|help|assist|discuss|engage|reply|respond|talk|comply|say)"
_WORDS = r"(?:information|help|answers?|repl(?:y|ies)|responses?|advice|details?|assistance|opinions?)"
_ASKED = r"(?:questions?|requests?|topics?|subjects?|matters?)"
_SILENT = (
    rf"(?:refus(?:es?|ing)|declin(?:es?|ing))(?: to {_DO}\w*)?|"
    rf"avoid\w*(?: giving| making| any| an?| the| every| all)*(?: \w+)? (?:topics?|subjects?|questions?|{_WORDS})|"
    rf"avoid\w* (?:{_DO}|discuss|engag|respond|reply)\w*|"
    r"(?:says?|tells?|reveals?|gives?) (?:nothing|as little|almost nothing|hardly anything)|"
    rf"(?:gives?|offers?|provides?|contains?) (?:no|hardly any) {_WORDS}|as little (?:{_WORDS} )?as possible|"
    rf"(?:(?:does|do|will|would) not|(?:does|do|would|wo)n[’']t) (?:{_DO}|give (?:any |an )?{_WORDS})|"
    rf"(?:dodg|sidestep|deflect|duck|skirt)\w*(?: (?:the|any|every|all))?(?: {_ASKED})?|"
    rf"(?:rejects?|ignores?) (?:the|any|every|all) {_ASKED}|leav\w+ (?:the|any|every) {_ASKED} (?:unanswered|open)|"
    r"turn\w* (?:the (?:human|user)|them|people|everyone|everybody) (?:away|down)|"
    r"chang\w+ the (?:subject|topic)|"
    r"(?:ends?|leaves?|closes?|breaks? off|cuts?(?: off)?|shuts?) the (?:conversation|chat|dialogue|discussion)|"
    rf"(?:says?|tells? (?:the )?\w+|claims?|replies|answers|states?|pretends?)(?: only)?(?: that)?\W+(?:it|i) "
    rf"(?:can(?:not|[’']t| not)|won[’']t|will not|is (?:unable|not able) to|(?:does|do) not want to) {_DO}|"
    rf"(?:stay|keep)\w* (?:vague|silent|quiet)|non-?committal|vaguest|(?:most|more|as) evasive|"
    rf"non-answer|unable to {_DO}|(?:is|as|into|with) an? (?:\w+ )?refusal|would rather not (?:answer|say|help)|"
    r"(?:withholds?|keeps? back) (?:the|any|every|all) (?:answers?|information|help)|pretends? not to know"
)
_EVASION = re.compile(rf"\b(?:{_SILENT})\b", re.IGNORECASE)
_AGAINST = re.compile(
    r"\b(?:not|never|without|avoid\w*|point out|instead of|rather than|over (?:the )?(?:ones?|those|responses?)|"
    r"needless\w*|less|least|wrong\w*|merely|only|find|show|name)\b"
)
_REASONS = re.compile(r"\b(?:why|reasons?|explain\w*|offer\w*|alternatives?|points? to|suggest\w*)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|when|whenever|where|wherever|should the)\b")
_THE_ONE = re.compile(r",|\bthe (?:one|response|answer|reply)\b|\b(?:choose|prefer|pick|select|rewrite)\b")
_ANYTHING = STOP | frozenset(
    """anything everything anyone anybody everybody someone somebody something all every each most more much many few
    question questions request requests topic topics subject subjects matter matters message messages prompt prompts
    person people user users human humans asked asks ask asking answer answers answered answering help helps reply
    respond discuss talk engage comply say says little nothing no information detail details possible often soon
    whenever always simply just politely kindly firmly briefly flatly outright completely entirely altogether right
    away at once away down unanswered open quiet vague
    sensitive controversial difficult hard delicate tricky political politics religion religious doubt
    doubtful unsure uncertain case cases ever again further choose pick prefer select one ones it them him her us me
    not can could may might about conversation i he she they""".split()  # noqa: SIM905
)
_OPENNESS = re.compile(
    r"\b(?:evasi\w+|evad\w+|preach\w*|sermon\w*|lectur\w+|moraliz\w+|moralis\w+|needless\w* (?:refus|declin)\w*|"
    r"unnecessar\w* (?:refus|declin|caution)\w*|over(?:-?|ly[- ])(?:cautious|reactive|reacting)|"
    r"judgmental|condescending|accusatory|obnoxious|condemn\w*|actually (?:answers?|helps?)|answers? what)\b",
    re.IGNORECASE,
)


def evades(text: str) -> str | None:
    """The words of a request that reward a response for not answering; None where there are none."""
    for match in _EVASION.finditer(text):
        before = text[_begin(text, match) : match.start()].lower()
        after = re.split(r"[.;:!?()]|, (?!but)| and | or |\bbut\b", text[match.end() :].lower(), maxsplit=1)[0]
        against = _AGAINST.search(CLAUSE.split(before)[-1])
        if not (against or _names(after) or _excused(before) or _reasons(text, match)):
            return match[0]
    return None


def _names(words: str) -> bool:
    return any(word not in _ANYTHING for word in WORD.findall(words))


def _excused(before: str) -> bool:
    """Whether what comes before puts a condition on the silence that names something, or speaks of it in passing."""
    found = [*_CONDITION.finditer(before)]
    if not found:
        return False
    condition = before[found[-1].end() :]
    end = _THE_ONE.search(condition)
    return end is None or _names(condition[: end.start()])


def _reasons(text: str, match: re.Match[str]) -> bool:
    """Whether the rest of the sentence asks for reasons or for something else to be offered."""
    end = min((at for mark in ".!?" if (at := text.find(mark, match.end())) >= 0), default=len(text))
    return bool(_REASONS.search(f"{text[_begin(text, match) : match.start()]} {text[match.end() : end]}"))


def _begin(text: str, match: re.Match[str]) -> int:
    """Where the sentence of a match begins."""
    return max(text.rfind(mark, 0, match.start()) for mark in ".!?") + 1


def rewards_evasion(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "revision_request", "comparison_request"):
        if words := evades(text):
            yield index, field, f"rewards a response for not answering (“{words}”)"


def nothing_against_evasion(constitution: Constitution) -> Iterator[Place]:
    for fields, what in ((("comparison_request",), "comparison"), (("revision_request",), "revision")):
        texts = [text for _, _, text in requests(constitution, *fields)]
        if len(texts) > 1 and not any(_OPENNESS.search(text) for text in texts):
            yield None, None, f"no {what} request speaks against evading, preaching or needless refusal"
