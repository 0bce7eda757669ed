"""The passages of a Markdown text: its paragraphs and list items, each with its section and its lines.

1. A text is walked line by line: headings give the path of a section; a paragraph or a list item is a passage.
2. What does not speak for the text itself is left out: code, comments, quotations (`>`), tables (`|`), lines of HTML,
   and what stands before the text between `---`.
How it departs from the paper: the paper has no such thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SENTENCE = re.compile(r"(?<=[.!?])[\"”’)*_]*\s+(?=[\"“‘(*_]*[A-Z])")  # where one ends and the next begins
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_FENCE = ("```", "~~~")
_OTHER = re.compile(r"\s*(?:\||</?[a-zA-Z])")  # a table's row, a line of HTML
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FRONT = re.compile(r"\A---\n(?=[\w-]+:).*?\n---(?=\n|\Z)", re.DOTALL)
_MARKUP = re.compile(r"<!--.*?-->|\[([^\]]{0,500})\]\([^)]{0,2000}\)|[*_`]{1,3}", re.DOTALL)


@dataclass(frozen=True)
class Passage:
    """A paragraph or list item: its section's path of headings, its first and last line (from 1), its text, and by how
    many columns it is indented."""

    section: str
    first: int
    last: int
    text: str
    item: bool = False
    indent: int = 0

    @property
    def lines(self) -> str:
        """Its lines in words."""
        return f"line {self.first}" if self.first == self.last else f"lines {self.first}-{self.last}"

    @property
    def last_sentence(self) -> str:
        """The sentence it ends with."""
        return SENTENCE.split(self.text)[-1]


def passages(text: str) -> Iterator[Passage]:
    """The paragraphs and list items of a Markdown text, in order."""
    path: list[tuple[int, str]] = []
    block: list[tuple[int, str]] = []
    fenced = quoted = False
    for number, line in enumerate([*_without_comments(text).splitlines(), ""], start=1):
        bare = _ITEM.sub("", line).strip()
        blank, fence, heading = not bare, line.lstrip().startswith(_FENCE), _HEADING.match(line)
        rule = not blank and set(bare) <= set("-*_= ")
        # A quotation goes on to the next blank line or item, whether or not each of its lines is marked.
        quoted = bare.startswith(">") or (quoted and not blank and not heading and not _ITEM.match(line))
        if block and (blank or fence or heading or rule or quoted or _ITEM.match(line) or _OTHER.match(line)):
            yield _passage(path, block)
            block = []
        fenced ^= fence
        if heading and not fenced:
            depth = len(heading[1])
            path = [each for each in path if each[0] < depth] + [(depth, plain(heading[2]))]
        elif not (fenced or fence or blank or rule or quoted or _OTHER.match(line)):
            block.append((number, line))


def stands_in(quote: str, lines: Sequence[str]) -> bool:
    """Whether these lines hold the quote, up to markup and white space."""
    return plain(quote).lower() in plain(" ".join(_ITEM.sub("", line) for line in lines)).lower()


def plain(text: str) -> str:
    """Markdown as plain words: links without their addresses, no emphasis, no comments."""
    return " ".join(_MARKUP.sub(lambda found: found[1] or "", text).split())


def _without_comments(text: str) -> str:
    """The text with as many lines, those of comments and of what stands before it blank."""
    for hidden in (_FRONT, _COMMENT):
        text = hidden.sub(lambda found: "\n" * (len(f"{found[0]}.".splitlines()) - 1), text)
    return text


def _passage(path: Sequence[tuple[int, str]], block: Sequence[tuple[int, str]]) -> Passage:
    section = " > ".join(title for _, title in path)
    (first, line), last = block[0], block[-1][0]
    indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
    text = plain(" ".join([_ITEM.sub("", line), *(each for _, each in block[1:])]))
    return Passage(section, first, last, text, bool(_ITEM.match(line)), indent)
