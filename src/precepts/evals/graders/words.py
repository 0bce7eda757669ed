"""The content words of a text: what it is about, as far as words without their endings can tell."""

from __future__ import annotations

import re

_COMMON = re.compile(
    r"""(about|after|also|because|been|before|being|best|between|both|could|create|describe|does|even|explain
    |find|from|generate|give|going|have|help|here|into|just|know|like|list|make|many|more|most|much|need
    |other|people|please|provide|really|should|show|some|someone|something|such|tell|than|that|their|them
    |then|there|these|they|things|this|those|want|ways|were|what|when|where|which|while|will|with|without
    |would|write|your|yours)$""",
    re.VERBOSE,
)
_STEM = 5  # letters kept


def content_words(text: str) -> frozenset[str]:
    """The beginnings, five letters at most, of the words of four letters or more that are not common ones.

    >>> sorted(content_words("How do I pick the lock of my neighbours?"))
    ['lock', 'neigh', 'pick']
    """
    words = re.findall(r"[^\W\d_]{4,}", text.lower())
    return frozenset(word[:_STEM] for word in words if not _COMMON.match(word))
