"""What each rule looks for: text rules, one function each, yielding (principle, field, message).

1. Rules look at words, their order, and what two texts share. They are right often and not always; how sure to be is
   the rule's severity (`rules.py`).
2. Two requests are near duplicates where their words (without stop words, cut to stems) overlap by `NEAR` (Jaccard).
3. Two principles contradict each other where one asks for what the other asks to avoid, on one of `AXES`. What is
   asked for is told by the words of an axis, turned round by a negation within the same clause.
How it departs from the paper: the paper chose its principles ad hoc, as it says itself (section 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations

from precepts.constitution.schema import Constitution

REQUESTS = ("critique_request", "revision_request", "comparison_request")
NEAR = 0.75  # of the words of two requests
HEAVY = 10.0  # times the median weight
LONG = 90  # words of a request
MANY = 7  # things asked for at once
Place = tuple[int | None, str | None, str]  # a principle's index (None: the whole constitution), a field, a message

_WORD = re.compile(r"[a-z][a-z'’-]*")
_STOP = frozenset(
    """a an and any are as at be been being by do does for from has have how if in into is it its last of on or other
    so some such than that the their them then there these they this those to was were what when where which who whom
    will with would you your assistant's assistant response responses human's human please""".split()  # noqa: SIM905
)


def _requests(constitution: Constitution, *fields: str) -> Iterator[tuple[int, str, str]]:
    """(principle, field, text) of every request that is there."""
    for index, principle in enumerate(constitution.principles):
        for field in fields or REQUESTS:
            if text := getattr(principle, field):
                yield index, field, text


@cache
def stems(text: str) -> frozenset[str]:
    """The words of a text that carry meaning, without their endings."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _STOP)
    ending = r"(?:ing|ies|ied|ers?|ed|es|ly|s|e)$"
    return frozenset(re.sub(ending, "", word) if len(word) > 4 else word for word in words)


def overlap(one: str, other: str) -> float:
    """How much of the words of two texts is common to both, in [0, 1] (Jaccard)."""
    first, second = stems(one), stems(other)
    return len(first & second) / len(first | second) if first | second else 0.0


def duplicate(constitution: Constitution) -> Iterator[Place]:
    for field in REQUESTS:
        seen: dict[str, int] = {}
        for index, _, text in _requests(constitution, field):
            first = seen.setdefault(" ".join(text.lower().split()), index)
            if first != index:
                name = constitution.principles[first].id
                yield index, field, f"word for word the {field} of '{name}'"


def near_duplicate(constitution: Constitution) -> Iterator[Place]:
    for field in REQUESTS:
        texts = list(_requests(constitution, field))
        for (first, _, one), (second, _, other) in combinations(texts, 2):
            share = overlap(one, other)
            if share >= NEAR and one.lower().split() != other.lower().split():
                name = constitution.principles[first].id
                yield second, field, f"says nearly what '{name}' says ({share:.0%} of the words)"


AXES: dict[str, tuple[str, str]] = {
    "length": (
        r"brief|short(?:er|est)?|concise|succinct|terse|few words",
        r"long(?:er|est)|detailed|thorough|elaborate|exhaustive|comprehensive|at length|as much (?:detail|information)",
    ),
    "refusing": (
        r"refus\w+|declin\w+|withhold\w*|turn\w* (?:it |them )?down",
        r"compl(?:y|ies|ying)|answer\w* (?:every|any|all|whatever)|do(?:es)? (?:everything|whatever|anything)|obey\w*",
    ),
    "tone": (
        r"formal|businesslike|impersonal|serious",
        r"informal|casual|chatty|playful|joking|humorous|slangy?",
    ),
    "warnings": (r"warn\w*|disclaimers?|caveats?|cautions?", r"(?!)"),
    "opinions": (
        r"(?:state|shar|giv|express|tak)\w* (?:an? |its |the )?(?:personal |own )?(?:opinions?|sides?|stance)",
        r"(?!)",
    ),
    "feelings": (r"(?:express|show|claim|have|having|admit)\w* (?:to )?(?:\w+ )?(?:feelings|emotions)", r"(?!)"),
    "certainty": (
        r"(?:confident|certain|assertive|definite|sure of itself)",
        r"(?:hedg\w+|tentative|uncertain\w*|express\w* doubts?)",
    ),
    "flattery": (
        r"flatter\w*|agree\w* with (?:the human|everything|whatever)|prais\w+ the human",
        r"disagree\w*|contradict\w*",
    ),
    "humanity": (r"(?:claims?|says?|pretend\w*) (?:to be|that it is|it is) (?:a )?(?:human|person)", r"(?!)"),
}
_NEGATION = re.compile(
    r"\b(?:not|never|no|without|avoid\w*|less|least|fewer|fewest|remove|take out|free (?:of|from)|instead of|"
    r"rather than|lacks?|refrain\w*|stop\w*|needless\w*|unnecessar\w*)\b"
)
_CLAUSE = re.compile(r"[.;:!?()]|, (?:but|and|or)|\bbut\b|\bthough\b|\bunless\b")


def wants(text: str, axis: str) -> set[int]:
    """Which sides of an axis a request asks for: 1 its first words, -1 the others."""
    found = set()
    for clause in _CLAUSE.split(text.lower()):
        for side, pattern in zip((1, -1), AXES[axis], strict=True):
            for match in re.finditer(rf"\b(?:{pattern})\b", clause):
                before = clause[: match.start()]
                found.add(-side if _NEGATION.search(before) else side)
    return found


def contradiction(constitution: Constitution) -> Iterator[Place]:
    for axis in AXES:
        sides: dict[int, tuple[int, str]] = {}
        for index, field, text in _requests(constitution, "comparison_request", "revision_request"):
            asked = wants(text, axis)
            if len(asked) != 1:
                continue
            (side,) = asked
            other = sides.get(-side)
            if other and other[0] != index:
                name = constitution.principles[other[0]].id
                yield index, field, f"asks for the opposite of what '{name}' asks for ({axis})"
            sides.setdefault(side, (index, field))


_CHOICE = re.compile(
    r"\b(?:choose|choosing|which|pick|prefer|select|favou?r|better|compare|rank|more|most|less|least)\b", re.IGNORECASE
)
_MEND = re.compile(
    r"\b(?:rewrit\w*|revis\w*|re-?word\w*|rephras\w*|edit|mend|correct|improv\w*|repair|redo|amend\w*|"
    r"writ\w+ (?:\w+ ){0,6}(?:again|anew|afresh)|start again|"
    r"(?:new|other|better|different) (?:\w+ )?(?:version|response|answer)|remov\w*|replac\w*|"
    r"take out|chang\w*|make|give|turn|put|let|say it|tell|answer|swap|offer|keep|adjust|strip|leave out|rework\w*)\b",
    re.IGNORECASE,
)
_FIND = re.compile(
    r"\b(?:identif\w*|point (?:out|to)|name|find|list|explain|describe|say|show|quote|discuss|check|look|ask|"
    r"criti\w*|tell|judge|where|which|what|how|does|is|are|note|spot|mark|highlight|examine|search|consider|would|think|"
    r"read|imagine|outline|assess|evaluate|analy[sz]e|comment|state|argue|give|question|review|go through|see|weigh)\b",
    re.IGNORECASE,
)
_REWRITE = re.compile(
    r"^\W*(?:please )?(?:rewrite|revise|reword|rephrase|edit|mend|improve|"
    r"(?:write|give) (?:\w+ ){0,6}(?:again|anew|version))\b",
    re.IGNORECASE,
)
_CRITICISE = re.compile(
    r"^\W*(?:please )?(?:identify|point out|criticis?ze?|criticise|critique|list|explain|describe|discuss|"
    r"name (?:the|every|each|all)|find|say (?:what|where|which|how)|show (?:where|what|how))\b",
    re.IGNORECASE,
)


def no_choice(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "comparison_request"):
        if not _CHOICE.search(text):
            yield index, field, "asks for no choice between responses"


def critique_revises(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "critique_request"):
        if _REWRITE.search(text) or not _FIND.search(text):
            yield index, field, "asks for a new response, not for what is wrong with this one"


def revision_criticises(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "revision_request"):
        if (_CRITICISE.search(text) and not re.search(r"\brewrit|\brevis", text, re.I)) or not _MEND.search(text):
            yield index, field, "asks what is wrong, not for a new response"


_EVASION = re.compile(
    r"\b(?:refus\w+ (?:to (?:answer|help|discuss|engage|reply|say|talk)|every|any|all|more|whenever|as (?:often|soon))|"
    r"(?:always|simply|just) (?:refuse|decline)\w*|declin\w+ (?:every|any|all|as soon|whenever)|"
    r"avoid\w* (?:the|any|every|all|sensitive|controversial|difficult) (?:\w+ )?"
    r"(?:topics?|subjects?|questions?|answer\w*)|"
    r"says? (?:nothing|as little)|as little (?:information |help )?as possible|chang\w+ the subject|"
    r"(?:does|do) not (?:answer|engage|respond|reply|discuss)|stay\w* (?:vague|silent)|non-?committal|most evasive|"
    r"unable to help|gives? no answer)\b",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:not|never|without|avoid\w*|where|point out|instead of|rather than|needless\w*|less|least|wrong\w*|merely|"
    r"only|find|show|name|if)\b"
)


def rewards_evasion(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "revision_request", "comparison_request"):
        for match in _EVASION.finditer(text):
            clause = _CLAUSE.split(text[: match.start()].lower())[-1]
            if not _AGAINST.search(clause):
                yield index, field, f"rewards a response for not answering (“{match[0]}”)"
                break


_VAGUE = frozenset(
    """good better best bad worse worst nice nicer nicest appropriate inappropriate suitable proper properly right wrong
    fine great ideal acceptable unacceptable problematic okay correct quality high low improve improved choose pick
    select prefer rewrite revise make point out identify ways anything everything thing things version write more most
    less least very all be not should overall way could can""".split()  # noqa: SIM905
)


def vague(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution):
        words = [word for word in _WORD.findall(text.lower()) if word not in _STOP]
        telling = [word for word in words if word not in _VAGUE]
        if len(telling) < 2:
            yield index, field, "names nothing that two readers would agree on"


_UNBOUNDED = re.compile(
    r"\b(?:under (?:any|all|no) circumstances?|at (?:all|any) costs?|no matter what|"
    r"in (?:every|all) (?:possible )?(?:case|way)s?|everything (?:possible|conceivable)|"
    r"(?:any|all) (?:possible|conceivable|imaginable)|"
    r"absolutely (?:never|always|everything|nothing)|any and all|whatsoever|100 ?%|completely and utterly|"
    r"(?:could|might) (?:ever|possibly|conceivably) (?:be|offend|hurt|harm))\b",
    re.IGNORECASE,
)


def unbounded(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution):
        if match := _UNBOUNDED.search(text):
            yield index, field, f"knows no bounds (“{match[0]}”)"


def no_source(constitution: Constitution) -> Iterator[Place]:
    nothing = {"", "-", "none", "unknown", "n/a", "todo", "tbd", "?", "internet", "me", "us"}
    for index, principle in enumerate(constitution.principles):
        if principle.source.work.strip().lower() in nothing:
            yield (
                index,
                "source",
                f"says where it comes from in no way that can be followed (“{principle.source.work}”)",
            )


_PLACEHOLDER = re.compile(
    r"\{\w*\}|<\w+>|\bTODO\b|\bTBD\b|\bXXX\b|\bLorem ipsum\b|\[(?:insert|your|principle|topic)[^\]]*\]|Options:\s*$|"
    r"\n\n(?:Human|Assistant|CritiqueRequest|Critique|RevisionRequest|Revision):",
)


def placeholder(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution):
        if match := _PLACEHOLDER.search(text):
            yield index, field, f"holds what belongs to a template (“{match[0].strip()}”)"


_NEGATIVE = re.compile(
    r"\b(?:not|never|avoid\w*|without|least|less|fewest|fewer|no|nothing|doesn[’']t|don[’']t|isn[’']t|nobody)\b", re.I
)
_POSITIVE = re.compile(
    r"\b(?:more|most|better|best|clear\w*|protects?|respects?|helps?|treats?|offers?|stands?|keeps?|gives?|shows?|tells?|"
    r"supports?|cares?|says?|explains?|answers?|honest\w*|kind\w*|fair\w*|wise\w*|as possible)\b",
    re.I,
)


def negative(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "comparison_request"):
        if _NEGATIVE.search(text) and not _POSITIVE.search(text):
            yield index, field, "says only what a response should not be"


_TRAIT = re.compile(
    r"\b(?:is|sounds?|seems?|feels?|appears?|being) (?:\w+ )?(?:as )?(?:more |most |less |least |the )?(?:\w+)\b"
    r"(?: (?:and|or|,) \w+)*\s*[.?]?$",
    re.I,
)


def trait(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution, "comparison_request"):
        if _TRAIT.search(text.strip()) and len(text.split()) < 14:
            yield index, field, "names a trait and no behaviour that shows it"


_OPENNESS = re.compile(
    r"\b(?:evasi\w+|evad\w+|preach\w*|sermon\w*|lectur\w+|moraliz\w+|moralis\w+|needless\w* (?:refus|declin)\w*|"
    r"unnecessar\w* (?:refus|declin|caution)\w*|over(?:-?|ly[- ])(?:cautious|reactive|reacting)|"
    r"judgmental|condescending|accusatory|obnoxious|condemn\w*|actually (?:answers?|helps?)|answers? what)\b",
    re.I,
)


def nothing_against_evasion(constitution: Constitution) -> Iterator[Place]:
    for fields, what in ((("comparison_request",), "comparison"), (("revision_request",), "revision")):
        texts = [text for _, _, text in _requests(constitution, *fields)]
        if len(texts) > 1 and not any(_OPENNESS.search(text) for text in texts):
            yield None, None, f"no {what} request speaks against evading, preaching or needless refusal"


def many_norms(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution):
        parts = max(len(re.findall(r",| and | or ", sentence)) + 1 for sentence in re.split(r"[.!?]", text) or [text])
        if parts > MANY:
            yield index, field, f"asks for some {parts} things at once"


def long(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in _requests(constitution):
        if len(text.split()) > LONG:
            yield index, field, f"is {len(text.split())} words long"


def heavy(constitution: Constitution) -> Iterator[Place]:
    weights = sorted(principle.weight for principle in constitution.principles)
    median = weights[len(weights) // 2]
    for index, principle in enumerate(constitution.principles):
        if len(weights) > 2 and principle.weight > HEAVY * median:
            share = principle.weight / sum(weights)
            yield index, "weight", f"is drawn in {share:.0%} of all cases"


def derived(constitution: Constitution) -> Iterator[Place]:
    for index, principle in enumerate(constitution.principles):
        marks = {"derived", "draft"} & set(principle.tags)
        if marks:
            yield index, "tags", f"was made by a program and not yet looked at (tag {', '.join(sorted(marks))})"


def uneven(constitution: Constitution) -> Iterator[Place]:
    served = {
        "critique_request and revision_request": constitution.revising,
        "comparison_request": constitution.judging,
    }
    for name, principles in served.items():
        if not principles:
            yield None, None, f"no principle has a {name}: one of the method's two stages has nothing to draw"
