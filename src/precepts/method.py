"""Constitutional AI, the whole method in order. Start reading here.

    constitution, prompts, a helpful-only model
      stage 1, SL-CAI    respond -> critique and revise -> finetune              models/sl
      stage 2, RL-CAI    sample pairs -> label -> preference model -> RL         models/pm, models/rl
      evidence           evaluate (and report, which is a view of the run)

1. `steps` is the method: each stage, what it reads (`needs`), everything its records depend on (`parts`), and the
   call that runs it.
2. `execute` walks them: a stage that is done with the same parts is passed over, a partial one goes on, a changed
   one is refused unless `redo`, which redoes it and what hangs on it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from precepts.engines import engine_fingerprint, make_engine, model_fingerprint
from precepts.errors import InputError, nearest
from precepts.executors.local import LocalExecutor
from precepts.feedback.multiple_choice import WORDING
from precepts.prompts.demonstrations import CRITIQUE_REVISION
from precepts.prompts.render import wording_hash
from precepts.recipe import Recipe, recipe_yaml
from precepts.runs.folder import (
    HANGS_ON,
    UPSTREAM,
    Parts,
    Run,
    StageFolder,
    changed_parts,
    fingerprint,
    flat,
    open_stage,
)
from precepts.runs.progress import Progress
from precepts.runs.shards import write_whole
from precepts.settings import Settings
from precepts.sources.read import source_fingerprint
from precepts.stages import evaluate, label, pairs, pm, prompts, respond, revise, rl, sl

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
    ask_start, ask_judge = ask(start), ask(feedback)
    ask_sl, ask_rl = (ask(str(run.model(name)), name=f"models/{name}") for name in ("sl", "rl"))
    common = {"seed": r.seed, "format": style}
    engine = flat(engine_fingerprint(r.engine), "engine")
    begin = {"models.start": start, "models.start (weights)": model_fingerprint(start)}
    judge = {"models.feedback": feedback, "models.feedback (weights)": model_fingerprint(feedback)}
    principles = {"constitution": r.constitution.source, "constitution (principles)": constitution.hash}
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

    Raises InputError where a stage was begun with other settings and `redo` is not given. With `begin`, `redo`
    also redoes that stage and what hangs on it when nothing has changed.
    """
    plan = steps(recipe, run)
    chosen = _between(begin, until)
    parts = all_parts(plan)
    outdated = set(stale(run, parts))
    if redo:
        outdated |= {begin} if begin else set()
        _forget(run, plan, outdated)
    elif outdated:
        raise InputError(_refusal(run, parts))
    write_whole(run.path / "recipe.yaml", recipe_yaml(recipe).encode())
    anything = False
    for number, step in enumerate(plan, start=1):
        state = run.state(step.name)
        if step.name not in chosen or (state and state.done):
            continue
        _check_ready(run, step)
        if state and state.parts != parts[step.name]:  # it ended before its first record: nothing is lost
            run.remove(step.name, step.models)
        title = f"[{number}/{len(plan)}] {step.name}"
        step.go(open_stage(run, step.name, parts[step.name], title, recipe.seed, LocalExecutor(), progress))
        gc.collect()  # trainers hold their models in reference cycles
        anything = True
    return anything


def _between(begin: str | None, until: str | None) -> Sequence[str]:
    for name in (begin, until):
        if name is not None and name not in STAGES:
            raise InputError(f"stage '{name}': there is no such stage; {nearest(name, STAGES)}")
    first = STAGES.index(begin) if begin else 0
    last = STAGES.index(until) if until else len(STAGES) - 1
    if last < first:
        raise InputError(f"--from {begin} --until {until}: {begin} comes after {until}; swap them")
    return STAGES[first : last + 1]


def _check_ready(run: Run, step: Step) -> None:
    for name in step.needs:
        state = run.state(name)
        if state is None or not state.done:
            raise InputError(f"stage {step.name} reads {name}, which is not done; run without --from, or --from {name}")


def _forget(run: Run, plan: Sequence[Step], outdated: set[str]) -> None:
    """Remove the outdated stages and all that hang on them, the last first."""
    gone = set(outdated)
    for step in plan:
        if gone & set(step.needs):
            gone.add(step.name)
    for step in reversed(plan):
        if step.name in gone:
            run.remove(step.name, step.models)


def _refusal(run: Run, parts: dict[str, Parts]) -> str:
    found = stale(run, parts)
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
    return flat(settings.model_dump(mode="json", exclude={"checkpoint_steps"}), stage)


def _sources(recipe: Recipe) -> Parts:
    named = {
        "prompts.red_team": recipe.prompts.red_team,
        "prompts.helpful": recipe.prompts.helpful,
        "prompts.safe_sounding": recipe.prompts.safe_sounding,
        "preferences.helpful": recipe.preferences.helpful,
    }
    return {
        f"{name}[{index}] (contents)": source_fingerprint(source)
        for name, sources in named.items()
        for index, source in enumerate(sources)
    }


def _wording(*files: str) -> dict[str, Any]:
    return {"wording": wording_hash(*files)}
