"""Constitutional AI, the whole method in order. Start reading here.

    constitution, prompts, a helpful-only model
      warm_up (small models only): learn to criticise and judge                  models/critic
      stage 1, SL-CAI    respond -> critique and revise -> finetune              models/sl
      stage 2, RL-CAI    sample pairs -> label -> preference model -> RL         models/pm, models/rl
      evidence           evaluate -> tournament (and report, which is a view of the run)

1. `steps` is the method: each stage, what it reads (`needs`), everything its records depend on (`parts`), and the
   call that runs it.
2. `execute` walks them (`runs/walk.py`): what is done is passed over, what is partial goes on.
3. Parts name files and folders by their last name and their contents, never by where they lie: a run whose inputs
   have moved is the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from precepts.constitution import Constitution, load_constitution
from precepts.engines import Engine, engine_fingerprint, make_engine, model_fingerprint
from precepts.errors import InputError
from precepts.executors import open_executor
from precepts.identity import folder_fingerprint
from precepts.prompts.demonstrations import CRITIQUE_REVISION
from precepts.prompts.render import wording_hash
from precepts.recipe import Recipe, recipe_yaml
from precepts.runs.budget import Budget
from precepts.runs.folder import Parts, Run, StageFolder, flat
from precepts.runs.progress import Progress
from precepts.runs.walk import Step, walk
from precepts.settings import Settings
from precepts.sources.read import SourceSettings, source_fingerprint
from precepts.stages import audit, evaluate, label, pairs, pm, prompts, respond, revise, rl, sl, tournament, warm_up
from precepts.stages.order import OPTIONAL, without
from precepts.stages.order import STAGES as STAGES

T = TypeVar("T")


def left_out(recipe: Recipe) -> set[str]:
    """The stages that have no part in this recipe's method."""
    return without(recipe.preferences.harmless, [name for name in OPTIONAL if getattr(recipe, name) is None])


def steps(recipe: Recipe, run: Run) -> list[Step]:
    """The whole method. Raises InputError where the recipe names a constitution, model or source that is not there."""
    r, style, kept_out = recipe.with_trackers(), recipe.format, recipe.prompts.held_out
    constitution = r.load_constitution()
    named, start, feedback = r.evaluate.models, r.models.start, r.models.feedback or r.models.start
    ask = partial(partial, make_engine, r.engine)
    ask_start = ask(start, name=_moveable(start))
    ask_judge = partial(make_engine, r.feedback_engine or r.engine, feedback, name=_moveable(feedback))
    if feedback == start and not r.feedback_engine:  # one model, loaded once
        ask_judge = ask_start
    ask_critic, ask_sl, ask_rl = (ask(str(run.model(name)), name=f"models/{name}") for name in ("critic", "sl", "rl"))
    common = {"seed": r.seed, "format": style}
    engine = flat(_readable(engine_fingerprint, r.engine), "engine")
    begin = _model("models.start", start)
    judge = _feedback(r, feedback)
    principles = _principles(r, constitution)
    labelling = {**common, **engine, **judge, **principles, **_parts("label", r.label, "calibrate"), **r.label.parts()}
    graded = {**r.evaluate.parts(), **(judge if "harm" in r.evaluate.graders else {})}
    by_ai = r.preferences.harmless == "ai"
    critic = ("warm_up",) if r.warm_up and r.warm_up.critic else ()
    labeler = ("warm_up",) if r.warm_up and r.warm_up.labeler else ()
    ask_reviser, ask_labeler = ask_critic if critic else ask_start, ask_critic if labeler else ask_judge
    further = {key: part for n, model in named.items() for key, part in _model(f"evaluate.models.{n}", model).items()}

    def answering(folder: StageFolder) -> dict[str, partial[Engine]]:
        """Whom stage `evaluate` asks: the method's own models, RL's snapshots, those that the recipe names."""
        own = {"start": ask_start, "sl": ask_sl} | ({"rl": ask_rl} if r.rl else {})
        kept = {name: ask(str(run.model(name)), name=f"models/{name}") for name in rl.snapshots(folder.run)}
        return own | kept | {name: ask(model, name=_moveable(model)) for name, model in named.items()}

    plan = [
        Step(
            "prompts",
            (),
            {**_parts("prompts", r.prompts), **_parts("preferences", r.preferences, "harmless"), **_sources(r)},
            lambda f: prompts.run(f, r.prompts, r.preferences),
        ),
        *(
            [_warm_up(r, r.warm_up, constitution, begin, {**common, **engine, **principles}, ask_start)]
            if r.warm_up
            else []
        ),
        Step(
            "audit",
            labeler,
            {**labelling, **_parts("audit", r.audit), **_sources_of("audit.comparisons", r.audit.comparisons)},
            lambda f: audit.run(f, r.audit, r.label, style, constitution, ask_labeler),
        ),
        Step(
            "respond",
            ("prompts",),
            {**common, **engine, **begin, **_parts("respond", r.respond)},
            lambda f: respond.run(f, r.respond, style, ask_start),
        ),
        Step(
            "revise",
            ("respond", *critic),
            {
                **common,
                **engine,
                **begin,
                **principles,
                **_wording(CRITIQUE_REVISION),
                **_parts("revise", r.revise),
            },
            lambda f: revise.run(f, r.revise, style, constitution, ask_reviser),
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
            ("prompts", *(["sl"] if r.pairs.take == "sampled" else [])),
            {**common, **engine, **_parts("pairs", r.pairs)},
            lambda f: pairs.run(f, r.pairs, style, ask_sl),
        ),
        Step(
            "label",
            ("pairs", *labeler, *(["audit"] if r.label.calibrate != "none" else [])),
            {**labelling, "label.calibrate": r.label.calibrate},
            lambda f: label.run(f, r.label, style, constitution, ask_labeler),
            after=("audit",),
        ),
        Step(
            "pm",
            ("prompts", *(["label"] if by_ai else [])),
            {**common, **begin, **_parts("pm", r.pm), "preferences.harmless": r.preferences.harmless},
            lambda f: pm.run(f, r.pm, style, start, r.preferences.harmless, kept_out),
            models=("pm",),
        ),
        *([_rl(r, r.rl, common)] if r.rl else []),
        Step(
            "evaluate",
            ("prompts", "sl", "pm", *(["rl"] if r.rl else [])),
            {**common, **engine, **begin, **graded, **_parts("evaluate", r.evaluate, "models"), **further},
            lambda f: evaluate.run(f, r.evaluate, style, answering(f), ask_judge),
        ),
        *(
            [_tournament(r, r.tournament, constitution, {**common, **engine}, labeler, ask_labeler)]
            if r.tournament
            else []
        ),
    ]
    return [step for step in plan if step.name not in left_out(r)]


def _warm_up(
    r: Recipe,
    settings: warm_up.WarmUpSettings,
    constitution: Constitution,
    begin: Parts,
    common: Parts,
    ask_start: Callable[[], Engine],
) -> Step:
    direct, adapter = r.revise.direct_revision, settings.adapter_folder()
    trained = {
        **common,
        **_parts("warm_up", settings),
        **_sources_of("warm_up.demonstrations", settings.demonstrations),
        "revise.direct_revision": direct,
        "label.labeler": r.label.labeler,
        **r.label.parts(),
        **(_parts("respond", r.respond, "helpful_samples") if settings.own_responses else {}),
    }
    laid = {"warm_up.adapter (contents)": _readable(folder_fingerprint, adapter)} if adapter else {}

    def go(folder: StageFolder) -> None:
        model = r.models.start
        warm_up.run(folder, settings, r.label, r.respond, r.format, constitution, model, ask_start, direct)

    return Step("warm_up", ("prompts",), {**begin, **(laid or trained)}, go, models=("critic",))


def _rl(r: Recipe, settings: rl.RLSettings, common: Parts) -> Step:
    def go(folder: StageFolder) -> None:
        rl.run(folder, settings, r.format, r.prompts.held_out)

    parts = {**common, **_parts("rl", settings)}
    return Step("rl", ("prompts", "sl", "pm"), parts, go, models=("rl", rl.SNAPSHOTS))


def _tournament(
    r: Recipe,
    settings: tournament.TournamentSettings,
    constitution: Constitution,
    common: Parts,
    labeler: tuple[str, ...],
    ask_labeler: Callable[[], Engine],
) -> Step:
    """The judge is `models.judge` where the recipe names one, else who labels. It is tried on the audit's comparisons
    unless stage audit has done that."""
    judge = r.models.judge or r.models.feedback or r.models.start
    judging, own = settings.judge or r.label, r.models.judge is not None
    audited = not own and settings.judge in (None, r.label) and r.preferences.harmless == "ai"
    helpful = load_constitution(settings.helpful) if "helpful" in settings.aims else constitution
    by_aim: dict[str, Constitution] = {
        aim: {"harmless": constitution, "helpful": helpful}[aim] for aim in settings.aims
    }
    for aim, each in by_aim.items():
        if not each.judging:
            mend = f"add one, or leave {aim} out of tournament.aims"
            raise InputError(f"constitution '{each.name}': no principle has a comparison_request; {mend}")
    sources = None if audited else r.audit.comparisons
    parts = {
        **common,
        **_model("models.judge" if own else "models.feedback", judge),
        **_parts("tournament", settings, "judge"),
        **_parts("tournament.judge", judging, "calibrate"),
        **{f"tournament.judge.{key}": value for key, value in judging.parts().items()},
        **{f"tournament ({aim} principles)": each.hash for aim, each in by_aim.items()},
        **{f"tournament ({aim} demonstrations)": each.demonstrations.hash for aim, each in by_aim.items()},
        **(_sources_of("audit.comparisons", sources) if sources else {"audited": True}),
    }
    ask = partial(make_engine, r.engine, judge, _moveable(judge)) if own else ask_labeler

    def go(folder: StageFolder) -> None:
        tournament.run(folder, settings, judging, r.format, by_aim, ask, sources)

    return Step("tournament", ("evaluate", *(() if own else labeler)), parts, go)


def execute(
    recipe: Recipe,
    run: Run,
    progress: Progress,
    *,
    until: str | None = None,
    begin: str | None = None,
    redo: bool = False,
    siblings: Sequence[Run] = (),
) -> bool:
    """Run the method, or the part of it from `begin` until `until`; True if anything was run. Raises as `walk` does,
    and InputError where a tracker is not installed."""
    recipe.check_trackers()
    plan, text = steps(recipe, run), recipe_yaml(recipe)
    chosen: dict[str, Any] = {"until": until, "begin": begin, "redo": redo, "siblings": siblings}
    chosen["budget"] = Budget(recipe.budget, recipe.prices)
    with open_executor(recipe.executor) as executor:
        return walk(plan, text, recipe.seed, run, executor, progress, **chosen)


def _parts(stage: str, settings: Settings, *but: str) -> Parts:
    """A stage's settings by their dotted names, `but` those named; how often checkpoints are kept and who is told of a
    training change no record."""
    parts = flat(settings.model_dump(mode="json", exclude={"checkpoint_steps", "report_to", *but}), stage)
    return {key: _moveable(value) for key, value in parts.items()}


def _principles(recipe: Recipe, constitution: Constitution) -> Parts:
    """What depends on the constitution. Raises InputError where a stage would have nothing to draw from it."""
    wanted = {"critique_request and revision_request, for stage revise": constitution.revising}
    if recipe.preferences.harmless == "ai":
        wanted["comparison_request, for the stages audit and label"] = constitution.judging
    for what, found in wanted.items():
        if not found:
            raise InputError(f"constitution '{constitution.name}': no principle has a {what}; add one that has")
    parts = {"constitution": _moveable(recipe.constitution.source), "constitution (principles)": constitution.hash}
    shown = constitution.demonstrations.hash
    return parts | ({"constitution (demonstrations)": shown} if shown else {})


def _model(key: str, name: str) -> Parts:
    return {key: _moveable(name), f"{key} (weights)": _readable(model_fingerprint, name)}


def _feedback(r: Recipe, name: str) -> Parts:
    """The feedback model and the engine of its own, where it has one. A server's weights cannot be seen from here."""
    own = flat(_readable(engine_fingerprint, r.feedback_engine), "feedback_engine") if r.feedback_engine else {}
    if (r.feedback_engine or r.engine).kind == "openai":
        return own | {"models.feedback": _moveable(name)}
    return own | _model("models.feedback", name)


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
        "preferences.harmless_comparisons": recipe.preferences.harmless_comparisons,
    }
    return {key: value for name, sources in named.items() for key, value in _sources_of(name, sources).items()}


def _sources_of(name: str, sources: Sequence[SourceSettings]) -> Parts:
    return {
        f"{name}[{index}] (contents)": _readable(source_fingerprint, source) for index, source in enumerate(sources)
    }


def _wording(*files: str) -> dict[str, Any]:
    return {"wording": wording_hash(*files)}
