"""Rules about requests that do another request's work: a critique that asks for a revision, and the like.

1. What a request asks for is told by its imperatives: verbs that begin a sentence, or follow “and” or “then” there.
2. A comparison asks for a choice by a word of choosing (“choose”, “which response”), or by naming the response that is
   more or less of something. A critique asks to find something and for no new response; a revision asks for one.
How it departs from the paper: see `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from precepts.constitution.lint.words import Place, requests
from precepts.constitution.schema import Constitution

_LEAD = r"(?:(?:please|now|then|next|finally|first|lastly|after that)\b,? *)*"
_BEGIN = rf"^\W*{_LEAD}"
_LATER = rf"(?:[.!?;:]\W+{_LEAD}|\b(?:and|then)\b,? {_LEAD})"
_ANSWER = r"(?:response|answer|reply|version)"
_IT = rf"(?:it|its|them|this|that|those|these|any|all|each|every|the (?:\w+ ){{0,3}}{_ANSWER}|your|the)"
_NEW = (
    r"rewrite|revise|re-?word|rephrase|redo|edit|"
    r"(?:write|give|produce|draft|offer|provide) (?:[\w'’]+ ){0,6}(?:again|anew|afresh|version)|"
    rf"(?:write|give|produce|draft|offer|provide) (?:me |us )?an? (?:[\w-]+ ){{0,4}}(?:{_ANSWER}|one)\b"
)
_ALTER = (
    r"(?:fix|mend|correct|improve|repair|amend|change|replace|remove|delete|drop|cut|leave out|"
    r"take (?:[\w’']+ ){0,4}out|write|answer|reply|respond|say (?:it|that)|put|make)"
)
_REWRITE = re.compile(
    rf"{_BEGIN}(?:{_NEW}|mend|improve|fix|correct|answer (?:the (?:question|human|person)|it))\b", re.IGNORECASE
)
_AND_REWRITE = re.compile(
    rf"{_LATER}(?:(?:{_NEW})|(?:fix|mend|repair|amend|correct|remove|delete|replace) {_IT})\b", re.IGNORECASE
)
_AND_ALTER = re.compile(rf"(?:{_LATER}|, ){_ALTER}\b", re.IGNORECASE)

_CHOICE = re.compile(
    rf"\b(?:choose|choosing|pick|prefer\w*|select|favou?r|compare|rank|"
    r"which|whichever|decide (?:between|for)|vote|opt|(?:first|one) or the (?:second|other)|"
    rf"the (?!other)\w+(?:er|est) (?:{_ANSWER}|one|option)|"
    rf"(?:more|most|less|least|better|best) (?:[\w-]+ ){{0,4}}(?:{_ANSWER}|one|option)|"
    rf"{_ANSWER} (?:that|which|with) (?:[\w'’-]+ ){{0,6}}(?:more|most|less|least|fewer|fewest|better|best))\b",
    re.IGNORECASE,
)
_WHICH_RESPONSE = re.compile(
    rf"\bwhich (?:of (?:the|these)\b|one |is |(?:\w+ )?(?:assistant|ai|{_ANSWER})\b)|"
    rf"\b(?:find|identify|name) the (?:[\w-]+ ){{0,3}}{_ANSWER}\b(?![’'])",
    re.IGNORECASE,
)
_CHOOSING = re.compile(r"\b(?:choose|choosing|pick|prefer|select|compare|rank)\b", re.IGNORECASE)
_FIND = re.compile(
    r"\b(?:identif\w*|point (?:out|to)|name|find|list|explain|describe|say|show|quote|discuss|check|look|ask|"
    r"criti\w*|tell|judge|where|which|what|how|does|is|are|note|spot|mark|highlight|examine|search|consider|would|think|"
    r"read|imagine|outline|assess|evaluate|analy[sz]e|comment|state|argue|give|question|review|go through|see|weigh)\b",
    re.IGNORECASE,
)
_MEND = re.compile(
    r"\b(?:rewrit\w*|revis\w*|re-?word\w*|rephras\w*|edit|mend|correct|improv\w*|repair|redo|amend\w*|fix|"
    r"writ\w+ (?:\w+ ){0,6}(?:again|anew|afresh)|start again|"
    r"(?:new|other|better|different) (?:\w+ )?(?:version|response|answer)|remov\w*|replac\w*|"
    r"take out|chang\w*|make|give|turn|put|let|say (?:it|this|the same)|(?:explain|show) (?:\w+ )?to|"
    r"tell|answer|swap|offer|keep|adjust|strip|leave out|rework\w*|describe an? (?:\w+ )?way|write|produce|draft|"
    r"compose|phrase|provide|respond|reply|speak|cut|drop|delete|add)\b",
    re.IGNORECASE,
)
_CRITICISE = re.compile(
    rf"{_BEGIN}(?:(?:identify|point out|criticis?ze?|criticise|critique|list|explain|describe|discuss|assess|evaluate|"
    r"analy[sz]e|judge|review|examine|check|highlight|name (?:the|every|each|all)|find|tell (?:me|us)|"
    r"(?:give|state|quote) (?:[\w-]+ ){0,2}(?:reasons?|examples?|sentences?|words)|"
    r"say (?:what|where|whether|which|how)|show (?:me|us|where|what|how))\b"
    r"(?! (?:\w+ )?to the (?:human|user|person)| an? (?:\w+ )?way)|"
    r"(?:is|are|was|were|does|do|did|has|have|what|where|why|which|how|who|in what)\b[^.!?]*\?)",
    re.IGNORECASE,
)
_DEPENDENT = re.compile(r"\b(?:to|would|could|should|can|may|might|will|must|not) (?:\w+ )?\w+\W*$", re.IGNORECASE)
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")


def _later(asks: re.Pattern[str], text: str) -> bool:
    """Whether something is asked for further on, outside quotations, and not in “able to oversee and correct it”."""
    text = _QUOTED.sub("", text)
    return any(not _DEPENDENT.search(text[: found.start()]) for found in asks.finditer(text))


def no_choice(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "comparison_request"):
        chosen = _CHOICE.search(text)
        if _REWRITE.search(text):
            chosen = None
        elif _CRITICISE.search(text) and not _CHOOSING.search(text):
            chosen = _WHICH_RESPONSE.search(text)
        if not chosen:
            yield index, field, "asks for no choice between responses"


def critique_revises(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "critique_request"):
        if _REWRITE.search(text) or _later(_AND_REWRITE, text) or not _FIND.search(text):
            yield index, field, "asks for a new response, not for what is wrong with this one"


def revision_criticises(constitution: Constitution) -> Iterator[Place]:
    for index, field, text in requests(constitution, "revision_request"):
        mends = re.search(r"\brewrit|\brevis", text, re.IGNORECASE) or _later(_AND_REWRITE, text)
        if (_CRITICISE.search(text) and not mends and not _later(_AND_ALTER, text)) or not _MEND.search(text):
            yield index, field, "asks what is wrong, not for a new response"
