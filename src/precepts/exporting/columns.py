"""A stage's records as the columns of TRL's trainers, streamed.

1. Supervised finetuning (`respond`, `revise`, `sl`): `prompt` and `completion`, or both as `messages`. Of `sl` it is
   what the stage learns from: usable revisions, but those that hygiene left out where the stage has run, and helpful
   answers, cut to their last whole sentence.
2. Preferences (`audit`, `label`, `pm`): `prompt`, `chosen`, `rejected`, with `p_chosen` in [0.5, 1], the label of the
   one that stands as chosen, and `margin`, its natural log-odds (at most 13.8, where `p_chosen` is 1 - 1e-6). Of `pm`
   it is what the stage learns: AI labels (or people's) and human comparisons of helpfulness, whose `p_chosen` is 1.
3. Prompts for RL (`prompts`, `rl`): `prompt`. Pairs that nothing has labelled (`pairs`): `prompt`, `first`, `second`.
4. Records that cannot be used are left out, as the stages leave them out. What has a split is that of one side alone,
   so that nothing held out is trained on elsewhere.
5. In chat style conversations are lists of messages; in raw style they are the labelled text that our models see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from precepts.errors import InputError, nearest
from precepts.evidence import Evaluation, LearntRevision
from precepts.prompts.formats import Format, render, turns_of
from precepts.records import AIPreference, HumanComparison, Messages, Pair, Prompt, Response, Revision
from precepts.runs.folder import Run
from precepts.stages.evaluate import MODELS
from precepts.stages.warm_up import whole_sentences

Row = dict[str, Any]
_SURE = 1e-6  # how far from certain a label is at least, for its log-odds


@dataclass(frozen=True)
class Table:
    """Columns, each with its type (text, turns, number or whole), and the rows, made as they are read."""

    columns: dict[str, str]
    rows: Iterator[Row]


@dataclass(frozen=True)
class Shape:
    """How rows are to look: chat messages or raw text, prompt and completion as one, records of which split ("all")."""

    style: Format
    messages: bool = False
    split: str = "train"

    def prompt(self, messages: Messages) -> Any:
        """A conversation as a `prompt` column."""
        if self.style == "raw":
            return render(turns_of(messages), "assistant", "raw")
        return [asdict(message) for message in messages]

    def answer(self, text: str) -> Any:
        """A response as a `completion`, `chosen` or `rejected` column."""
        return f" {text}" if self.style == "raw" else [{"role": "assistant", "content": text}]

    def wants(self, split: str) -> bool:
        """Whether a record of this split is to be kept."""
        return self.split in ("all", split)

    def example(self, messages: Messages, text: str) -> Row:
        """Prompt and completion, in two columns or in one."""
        prompt, answer = self.prompt(messages), self.answer(text)
        return {"messages": prompt + answer} if self.messages else {"prompt": prompt, "completion": answer}


def table(run: Run, stage: str, shape: Shape) -> Table:
    """The rows of a stage. Raises InputError where it has none to give, or is not done."""
    if stage not in _STAGES:
        known = nearest(stage, _STAGES)
        raise InputError(f"stage '{stage}': it has no rows to export; {known} (of models: precepts export-model)")
    needed, columns, rows = _STAGES[stage]
    if shape.messages and columns is not _LEARNT:
        raise InputError(f"--messages: stage {stage} has no completions; leave it out")
    for name in needed:
        state = run.state(name)
        if state is None or not state.done:
            raise InputError(f"{run.path}: stage {name} is not done; run it first (precepts run ... --until {name})")
    turns = "text" if shape.style == "raw" else "turns"
    kinds = {name: turns if kind == "turns" else kind for name, kind in columns.items()}
    if shape.messages:
        kinds = {"messages": turns} | {name: kind for name, kind in kinds.items() if name not in _SPLIT_IN_TWO}
    return Table(kinds, rows(run, shape))


def _prompts(run: Run, shape: Shape) -> Iterator[Row]:
    for each in run.read("prompts", Prompt, "prompts"):
        if shape.wants(each.split):
            yield {"id": each.id, "prompt": shape.prompt(each.messages), "kind": each.kind, "category": each.category}


def _for_rl(run: Run, shape: Shape) -> Iterator[Row]:
    return (row for row in _prompts(run, shape) if row["kind"] in ("red_team", "helpful"))


def _responses(run: Run, shape: Shape) -> Iterator[Row]:
    for each in run.read("respond", Response):
        if each.unusable is None and shape.wants(each.split):
            yield {"id": each.id, **shape.example(each.messages, each.text), "kind": each.kind, "round": 0}


def _revisions(run: Run, shape: Shape) -> Iterator[Row]:
    """Only training prompts are answered and revised."""
    for each in run.read("revise", Revision) if shape.wants("train") else ():
        if each.unusable is None:
            yield {"id": each.id, **shape.example(each.messages, each.text), "kind": "red_team", "round": each.round}


def _learnt(run: Run, shape: Shape) -> Iterator[Row]:
    left_out = {e.id for e in run.read("sl", LearntRevision, "revisions") if e.left_out}
    revised = (e for e in run.read("revise", Revision) if e.id not in left_out)
    helpful = (e for e in run.read("respond", Response) if e.kind == "helpful")
    found: Iterator[Revision | Response] = chain(revised, helpful)
    for each in found if shape.wants("train") else ():
        text = whole_sentences(each.text, each.finish) if each.unusable is None else ""
        if text:
            kind, number = ("red_team", each.round) if isinstance(each, Revision) else (each.kind, 0)
            yield {"id": each.id, **shape.example(each.messages, text), "kind": kind, "round": number}


def _pairs(run: Run, shape: Shape) -> Iterator[Row]:
    for each in run.read("pairs", Pair):
        if each.unusable is None and shape.wants(each.split):
            first, second = shape.answer(each.first), shape.answer(each.second)
            yield {"id": each.id, "prompt": shape.prompt(each.messages), "first": first, "second": second}


def _labels(run: Run, shape: Shape, stage: str = "label") -> Iterator[Row]:
    for each in run.read(stage, AIPreference):
        if each.p_first is not None and (stage == "audit" or shape.wants(each.split)):
            better, worse = (each.first, each.second) if each.p_first >= 0.5 else (each.second, each.first)
            yield _preference(shape, each.id, each.messages, better, worse, max(each.p_first, 1 - each.p_first), "ai")


def _audited(run: Run, shape: Shape) -> Iterator[Row]:
    return _labels(run, shape, "audit")


def _compared(run: Run, shape: Shape) -> Iterator[Row]:
    by_ai = run.state("label") is not None
    for each in run.read("prompts", HumanComparison, "comparisons"):
        if shape.wants(each.split) and not (by_ai and each.aim == "harmless"):
            yield _preference(shape, each.id, each.messages, each.chosen, each.rejected, 1.0, each.aim)
    if by_ai:
        yield from _labels(run, shape)


def _preference(
    shape: Shape, identity: str, messages: Messages, chosen: str, rejected: str, p_chosen: float, source: str
) -> Row:
    sure = min(p_chosen, 1 - _SURE)
    texts = {"prompt": shape.prompt(messages), "chosen": shape.answer(chosen), "rejected": shape.answer(rejected)}
    return {"id": identity, **texts, "p_chosen": p_chosen, "margin": math.log(sure / (1 - sure)), "source": source}


def _answers(run: Run, shape: Shape) -> Iterator[Row]:
    for name in MODELS:
        for each in run.read("evaluate", Evaluation, f"answers-{name}"):
            number = f"-{each.sample}" if each.sample else ""
            row = {"id": f"{each.prompt_id}-{name}{number}", **shape.example(each.messages, each.text)}
            yield {**row, "kind": each.kind, "model": each.model, "verdict": each.verdict, "score": each.score}


_SPLIT_IN_TWO = ("prompt", "completion")
_ASKED = {"id": "text", "prompt": "turns", "kind": "text", "category": "text"}
_LEARNT = {"id": "text", "prompt": "turns", "completion": "turns", "kind": "text", "round": "whole"}
_COMPARED = {"id": "text", "prompt": "turns", "chosen": "turns", "rejected": "turns"}
_COMPARED |= {"p_chosen": "number", "margin": "number", "source": "text"}
_ANSWERED = {"id": "text", "prompt": "turns", "completion": "turns", "kind": "text"}
_ANSWERED |= {"model": "text", "verdict": "text", "score": "number"}
_PAIRED = {"id": "text", "prompt": "turns", "first": "turns", "second": "turns"}
_STAGES: dict[str, tuple[tuple[str, ...], dict[str, str], Callable[[Run, Shape], Iterator[Row]]]] = {
    "prompts": (("prompts",), _ASKED, _prompts),
    "respond": (("respond",), _LEARNT, _responses),
    "revise": (("revise",), _LEARNT, _revisions),
    "sl": (("respond", "revise"), _LEARNT, _learnt),
    "pairs": (("pairs",), _PAIRED, _pairs),
    "audit": (("audit",), _COMPARED, _audited),
    "label": (("label",), _COMPARED, _labels),
    "pm": (("prompts",), _COMPARED, _compared),
    "rl": (("prompts",), _ASKED, _for_rl),
    "evaluate": (("evaluate",), _ANSWERED, _answers),
}
