"""The documentation's page of each rule, from what the rule says of itself: `python -m ... pages DIR`."""

from __future__ import annotations

import sys
from pathlib import Path

from precepts.constitution.lint.rules import ALL_RULES, Rule
from precepts.constitution.lint.words import MOST

_HEAD = f"""\
# What `precepts constitution lint` looks for

The rules read English. A request in another language gets the note `not-english` and is not held to what depends on
words; what needs no language (duplicates word for word, what belongs to a template, length, weights, sources, tags) is
looked at in any. `no-effect`, `twin` and `contradiction-by-effect` are a model's, with `--with MODEL`. Of findings
about pairs each rule tells the first {MOST}, and how many more there are.

| rule | severity | |
|---|---|---|
"""


def page(rule: Rule) -> str:
    """The Markdown page of a rule."""
    return f"# {rule.id}\n\n**{rule.title}** ({rule.severity})\n\n{rule.why}\n\n**To mend it:** {rule.mend}\n"


def index() -> str:
    """The page that lists all rules."""
    rows = [f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |" for rule in ALL_RULES.values()]
    return _HEAD + "\n".join(rows) + "\n"


def main(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(index(), encoding="utf-8")
    for rule in ALL_RULES.values():
        (folder / f"{rule.id}.md").write_text(page(rule), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
