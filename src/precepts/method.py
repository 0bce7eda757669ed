"""Constitutional AI, the whole method in order. Start reading here.

    constitution, prompts, a helpful-only model
      stage 1, SL-CAI    respond -> critique and revise -> finetune              models/sl
      stage 2, RL-CAI    sample pairs -> label -> preference model -> RL         models/pm, models/rl
      evidence           evaluate (and report, which is a view of the run)

1. `steps` is the method: each stage, what it reads (`needs`), everything its records depend on (`parts`), and the
   call that runs it.
2. `execute` walks them: a stage that is done with the same parts is passed over, a partial one goes on, a changed
   one is refused unless `redo`, which redoes it and what hangs on it. All is checked before anything is changed.
3. Parts name files and folders by their last name and their contents, never by where they lie: a run whose inputs
   have moved is the same run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from precepts.engines import engine_fingerprint, make_engine, model_fingerprint
from precepts.errors import InputError, nearest
from precepts.executors.local import LocalExecutor
from precepts.feedback.multiple_choice import WORDING
from precepts.prompts.demonstrations import CRITIQUE_REVISION
from precepts.prompts.render import wording_hash
from precepts.recipe import Recipe, recipe_yaml
from precepts.runs.folder import (
    HANGS_ON,
    SCRATCH,
    UPSTREAM,
    Parts,
    Run,
    StageFolder,
    changed_parts,
    fingerprint,
    flat,
    open_stage,
)
from precepts.runs.memory import release_memory
from precepts.runs.progress import Progress
from precepts.runs.shards import write_whole
from precepts.settings import Settings
from precepts.sources.read import source_fingerprint
from precepts.stages import evaluate, label, pairs, pm, prompts, respond, revise, rl, sl

T = TypeVar("T")
STAGES = ("prompts", "respond", "revise", "sl", "pairs", "label", "pm", "rl", "evaluate")


@dataclass(frozen=True)
class Step:
    """A stage in its place: what it reads, what its records depend on, the models it writes, and the call."""

    name: str
    needs: tuple[str, ...]
    own_parts: Parts
    go: Callable[[StageFolder], None]
    models: tuple[str, ...] = ()


def steps(recipe: Recipe, run: Run) -> list[Step]:
    """The whole method. Raises InputError where the recipe names a constitution, model or source that is not there."""
    r, style, kept_out = recipe, recipe.format, recipe.prompts.held_out
    constitution = r.load_constitution()
    start, feedback = r.models.start, r.models.feedback or r.models.start
    ask = partial(partial, make_engine, r.engine)
    ask_start, ask_judge = (ask(model, name=_moveable(model)) for model in (start, feedback))
    ask_sl, ask_rl = (ask(str(run.model(name)), name=f"models/{name}") for name in ("sl", "rl"))
    common = {"seed": r.seed, "format": style}
    engine = flat(_readable(engine_fingerprint, r.engine), "engine")
    begin = _model("models.start", start)
    judge = _model("models.feedback", feedback)
    principles = {"constitution": _moveable(r.constitution.source), "constitution (principles)": constitution.hash}
    return [
        Step(
            "prompts",
            (),
            {**_parts("prompts", r.prompts), **_parts("preferences", r.preferences), **_sources(r)},
            lambda f: prompts.run(f, r.prompts, r.preferences),
        ),
        Step(
            "respond",
            ("prompts",),
            {**common, **engine, **begin, **_parts("respond", r.respond)},
            lambda f: respond.run(f, r.respond, style, ask_start),
        ),
        Step(
            "revise",
            ("respond",),
            {
                **common,
                **engine,
                **begin,
                **principles,
                **_wording(CRITIQUE_REVISION),
                **_parts("revise", r.revise),
            },
            lambda f: revise.run(f, r.revise, style, constitution, ask_start),
        ),
        Step(
            "sl",
            ("prompts", "respond", "revise"),
            {**common, **begin, **_parts("sl", r.sl)},
            lambda f: sl.run(f, r.sl, style, start, kept_out),
            models=("sl",),
        ),
        Step(
            "pairs",
            ("prompts", "sl"),
            {**common, **engine, **_parts("pairs", r.pairs)},
            lambda f: pairs.run(f, r.pairs, style, ask_sl),
        ),
        Step(
            "label",
            ("pairs",),
            {**common, **engine, **judge, **principles, **_wording(*WORDING), **_parts("label", r.label)},
            lambda f: label.run(f, r.label, style, constitution, ask_judge),
        ),
        Step(
            "pm",
            ("prompts", "label"),
            {**common, **begin, **_parts("pm", r.pm)},
            lambda f: pm.run(f, r.pm, style, start, kept_out),
            models=("pm",),
        ),
        Step(
            "rl",
            ("prompts", "sl", "pm"),
            {**common, **_parts("rl", r.rl)},
            lambda f: rl.run(f, r.rl, style, kept_out),
            models=("rl",),
        ),
        Step(
            "evaluate",
            ("prompts", "label", "sl", "pm", "rl"),
            {**common, **engine, **begin, **_parts("evaluate", r.evaluate)},
            lambda f: evaluate.run(f, r.evaluate, style, {"start": ask_start, "sl": ask_sl, "rl": ask_rl}),
        ),
    ]


def all_parts(plan: Sequence[Step]) -> dict[str, Parts]:
    """Each stage's parts: its own, and the fingerprints of the stages it reads."""
    found: dict[str, Parts] = {}
    for step in plan:
        found[step.name] = {
            **step.own_parts,
            **{f"{UPSTREAM}{name}": fingerprint(found[name]) for name in step.needs},
        }
    return found


def stale(run: Run, parts: dict[str, Parts]) -> dict[str, list[str]]:
    """The stages with records from other parts than today's, each with a phrase for every part that changed."""
    states = {name: run.state(name) for name in parts if run.has_records(name)}
    changed = {name: changed_parts(state.parts, parts[name]) for name, state in states.items() if state}
    return {name: phrases for name, phrases in changed.items() if phrases}


def execute(
    recipe: Recipe,
    run: Run,
    progress: Progress,
    *,
    until: str | None = None,
    begin: str | None = None,
    redo: bool = False,
) -> bool:
    """Run the stages from `begin` until `until` (both included) that are not done; True if anything was run.

    Raises InputError, with nothing changed, where a stage was begun with other settings and `redo` is not given, or
    where a stage reads one that is neither done nor to be run. With `begin`, `redo` also redoes that stage when it is
    done and nothing has changed, and what hangs on it.
    """
    plan, chosen = steps(recipe, run), _between(begin, until)
    parts = all_parts(plan)
    outdated = stale(run, parts)
    if outdated and not redo:
        raise InputError(_refusal(run, outdated))
    forced = {begin} if redo and begin and _done(run, begin) else set()
    gone = _hanging(plan, {*outdated, *forced})
    kept = {name for name in STAGES if _done(run, name) and name not in gone}
    todo = [step for step in plan if step.name in chosen and step.name not in kept]
    _check_ready(plan, todo, {*chosen, *kept}, gone)
    if todo or gone:
        (run.path / "report.html").unlink(missing_ok=True)  # it is about another state of the run from here on
    _forget(run, plan, gone, chosen, progress)
    for name in kept:  # a kill right at a stage's end leaves its checkpoints
        shutil.rmtree(run.path / name / SCRATCH, ignore_errors=True)
    write_whole(run.path / "recipe.yaml", recipe_yaml(recipe).encode())
    for step in todo:
        _go(step, run, parts[step.name], recipe.seed, progress)
    return bool(todo)


def _go(step: Step, run: Run, parts: Parts, seed: int, progress: Progress) -> None:
    state = run.state(step.name)
    if state and state.parts != parts:  # it ended before its first record: nothing is lost
        run.remove(step.name, step.models)
    title = f"[{STAGES.index(step.name) + 1}/{len(STAGES)}] {step.name}"
    step.go(open_stage(run, step.name, parts, title, seed, LocalExecutor(), progress))
    release_memory()


def _done(run: Run, stage: str) -> bool:
    state = run.state(stage)
    return state is not None and state.done


def _between(begin: str | None, until: str | None) -> Sequence[str]:
    for name in (begin, until):
        if name is not None and name not in STAGES:
            raise InputError(f"stage '{name}': there is no such stage; {nearest(name, STAGES)}")
    first = STAGES.index(begin) if begin else 0
    last = STAGES.index(until) if until else len(STAGES) - 1
    if last < first:
        raise InputError(f"--from {begin} --until {until}: {begin} comes after {until}; swap them")
    return STAGES[first : last + 1]


def _check_ready(plan: Sequence[Step], todo: Sequence[Step], ready: set[str], gone: set[str]) -> None:
    """Raise InputError where a stage to be run reads one that is neither kept nor chosen; `ready` are those two."""
    needs = {step.name: step.needs for step in plan}
    for step in todo:
        for name in step.needs:
            if name not in ready:
                why = "is to be redone" if name in gone else "is not done"
                first = _first_missing(needs, name, ready)
                raise InputError(f"stage {step.name} reads {name}, which {why}; run without --from, or --from {first}")


def _first_missing(needs: dict[str, tuple[str, ...]], name: str, ready: set[str]) -> str:
    """The stage to begin with so that `name` can be run."""
    missing = [_first_missing(needs, below, ready) for below in needs[name] if below not in ready]
    return min([name, *missing], key=STAGES.index)


def _hanging(plan: Sequence[Step], outdated: set[str]) -> set[str]:
    """The outdated stages and all that hang on them."""
    gone = set(outdated)
    for step in plan:
        if gone & set(step.needs):
            gone.add(step.name)
    return gone


def _forget(run: Run, plan: Sequence[Step], gone: set[str], chosen: Sequence[str], progress: Progress) -> None:
    """Remove these stages, the last first, and say so."""
    there = [name for name in STAGES if name in gone and run.state(name)]
    for word, among in (("redoing", True), ("removed, for a later run to redo", False)):
        names = [name for name in there if (name in chosen) is among]
        if names:
            progress.say(f"  {word}: {', '.join(names)}")
    for step in reversed(plan):
        if step.name in gone:
            run.remove(step.name, step.models)


def _refusal(run: Run, found: dict[str, list[str]]) -> str:
    own = {name: [p for p in phrases if not p.startswith(HANGS_ON)] for name, phrases in found.items()}
    lines = [f"{run.path}: this run was made with other settings:"]
    lines += [f"  stage {name}: {'; '.join(phrases)}" for name, phrases in own.items() if phrases]
    after = [name for name, phrases in own.items() if not phrases]
    if after:
        lines.append(f"  and what hangs on them: {', '.join(after)}")
    lines.append("Add --redo to redo these stages, change the settings back, or choose another --run folder.")
    return "\n".join(lines)


def _parts(stage: str, settings: Settings) -> Parts:
    """A stage's settings by their dotted names; how often checkpoints are kept changes no record."""
    parts = flat(settings.model_dump(mode="json", exclude={"checkpoint_steps"}), stage)
    return {key: _moveable(value) for key, value in parts.items()}


def _model(key: str, name: str) -> Parts:
    return {key: _moveable(name), f"{key} (weights)": _readable(model_fingerprint, name)}


def _moveable(value: Any) -> Any:
    """An absolute path as its last name; anything else as it is."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _readable(fingerprint_of: Callable[[T], Any], given: T) -> Any:
    """The fingerprint of something given. Raises InputError where it cannot be read."""
    try:
        return fingerprint_of(given)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); correct the path") from None


def _sources(recipe: Recipe) -> Parts:
    named = {
        "prompts.red_team": recipe.prompts.red_team,
        "prompts.helpful": recipe.prompts.helpful,
        "prompts.safe_sounding": recipe.prompts.safe_sounding,
        "preferences.helpful": recipe.preferences.helpful,
    }
    return {
        f"{name}[{index}] (contents)": _readable(source_fingerprint, source)
        for name, sources in named.items()
        for index, source in enumerate(sources)
    }


def _wording(*files: str) -> dict[str, Any]:
    return {"wording": wording_hash(*files)}
