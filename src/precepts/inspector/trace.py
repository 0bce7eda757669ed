"""The whole ancestry of one example: where it comes from, what made it, what it was used for.

1. Everything in a run hangs on a prompt. Any id (of a prompt, response, revision, pair, label or human comparison), or
   the beginning of one, leads to that prompt and from there to what made the example and what was made with it.
2. Asked for a revision, its own response and the rounds up to it are shown; asked for a pair or a label, the pair and
   its label; asked for a prompt, all there is.
3. It is read from the records alone, as they come; nothing is held but what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from precepts.errors import InputError
from precepts.evidence import Evaluation, LearntRevision, Match, ScoredComparison
from precepts.odds import Rules, probability
from precepts.records import AIPreference, HumanComparison, Messages, Pair, Prompt, Reading, Response, Revision, Rollout
from precepts.runs.folder import Run

SETS: tuple[tuple[str, str, type[Any]], ...] = (
    ("prompts", "prompts", Prompt),
    ("prompts", "comparisons", HumanComparison),
    ("respond", "records", Response),
    ("revise", "records", Revision),
    ("pairs", "records", Pair),
    ("label", "records", AIPreference),
)
LEAST = 4  # characters of an id


@dataclass(frozen=True)
class Entry:
    """One thing in the ancestry: the stage it comes from, what it is, and its fields in order."""

    stage: str
    what: str
    fields: tuple[tuple[str, str], ...]


def trace(run: Run, wanted: str) -> list[Entry]:
    """The ancestry of the example named `wanted`, in the order of the stages. Raises InputError where no id, or more
    than one prompt's, begins so."""
    found = _find(run, wanted)
    prompts = {_prompt_id(each) for each in found}
    if len(prompts) > 1:
        raise InputError(f"'{wanted}': {len(prompts)} prompts have ids that begin so; give more of the id")
    prompt = prompts.pop()
    kinds = {type(each) for each in found}
    entries = _prompt(run, prompt)
    if not kinds & {Pair, AIPreference, HumanComparison}:
        entries += _stage_one(run, prompt, found)
    if not kinds & {Response, Revision, HumanComparison}:
        entries += _stage_two(run, prompt)
    if kinds & {HumanComparison, Prompt}:
        entries += _human(run, prompt, {each.id for each in found if isinstance(each, HumanComparison)})
    return entries + _uses(run, prompt, kinds)


def _find(run: Run, wanted: str) -> list[Any]:
    if len(wanted) < LEAST:
        raise InputError(f"'{wanted}': give at least {LEAST} characters of an id")
    found = [
        each for stage, name, record in SETS for each in run.read(stage, record, name) if each.id.startswith(wanted)
    ]
    if not found:
        raise InputError(
            f"'{wanted}': nothing in {run.path} has an id that begins so; ids of prompts, responses, revisions, pairs "
            "and human comparisons are in the column id of their Parquet files"
        )
    return found


def _prompt_id(record: Any) -> str:
    return str(record.id if isinstance(record, Prompt) else record.prompt_id)


def _of(run: Run, stage: str, record: type[Any], prompt: str, set_name: str = "records") -> Iterator[Any]:
    return (each for each in run.read(stage, record, set_name) if each.prompt_id == prompt)


def _prompt(run: Run, prompt: str) -> list[Entry]:
    found = [each for each in run.read("prompts", Prompt, "prompts") if each.id == prompt]
    return [
        _entry(
            "prompts",
            f"{p.kind} prompt {p.id}",
            split=p.split,
            category=p.category,
            source=p.source,
            prompt=_said(p.messages),
        )
        for p in found
    ]


def _stage_one(run: Run, prompt: str, found: list[Any]) -> list[Entry]:
    """The responses and their rounds; where a response or a revision was asked for, those that lead to it."""
    rounds = [each for each in found if isinstance(each, Revision)]
    responses = {each.id for each in found if isinstance(each, Response)} | {each.response_id for each in rounds}
    last = max((each.round for each in rounds), default=None)

    def shown(response: str, number: int = 0) -> bool:
        return (not responses or response in responses) and (last is None or number <= last)

    entries = [_response(each) for each in _of(run, "respond", Response, prompt) if shown(each.id)]
    return entries + [
        _revision(each) for each in _of(run, "revise", Revision, prompt) if shown(each.response_id, each.round)
    ]


def _response(r: Response) -> Entry:
    return _entry("respond", f"response {r.id} by {r.model}", seed=r.seed, unusable=r.unusable, text=r.text)


def _revision(r: Revision) -> Entry:
    return _entry(
        "revise",
        f"round {r.round}, revision {r.id} of response {r.response_id}",
        principle=f"{r.principle_id} ({r.principle_hash})",
        constitution=r.constitution_hash,
        model=r.model,
        seed=r.seed,
        critique=r.critique,
        revision=r.text,
        unusable=r.unusable,
    )


def _stage_two(run: Run, prompt: str) -> list[Entry]:
    pairs = [
        _entry(
            "pairs",
            f"pair {p.id} by {p.model}",
            split=p.split,
            seed=p.seed,
            first=p.first,
            second=p.second,
            unusable=p.unusable,
        )
        for p in _of(run, "pairs", Pair, prompt)
    ]
    return pairs + [each for p in _of(run, "label", AIPreference, prompt) for each in _label(p)]


def _label(p: AIPreference) -> Iterator[Entry]:
    label = "none" if p.p_first is None else f"{p.p_first:.4f}"
    yield _entry(
        "label",
        f"label {p.id} by {p.labeler} of {p.model}",
        p_first=label,
        unscored=p.unscored,
        constitution=p.constitution_hash,
        settings=p.settings,
        people=p.human,
    )
    yield from map(_reading, p.readings)


def _reading(r: Reading) -> Entry:
    return _entry(
        "label",
        f"reading under {r.principle_id} ({r.principle_hash}), order {r.order}",
        p_first=None if r.log_odds is None else f"{probability(r, Rules()):.4f}",
        unscored=r.unscored,
        logprobs=", ".join(f"{each:.4f}" for each in r.logprobs or ()),
        examples=", ".join(r.shot_principles),
        reasoning=r.reasoning,
    )


def _human(run: Run, prompt: str, ids: set[str]) -> list[Entry]:
    return [
        _entry(
            "prompts",
            f"human {h.aim}ness comparison {h.id}",
            split=h.split,
            source=h.source,
            prompt=_said(h.messages),
            chosen=h.chosen,
            rejected=h.rejected,
        )
        for h in _of(run, "prompts", HumanComparison, prompt, "comparisons")
        if not ids or h.id in ids
    ]


def _uses(run: Run, prompt: str, kinds: set[type[Any]]) -> list[Entry]:
    """Where the example was used: what trained on it, and what was measured with it."""
    uses: list[tuple[str, Callable[[], Iterator[str]]]] = []
    if not kinds & {Pair, AIPreference, HumanComparison}:
        uses.append(("sl", lambda: _taught_sl(run, prompt)))
    if not kinds & {Response, Revision}:
        uses.append(("pm", lambda: _taught_pm(run, prompt)))
    if Prompt in kinds:
        uses += [("rl", lambda: _rolled(run, prompt)), ("evaluate", lambda: _graded(run, prompt))]
        uses.append(("tournament", lambda: _played(run, prompt)))
    return [
        Entry(stage, "used", tuple(("", line) for line in lines))
        for stage, find in uses
        if run.state(stage) and (lines := list(find()))
    ]


def _taught_sl(run: Run, prompt: str) -> Iterator[str]:
    learnt = list(_of(run, "sl", LearntRevision, prompt, "revisions"))
    for each in learnt:
        yield f"left out of models/sl: revision {each.id}, {each.left_out}" if each.left_out else _taught(each)
    if not learnt:  # an older run did not say which
        rounds = (each for each in _of(run, "revise", Revision, prompt) if each.unusable is None)
        yield from (f"revision {each.id} may have taught models/sl, as sl.hygiene says" for each in rounds)
    for each in _of(run, "respond", Response, prompt):
        if each.unusable is None and each.kind == "helpful":
            yield _taught(each)


def _taught(each: LearntRevision | Response) -> str:
    what = "helpful response" if isinstance(each, Response) else "revision"
    return f"taught models/sl: {what} {each.id} (if it was cut, as far as it goes)"


def _taught_pm(run: Run, prompt: str) -> Iterator[str]:
    for each in _of(run, "label", AIPreference, prompt):
        if each.split == "train" and each.p_first is not None:
            yield f"taught models/pm: pair {each.id} with label {each.p_first:.4f}"
    for each in _of(run, "prompts", HumanComparison, prompt, "comparisons"):
        if each.split == "train":
            yield f"human comparison {each.id} ({each.aim}) may have taught models/pm, as preferences.harmless says"
    for each in _of(run, "pm", ScoredComparison, prompt, "comparisons"):
        yield f"held out, {each.source}: {each.id} scored {each.score_first:.3f} and {each.score_second:.3f}"


def _rolled(run: Run, prompt: str) -> Iterator[str]:
    for each in _of(run, "rl", Rollout, prompt, "rollouts"):
        yield f"step {each.step}, score {each.score:.3f}: {each.text}"


def _graded(run: Run, prompt: str) -> Iterator[str]:
    asked = [name.removeprefix("answers-") for name in run.sets("evaluate") if name.startswith("answers-")]
    own = [name for name in ("start", "sl", "rl") if name in asked]
    for model in [*own, *(name for name in asked if name not in own)]:
        for each in _of(run, "evaluate", Evaluation, prompt, f"answers-{model}"):
            number = f" {each.sample + 1}" if each.sample else ""
            yield f"{model}{number}: {each.verdict or each.unscored}: {each.text}"


def _played(run: Run, prompt: str) -> Iterator[str]:
    for m in _of(run, "tournament", Match, prompt, "matches"):
        result = f"unscored, {m.unscored}" if m.p_first is None else f"{m.p_first:.4f} that {m.first_model}'s is better"
        by = f"judge {m.judge}, {m.labeler}; match {m.id}"
        yield f"{m.first_model} against {m.second_model}, {m.aim}: {result} ({by})"


def _said(messages: Messages) -> str:
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


def _entry(stage: str, what: str, **fields: Any) -> Entry:
    return Entry(stage, what, tuple((name, str(value)) for name, value in fields.items() if value not in (None, "")))
