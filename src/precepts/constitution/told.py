"""Whether a sentence tells the assistant what to do: what `prose.py` goes by.

1. Three shapes state a norm. The assistant (or its behaviour) `should`, `must`, `has to`; `we want` the assistant
   `to`; an imperative that begins with `Never`, `Avoid` and the like, taken to speak to the assistant.
2. The text itself must say so. What stands before those words must be empty, whole clauses, or a few openings
   (`In general`, `we believe that`, `this means that`). After anything else (`whether`, `how much`, `what`, `whose`,
   `some believe that`), in a quotation or in brackets, the same words state nothing.
3. `It` is the assistant only where its name stands before it in the sentence; `they` never is.
4. Precision goes before recall: a norm that is missed can be written by hand, an invented one misleads.
How it departs from the paper: the paper has no such thing.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain, islice

_MOST_TRIED = 50  # places in a sentence: more are no prose
_SHOULD = (
    r"(?:should(?:n[’']t)?|must(?:n[’']t)?|ought (?:not )?to|shall|needs? to|has to|have to|"
    r"is required to|is expected to|(?:is|are) not (?:allowed|permitted) to)"
)
_ADVERBS = (
    r"(?: (?:\w+ly|also|always|never|still|itself|therefore|thus|then|first|too|do|instead|would|both|at least))*"
)
_KIND = r"(?: (?:models?|systems?|assistants?))?"
_ITS = (
    r"(?:answers?|repl(?:y|ies)|responses?|outputs?|messages?|words|tone|style|behaviou?rs?|conduct|actions?|advice|"
    r"goals?|aims?|priorit(?:y|ies)|defaults?|character|personality|values|dispositions?|honesty|ethics|reasoning|judgment)"
)
_DETERMINER = r"(?:the|our|an?|all|any|every|each|no|this|these|current|future|AI|language)"
_NAMES = ("assistant", "assistants", "AI", "AIs", "model", "models", "chatbot", "chatbots", "you")

# What may stand between the beginning of a clause and its subject.
_OUR_VIEW = r"(?:we|I)(?: \w+ly| also| still| do| don[’']t| do not)* (?:think|believe|hold|feel|agree)"
_LINKS = (
    r"(?:also|then|still|thus|therefore|hence|instead|rather|however|moreover|likewise|here|now|first|second|third|"
    r"\w+ly|(?:in|by|at|for|with|within|under|during|on)(?: (?!(?:that|who|whom|which|whose|what|how|whether|why|where|"
    r"when|if)\b)[\w’'-]+){1,6})"
)
_FRAME = (
    rf"(?:{_OUR_VIEW}(?: that)?|.+ means(?: that)?|this (?:\w+ly )?(?:suggests|implies)(?: that)?|"
    r"it(?: is|[’']s) (?:important|essential|crucial|vital) that|.*\bsuch that|.*\bso [\w-]+ that)"
)
_OPENS = re.compile(rf"(?:{_LINKS} )?(?:{_FRAME} )?(?:{_DETERMINER} )*", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:–—\"”]\s*|\b(?:and|but|yet|or|so(?! [\w-]+ that\b))\s+", re.IGNORECASE)

# What makes a clause somebody else's word, or no statement at all.
_REPORTING = (
    "say said believe argue claim suppose imagine insist maintain allege complain assert assume fear worry doubt "
    "demand propose recommend wonder deny denie dispute debate think thought"
).replace(" ", "|")
_REPORTED = re.compile(
    rf"\b(?:(?:{_REPORTING})(?:s|d|ed)?|according to|whether|unclear|uncertain|myth|rumou?r)\b|\bthat,", re.IGNORECASE
)
_REPORTED_AFTER = re.compile(
    rf"[,\"”] (?:(?!should|must|to)\w+ ){{0,3}}(?:{_REPORTING})s?(?: \w+){{0,4}}[.\"”]*$", re.IGNORECASE
)
_IN_CASE = re.compile(
    r"^(?:(?:and|but|so|for example|for instance|similarly),? )?(?:if|when|whenever)\b", re.IGNORECASE
)

# What the words after the subject must not be.
_NO_DOING = re.compile(
    r" (?:\w+ )?(?:(?:know|understand|suffer|experience|feel alone)\b|have (?:been|\w+ed)\b|"
    r"be (?:\w+ly )?(?:(?:re)?trained|updated|tested|evaluated|deployed|monitored|installed|possible|clear)\b)",
    re.IGNORECASE,
)
_ABOUT_THE_TEXT = re.compile(
    r"\b(this (document|constitution|section|list|page)|the (preface|acknowledg)|see (our|the)|below|above)\b|"
    r"\bwe (?:\w+ )?(discuss|explain|describe|give examples)\b|^(the order|to put this|when we say)\b|\blisted\.?$",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(
    r"^(?:never (?!has|have|had|is|are|was|were|did|does|before|mind)\w|always (?!an?\b|the\b)\w|avoid \w|refrain from|"
    r"do not|don[’']t|make sure|be (?!it\b|that\b)\w)",
    re.IGNORECASE,
)
_HEADS = re.compile(
    r"^(?:here are |these are )?(?:our|the|these)(?: (?:core|main|basic|general|following|first))*"
    r" (?:rules|principles|norms|commitments|guidelines)(?: (?:are|are these|are as follows|for the \w+))?:$",
    re.IGNORECASE,
)
_BEFORE = re.compile(rf"\b([A-Z][a-z]+|assistant|model|AI)\s+(?:generally |also |always )?{_SHOULD}\b")


def likely_agent(text: str) -> str:
    """The name that most often stands before `should`, `must` and the like ("assistant" where there is none)."""
    counts = Counter(_BEFORE.findall(text))
    common = ("We", "They", "It", "This", "That", "You", "There", "These", "Those", "Users", "Operators")
    names = ("assistant", "model", "AI")
    words = Counter(re.findall(r"\w+", text))
    for word in [*counts]:  # one that the text mostly writes small is no name
        if word in common or (word not in names and words[word.lower()] >= words[word]):
            del counts[word]
    return counts.most_common(1)[0][0] if counts else "assistant"


class Told:
    """Whether a sentence tells the assistant of this name what to do."""

    def __init__(self, agent: str) -> None:
        name = rf"(?:{'|'.join(map(re.escape, sorted({agent, *_NAMES}, key=len, reverse=True)))})\b{_KIND}"
        agents = rf"\b(?:{name}(?:[’']s (?:\w+ ){{0,3}}?{_ITS}\b(?: [\w-]+){{0,5}}?)?|(?P<it>it))"
        can = r"(?: (?:can|may|might|is|does)\b[^.;:]{0,80}?,? (?:but|and))?"
        self._named = re.compile(rf"\b{name}(?![’'])", re.IGNORECASE)
        self._should = re.compile(rf"{agents}{can}{_ADVERBS} {_SHOULD}\b", re.IGNORECASE)
        self._want = re.compile(
            rf"\b(?:we|I)\b{_ADVERBS}(?: don[’']t| do not)?{_ADVERBS} (?:want|ask|expect|encourage|like|need|require)"
            rf"(?: for)? (?:{_DETERMINER} )*{agents}(?:, [^.;:,]{{1,60}},)?{_ADVERBS} (?:not )?to\b",
            re.IGNORECASE,
        )
        self._unwanted = re.compile(
            rf"\b(?:would|do|does)(?: not|n[’']t) want (?:{_DETERMINER} )*{name} to:$", re.IGNORECASE
        )

    def __call__(self, sentence: str) -> bool:
        """Whether it states a norm."""
        asked = sentence.rstrip('"”’)*_ ').endswith("?")
        if asked or _ABOUT_THE_TEXT.search(sentence) or _REPORTED_AFTER.search(sentence):
            return False
        if _IMPERATIVE.match(sentence):
            return True
        found = chain.from_iterable(shape.finditer(sentence) for shape in (self._should, self._want))
        return any(self._states(sentence, each) for each in islice(found, _MOST_TRIED))

    def opens(self, sentence: str) -> bool:
        """Whether it opens a list whose items go on with it as norms."""
        unwanted = self._unwanted.search(sentence) and not _REPORTED.search(sentence)
        return sentence.endswith(":") and (bool(unwanted) or self(sentence))

    def _states(self, sentence: str, found: re.Match[str]) -> bool:
        before, after = sentence[: found.start()], sentence[found.end() :]
        if found["it"] and not self._named.search(before):
            return False
        return not _NO_DOING.match(after) and _speaks_for_the_text(before)


def heads_a_list(sentence: str) -> bool:
    """Whether it only announces rules ("Our rules are:"), each of which then stands for itself."""
    return bool(_HEADS.match(sentence))


def _speaks_for_the_text(before: str) -> bool:
    """Whether what follows these words of a sentence is what the text itself says."""
    within = before.count('"') % 2 or before.count("“") > before.count("”") or before.count("(") > before.count(")")
    clause = _CLAUSE.split(before)[-1].strip()
    if within or not _OPENS.fullmatch(f"{clause} " if clause else ""):
        return False
    others = re.sub(rf"{_OUR_VIEW}|^that (?:being )?said,", "", before, flags=re.IGNORECASE)
    return bool(_IN_CASE.match(before)) or not _REPORTED.search(others)
