"""Walk a plan of stages: pass over what is done, go on with what is partial, refuse or redo what has changed.

1. A plan is a list of `Step`s in order; a step names the stages it reads and everything its records depend on.
2. A stage that is done with the same parts is passed over, a partial one goes on, a changed one is refused unless
   `redo`, which redoes it and what hangs on it.
3. All is checked before anything is changed (`check`), and whatever a kill leaves is mended by the same call.
4. A stage that a sibling run has done with the same parts is adopted from there (sharing.py).
5. Nothing begins that the budget does not allow (budget.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from precepts.errors import InputError, nearest
from precepts.runs.budget import Budget, Cost, Meter
from precepts.runs.fingerprint import HANGS_ON, UPSTREAM, Parts, changed_parts, fingerprint
from precepts.runs.folder import SCRATCH, Run, StageFolder, open_stage
from precepts.runs.memory import release_memory
from precepts.runs.progress import Progress
from precepts.runs.shards import write_whole
from precepts.runs.sharing import adopt
from precepts.runs.work import Executor


@dataclass(frozen=True)
class Step:
    """A stage in its place: what it reads, what its records depend on, the models it writes (names or
    patterns), and the call. `after`: stages that are to be run before it although it reads nothing of theirs."""

    name: str
    needs: tuple[str, ...]
    own_parts: Parts
    go: Callable[[StageFolder], None]
    models: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class Work:
    """What a walk will do: the stages asked for, those done that stay, those to be forgotten, those to be run."""

    chosen: Sequence[str]
    kept: set[str]
    gone: set[str]
    todo: list[Step]

    def __bool__(self) -> bool:
        return bool(self.todo or self.gone)


def check(
    plan: Sequence[Step], run: Run, *, until: str | None = None, begin: str | None = None, redo: bool = False
) -> Work:
    """What `walk` would do. Raises InputError as `walk` does; changes nothing."""
    names = [step.name for step in plan]
    chosen = _led_to(plan, _between(names, begin, until), until)
    outdated = stale(run, all_parts(plan))
    if outdated and not redo:
        raise InputError(_refusal(run, outdated))
    forced = {begin} if redo and begin and _done(run, begin) else set()
    gone = _hanging(plan, {*outdated, *forced})
    kept = {name for name in names if _done(run, name) and name not in gone}
    todo = [step for step in plan if step.name in chosen and step.name not in kept]
    _check_ready(plan, todo, {*chosen, *kept}, gone)
    return Work(chosen, kept, gone, todo)


def walk(
    plan: Sequence[Step],
    recipe: str,
    seed: int,
    run: Run,
    executor: Executor,
    progress: Progress,
    *,
    until: str | None = None,
    begin: str | None = None,
    redo: bool = False,
    siblings: Sequence[Run] = (),
    budget: Budget | None = None,
) -> bool:
    """Run the stages from `begin` until `until` (both included) that are not done; True if anything was run. With
    `until`, those it does not hang on are left out.

    `recipe` is the text that the run keeps; a stage is adopted from one of the `siblings` where it can be. Raises
    InputError, with nothing changed, where a stage was begun with other settings and `redo` is not given, or where a
    stage reads one that is neither done nor to be run. With `begin`, `redo` also redoes that stage when it is done and
    nothing has changed, and what hangs on it. Raises RunError, with what is finished kept, before more than `budget`
    is spent.
    """
    work, parts = check(plan, run, until=until, begin=begin, redo=redo), all_parts(plan)
    if work:
        (run.path / "report.html").unlink(missing_ok=True)  # it is about another state of the run from here on
    _forget(run, plan, work.gone, work.chosen, progress)
    for name in work.kept:  # a kill right at a stage's end leaves its checkpoints
        shutil.rmtree(run.path / name / SCRATCH, ignore_errors=True)
    write_whole(run.path / "recipe.yaml", recipe.encode())
    for step in work.todo:
        title = f"[{_place(plan, step)}/{len(plan)}] {step.name}"
        _begin_anew_if_empty(step, run, parts[step.name])
        if origin := adopt(run, siblings, step.name, parts[step.name], step.models):
            progress.say(f"  {title}  as in {origin}, shared")
            continue
        meter = Meter(budget, spent(plan, run), trains=bool(step.models)) if budget else None
        if budget and meter:
            budget.refuse(meter.spent, Cost())
        step.go(open_stage(run, step.name, parts[step.name], title, seed, executor, progress, meter))
        release_memory()
    return bool(work.todo)


def spent(plan: Sequence[Step], run: Run) -> Cost:
    """What the run has spent itself so far, in all stages."""
    costs = (Cost.of(*run.spent(step.name), trains=bool(step.models)) for step in plan)
    return sum(costs, Cost())


def _place(plan: Sequence[Step], step: Step) -> int:
    return [each.name for each in plan].index(step.name) + 1


def _begin_anew_if_empty(step: Step, run: Run, parts: Parts) -> None:
    """Forget a stage that ended, with other parts, before its first record: nothing is lost. So also what a removal or
    an adoption that was cut short has left."""
    state = run.state(step.name)
    if state is None or state.parts != parts:
        run.remove(step.name, step.models)


def _done(run: Run, stage: str) -> bool:
    state = run.state(stage)
    return state is not None and state.done


def _between(names: Sequence[str], begin: str | None, until: str | None) -> Sequence[str]:
    for name in (begin, until):
        if name is not None and name not in names:
            raise InputError(f"stage '{name}': there is no such stage; {nearest(name, names)}")
    first = names.index(begin) if begin else 0
    last = names.index(until) if until else len(names) - 1
    if last < first:
        raise InputError(f"--from {begin} --until {until}: {begin} comes after {until}; swap them")
    return names[first : last + 1]


def _led_to(plan: Sequence[Step], names: Sequence[str], until: str | None) -> Sequence[str]:
    """Those of `names` that lead to the stage `until`; all of them where it is None."""
    if until is None:
        return names
    wanted = {until}
    for step in reversed(plan):
        if step.name in wanted:
            wanted |= {*step.needs, *step.after}
    return [name for name in names if name in wanted]


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
    return min([name, *missing], key=list(needs).index)


def _hanging(plan: Sequence[Step], outdated: set[str]) -> set[str]:
    """The outdated stages and all that hang on them."""
    gone = set(outdated)
    for step in plan:
        if gone & set(step.needs):
            gone.add(step.name)
    return gone


def _forget(run: Run, plan: Sequence[Step], gone: set[str], chosen: Sequence[str], progress: Progress) -> None:
    """Remove these stages, the last first, and say so."""
    there = [step.name for step in plan if step.name in gone and run.state(step.name)]
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
