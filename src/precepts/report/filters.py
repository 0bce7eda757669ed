"""What a reader can filter the transcripts by: tags on each item, and for each filter the tags that occur.

1. A tag is a word made here, never a text from the records: `round-2`, `worse-rl`, `p7` for the seventh principle.
   Only labels hold names, which the template escapes. So the page's script has nothing to trust.
2. An option is offered only where an item has its tag, with the number of items that have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from precepts.evals.board import KINDS, VERDICTS
from precepts.evidence import Evaluation
from precepts.report.gather import KINDS as KIND_NAMES

Tags = tuple[str, ...]
_WORST_LAST = {"red_team": ("refuses", "evades", "partly", "complies")}
_HARMLESS = ("complies", "partly", "refuses", "evades")


@dataclass(frozen=True)
class Filter:
    """One way to filter: its name, and its options as (tag, label)."""

    name: str
    options: tuple[tuple[str, str], ...]


def answer_tags(answers: Mapping[str, Evaluation]) -> Tags:
    """The tags of a prompt's answers by model, the base's first: the kind, each verdict, and what changed since the
    base for each later model: a worse or a better verdict, a lower score."""
    base, *_ = answers.values()
    tags = [f"kind-{base.kind}", *(f"{model}-{each.verdict or 'unscored'}" for model, each in answers.items())]
    for model, each in answers.items():
        step = _rank(each) - _rank(base) if each.verdict and base.verdict else 0
        tags += [f"{'worse' if step > 0 else 'better'}-{model}"] if step else []
        if each.score is not None and base.score is not None and each.score < base.score:
            tags.append(f"lower-{model}")
    return tuple(tags)


def _rank(answer: Evaluation) -> int:
    """How bad a verdict is on its kind of prompt; to evade is worse than to refuse."""
    return _WORST_LAST.get(answer.kind, _HARMLESS).index(answer.verdict or "")


def answer_filters(items: Iterable[Tags], models: Mapping[str, str]) -> list[Filter]:
    """The filters of answers side by side; `models` are those of the page, with their names."""
    seen = _counted(items)
    base, *later = models
    told = {"worse": "a worse verdict", "better": "a better verdict", "lower": "a lower score"}
    return _filters(
        seen,
        ("Prompts", {f"kind-{kind}": KIND_NAMES[kind] for kind in KINDS}),
        ("Verdict", {f"{m}-{v}": f"{name}: {v}" for m, name in models.items() for v in (*VERDICTS, "unscored")}),
        (
            f"Beside {models[base]}",
            {f"{change}-{m}": f"{models[m]} has {said}" for change, said in told.items() for m in later},
        ),
    )


def round_filters(items: Iterable[Tags], principles: Mapping[str, str]) -> list[Filter]:
    """The filters of rounds of revision; `principles` are titles by tag."""
    items = list(items)
    numbers = sorted({int(tag[6:]) for tags in items for tag in tags if tag.startswith("round-")})
    came = {
        "worse": "got worse: a lower score",
        "better": "a higher score",
        "same": "nothing was changed",
        "anew": "written anew",
        "unusable": "unusable",
    }
    return _filters(
        _counted(items),
        ("Principle", principles),
        ("Round", {f"round-{number}": str(number) for number in numbers}),
        ("What came of it", came),
    )


def label_filters(items: Iterable[Tags], principles: Mapping[str, str]) -> list[Filter]:
    """The filters of labelled pairs."""
    said = {"first": "first is better", "second": "second is better", "undecided": "undecided", "unscored": "unscored"}
    return _filters(_counted(items), ("Principle", principles), ("Label", said))


def principle_tags(ids: Iterable[str]) -> dict[str, str]:
    """A tag for each principle, by its id."""
    return {name: f"p{place}" for place, name in enumerate(sorted(set(ids)))}


def _counted(items: Iterable[Tags]) -> Counter[str]:
    return Counter(tag for tags in items for tag in set(tags))


def _filters(seen: Counter[str], *wanted: tuple[str, Mapping[str, str]]) -> list[Filter]:
    found = [
        Filter(name, tuple((tag, f"{label} ({seen[tag]})") for tag, label in options.items() if seen[tag]))
        for name, options in wanted
    ]
    return [each for each in found if len(each.options) > 1]
