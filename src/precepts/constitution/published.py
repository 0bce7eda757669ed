r"""The paper's five published prompt files: read into a constitution, and written back byte for byte.

1. `CritiqueRevisionInstructions.json` names critiques and revisions, each wrapped in its labels;
   `RLMadisonInstructions.json` lists comparisons, each wrapped in `\n.. Options:`. The two lists are independent, so
   their principles serve one stage each.
2. The other three are few-shot demonstrations: whole dialogues, items with correct and incorrect responses, and chains
   of thought with `{}` for the principle. They are kept as raw text, dangling labels and all; reading them as turns is
   `demonstrations.py`.
3. What is inside a wrapping is kept as it is, misspellings included: nothing is mended that somebody published.
   `source.section` remembers file and key, which is what `write_published` goes by.
How it departs from the paper: not at all; these are the paper's words, given by the user. None ships with Precepts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from precepts.constitution.schema import Constitution, Demonstrations, Principle, Source
from precepts.demonstrations import ComparisonItem

REVISING, JUDGING = "CritiqueRevisionInstructions.json", "RLMadisonInstructions.json"
ROUNDS, ITEMS, CHAINS = (
    "CritiqueRevisionFewShotPrompts.json",
    "RLMadisonFewShotPrompts.json",
    "RLMadisonPrecogFewShotPrompts.json",
)
WORK = Source(
    work="Bai et al. 2022, Constitutional AI: Harmlessness from AI Feedback", url="https://arxiv.org/abs/2212.08073"
)
_CRITIQUE = ("\n\nCritiqueRequest: ", "\n\nCritique:")
_REVISION = ("\n\nRevisionRequest: ", "\n\nRevision:")
_CHOICE = ("\n", " Options:")


def recognised(data: Any) -> str | None:
    """Which of the five files this JSON has the shape of; None where it is none of them."""
    if isinstance(data, dict) and data:
        fits = all(isinstance(each, dict) and set(each) == {"prompt", "edit_request"} for each in data.values())
        return REVISING if fits else None
    if not isinstance(data, list) or not data:
        return None
    if all(isinstance(each, str) for each in data):
        if all(each.endswith(_CHOICE[1]) for each in data):
            return JUDGING
        return ROUNDS if all("CritiqueRequest:" in each for each in data) else None
    keys = [set(each) if isinstance(each, dict) else set() for each in data]
    shapes = {ITEMS: {"prompt", "corrects", "incorrects"}, CHAINS: {"prompt"}}
    return next((name for name, shape in shapes.items() if all(each == shape for each in keys)), None)


def principles_of(name: str, data: Any) -> list[Principle]:
    """The principles of a file of this shape (none where it holds demonstrations). Raises ValueError with the entry."""
    if name == REVISING:
        return [_revising(key, entry) for key, entry in data.items()]
    if name == JUDGING:
        return [_judging(number, text) for number, text in enumerate(data)]
    return []


def demonstrations_of(name: str, data: Any) -> dict[str, list[Any]]:
    """The fields of `Demonstrations` that a file of this shape fills."""
    if name == ROUNDS:
        return {"dialogues": list(data)}
    if name == ITEMS:
        return {"items": [ComparisonItem.model_validate(each).model_dump() for each in data]}
    return {"reasoning": [each["prompt"] for each in data]} if name == CHAINS else {}


def published_constitution(files: Sequence[tuple[str, Any]], name: str) -> Constitution:
    """One constitution from files of these shapes, as (shape, JSON). Raises ValueError where they hold no principle."""
    principles = [principle for shape, data in files for principle in principles_of(shape, data)]
    shown: dict[str, list[Any]] = {}
    for shape, data in files:
        for field, entries in demonstrations_of(shape, data).items():
            shown.setdefault(field, []).extend(entries)
    if not principles:
        raise ValueError(f"these files hold demonstrations alone; add {REVISING} or {JUDGING}")
    return Constitution(
        name=name,
        version="1.0",
        description="Imported from the paper's published prompt files. Their text is the authors'.",
        principles=principles,
        demonstrations=Demonstrations.model_validate(shown),
    )


def write_published(constitution: Constitution) -> dict[str, bytes]:
    """The files that hold this constitution, by name, in the published format."""
    shown = constitution.demonstrations
    revising = {
        _key(principle, n): {
            "prompt": [principle.critique_request.join(_CRITIQUE)],
            "edit_request": principle.revision_request.join(_REVISION),
        }
        for n, principle in enumerate(constitution.revising)
    }
    judging = [principle.comparison_request.join(_CHOICE) for principle in constitution.judging]
    files: dict[str, Any] = {
        REVISING: revising,
        JUDGING: judging,
        ROUNDS: shown.dialogues,
        ITEMS: [item.model_dump() for item in shown.items],
        CHAINS: [{"prompt": text} for text in shown.reasoning],
    }
    return {name: json.dumps(data).encode() for name, data in files.items() if data}


def left_out(constitution: Constitution) -> list[str]:
    """What of a constitution the published format cannot hold, in words."""
    principles, shown = constitution.principles, constitution.demonstrations
    renamed = {p.id for n, p in enumerate(constitution.revising) if p.id != slug(_key(p, n))}
    renamed |= {p.id for n, p in enumerate(constitution.judging) if p.id != f"choice{n}"}
    counts = {
        "ids and titles": len(renamed),
        "weights": sum(p.weight != 1 for p in principles),
        "sources": sum(p.source.work != WORK.work or bool(p.source.quote) for p in principles),
        "tags": sum(bool(p.tags) for p in principles),
        "links between the critique and the comparison of one principle": sum(
            bool(p.critique_request and p.comparison_request) for p in principles
        ),
        "rounds": len(shown.rounds),
        "comparisons": len(shown.comparisons),
        "licence": int(bool(constitution.licence)),
    }
    return [f"{what} ({count})" for what, count in counts.items() if count]


def principle_at(place: str, **fields: Any) -> Principle:
    """The principle of these fields. Raises ValueError naming the place in the file where it cannot be one."""
    try:
        return Principle(**fields)
    except ValidationError as error:
        raise ValueError(f"{place}: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    """The first thing that is wrong, with its field where it has one."""
    one = error.errors()[0]
    where, said = ".".join(map(str, one["loc"])), str(one["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _key(principle: Principle, number: int) -> str:
    file, _, key = principle.source.section.partition(", ")
    return key if file == REVISING and key else f"harmful{number}"


def _revising(key: str, entry: Any) -> Principle:
    if not isinstance(entry["prompt"], list) or len(entry["prompt"]) != 1:
        raise ValueError(f"{key}.prompt: expected a list of one critique request")
    return principle_at(
        key,
        id=slug(key),
        title=key,
        source=WORK.model_copy(update={"section": f"{REVISING}, {key}"}),
        critique_request=_unwrapped(entry["prompt"][0], _CRITIQUE, f"{key}.prompt"),
        revision_request=_unwrapped(entry["edit_request"], _REVISION, f"{key}.edit_request"),
    )


def _judging(number: int, text: str) -> Principle:
    return principle_at(
        f"[{number}]",
        id=f"choice{number}",
        title=f"choice{number}",
        source=WORK.model_copy(update={"section": f"{JUDGING}, {number}"}),
        comparison_request=_unwrapped(text, _CHOICE, f"[{number}]"),
    )


def _unwrapped(text: Any, wrapping: tuple[str, str], place: str) -> str:
    before, after = wrapping
    if not isinstance(text, str) or not (text.startswith(before) and text.endswith(after)):
        raise ValueError(f"{place}: expected text between {before!r} and {after!r}")
    return text[len(before) : len(text) - len(after)]


def slug(text: str) -> str:
    """An id made of `text`: lower case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "principle"
