"""Constitutional AI, the whole method in order. Start reading here.

    constitution, prompts, a helpful-only model
      warm_up (small models only): learn to criticise and judge                  models/critic
      stage 1, SL-CAI    respond -> critique and revise -> finetune              models/sl
      stage 2, RL-CAI    sample pairs -> label -> preference model -> RL         models/pm, models/rl
      evidence           evaluate -> tournament (and report, which is a view of the run)

1. `Method` has the stages in their order. Each says what it reads (`needs`), everything its records depend on
   (`parts.py`), and the call that runs it.
2. `execute` walks them (`runs/walk.py`): what is done is passed over, what is partial goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from precepts.constitution import Constitution, load_constitution
from precepts.engines import Engine, engine_fingerprint, make_engine
from precepts.errors import InputError
from precepts.evals.graders.refusal import Refusal
from precepts.executors import open_executor
from precepts.feedback.lessons import VERDICTS
from precepts.feedback.lessons import VERSION as LESSONS
from precepts.feedback.topic import WORDING as TOPIC
from precepts.identity import content_hash, folder_fingerprint
from precepts.parts import (
    all_source_parts,
    feedback_parts,
    model_parts,
    moveable,
    principle_parts,
    readable,
    settings_parts,
    source_parts,
    wording_parts,
)
from precepts.prompts.demonstrations import CRITIQUE_REVISION
from precepts.recipe import Recipe, recipe_yaml
from precepts.runs.budget import Budget
from precepts.runs.fingerprint import Parts, flat
from precepts.runs.folder import Run, StageFolder
from precepts.runs.progress import Progress
from precepts.runs.walk import Step, walk
from precepts.stages import audit, evaluate, label, pairs, pm, prompts, respond, revise, rl, sl, tournament, warm_up
from precepts.stages.order import OPTIONAL, without
from precepts.stages.order import STAGES as STAGES


def left_out(recipe: Recipe) -> set[str]:
    """The stages that have no part in this recipe's method."""
    return without(recipe.preferences.harmless, [name for name in OPTIONAL if getattr(recipe, name) is None])


def steps(recipe: Recipe, run: Run) -> list[Step]:
    """The stages that the recipe has, in order. Raises InputError where it names a constitution, model or source that
    is not there."""
    method = Method(recipe, run)
    return [getattr(method, name)() for name in STAGES if name not in left_out(recipe)]


class Method:
    """The stages, a function each, in the order of `STAGES`; before them what several have in common: whom they ask,
    and the parts of their fingerprints."""

    def __init__(self, recipe: Recipe, run: Run) -> None:
        r = self.recipe = recipe.with_trackers()
        self.run, self.style, self.kept_out = run, r.format, r.prompts.held_out
        self.constitution = r.load_constitution()
        self.start, feedback = r.models.start, r.models.feedback or r.models.start
        self.ask_start = self.ask(self.start)
        self.ask_judge = partial(make_engine, r.feedback_engine or r.engine, feedback, name=moveable(feedback))
        if feedback == self.start and not r.feedback_engine:  # one model, loaded once
            self.ask_judge = self.ask_start
        self.critic = ("warm_up",) if r.warm_up and r.warm_up.critic else ()
        self.labeler = ("warm_up",) if r.warm_up and r.warm_up.labeler else ()
        self.ask_reviser = self.ask_own("critic") if self.critic else self.ask_start
        self.ask_labeler = self.ask_own("critic") if self.labeler else self.ask_judge
        self.common: Parts = {"seed": r.seed, "format": self.style}
        self.asking = self.common | flat(readable(engine_fingerprint, r.engine), "engine")
        self.begin = model_parts("models.start", self.start)
        self.judge = feedback_parts(r, feedback)
        self.principles = principle_parts(r, self.constitution)
        label = {**settings_parts("label", r.label, "calibrate"), **r.label.parts()}
        self.labelling = {**self.asking, **self.judge, **self.principles, **label}

    def ask(self, model: str) -> partial[Engine]:
        """Whoever makes an engine of a model, which records then know by its last name."""
        return partial(make_engine, self.recipe.engine, model, name=moveable(model))

    def ask_own(self, name: str) -> partial[Engine]:
        """The same of a model that this run trains."""
        return partial(make_engine, self.recipe.engine, str(self.run.model(name)), name=f"models/{name}")

    def prompts(self) -> Step:
        r = self.recipe
        read = {**settings_parts("prompts", r.prompts), **settings_parts("preferences", r.preferences, "harmless")}
        parts = {**read, **all_source_parts(r)}
        return Step("prompts", (), parts, lambda f: prompts.run(f, r.prompts, r.preferences))

    def warm_up(self) -> Step:
        r, settings = self.recipe, self.recipe.warm_up
        assert settings is not None
        direct, adapter = r.revise.direct_revision, settings.adapter_folder()
        others = {*type(r.respond).model_fields} - {*respond.SamplingSettings.model_fields}
        trained = {
            **self.asking,
            **self.principles,
            **settings_parts("warm_up", settings),
            **source_parts("warm_up.demonstrations", settings.demonstrations),
            "revise.direct_revision": direct,
            "label.labeler": r.label.labeler,
            **r.label.parts(),
            "warm_up.lessons (version)": content_hash([LESSONS, VERDICTS, Refusal.version]),
            **(settings_parts("respond", r.respond, *others) if settings.own_responses else {}),
        }
        given_head = {"warm_up.verdict_head": settings.verdict_head}
        laid = {"warm_up.adapter (contents)": readable(folder_fingerprint, adapter), **given_head} if adapter else {}

        def go(folder: StageFolder) -> None:
            given = (r.label, r.respond, self.style, self.constitution, self.start, self.ask_start, direct)
            warm_up.run(folder, settings, *given)

        return Step("warm_up", ("prompts",), {**self.begin, **(laid or trained)}, go, models=("critic",))

    def audit(self) -> Step:
        r = self.recipe
        on = {**settings_parts("audit", r.audit), **source_parts("audit.comparisons", r.audit.comparisons)}
        given = (r.audit, r.label, self.style, self.constitution, self.ask_labeler)
        return Step("audit", self.labeler, {**self.labelling, **on}, lambda f: audit.run(f, *given))

    def respond(self) -> Step:
        settings = self.recipe.respond
        parts = {**self.asking, **self.begin, **settings_parts("respond", settings)}
        return Step("respond", ("prompts",), parts, lambda f: respond.run(f, settings, self.style, self.ask_start))

    def revise(self) -> Step:
        settings = self.recipe.revise
        said = {**wording_parts(CRITIQUE_REVISION), **settings_parts("revise", settings)}
        verdicts = {"revise.verdicts": content_hash(VERDICTS)} if self.critic else {}
        parts = {**self.asking, **self.begin, **self.principles, **said, **verdicts}
        given = (settings, self.style, self.constitution, self.ask_reviser)
        return Step("revise", ("respond", *self.critic), parts, lambda f: revise.run(f, *given))

    def sl(self) -> Step:
        settings = self.recipe.sl
        asked = {} if settings.hygiene.off_topic is None else {**self.asking, **wording_parts(*TOPIC)}
        if settings.hygiene.fineness is not None:
            asked |= {**self.asking, "sl.verdicts": content_hash(VERDICTS)}
        parts = {**self.common, **self.begin, **settings_parts("sl", settings), **asked}
        principles = {each.id: each for each in self.constitution.revising}
        given = (settings, self.style, self.start, self.kept_out, self.ask_start, self.ask_reviser, principles)
        return Step("sl", ("prompts", "respond", "revise"), parts, lambda f: sl.run(f, *given), models=("sl",))

    def pairs(self) -> Step:
        settings = self.recipe.pairs
        needs = ("prompts", *(["sl"] if settings.take == "sampled" else []))
        parts = {**self.asking, **settings_parts("pairs", settings)}
        return Step("pairs", needs, parts, lambda f: pairs.run(f, settings, self.style, self.ask_own("sl")))

    def label(self) -> Step:
        settings = self.recipe.label
        needs = ("pairs", *self.labeler, *(["audit"] if settings.calibrate != "none" else []))
        parts = {**self.labelling, "label.calibrate": settings.calibrate}
        given = (settings, self.style, self.constitution, self.ask_labeler)
        return Step("label", needs, parts, lambda f: label.run(f, *given), after=("audit",))

    def pm(self) -> Step:
        settings, harmless = self.recipe.pm, self.recipe.preferences.harmless
        needs = ("prompts", *(["label"] if harmless == "ai" else []))
        parts = {**self.common, **self.begin, **settings_parts("pm", settings), "preferences.harmless": harmless}
        given = (settings, self.style, self.start, harmless, self.kept_out)
        return Step("pm", needs, parts, lambda f: pm.run(f, *given), models=("pm",))

    def rl(self) -> Step:
        settings = self.recipe.rl
        assert settings is not None
        parts = {**self.common, **settings_parts("rl", settings)}
        given = (settings, self.style, self.kept_out)
        models = ("rl", rl.SNAPSHOTS)
        return Step("rl", ("prompts", "sl", "pm"), parts, lambda f: rl.run(f, *given), models=models)

    def evaluate(self) -> Step:
        settings = self.recipe.evaluate
        graded = {**settings.parts(), **(self.judge if "harm" in settings.graders else {})}
        parts = {**self.asking, **self.begin, **graded, **settings_parts("evaluate", settings, "models")}
        for name, model in settings.models.items():
            parts |= model_parts(f"evaluate.models.{name}", model)
        needs = ("prompts", "sl", "pm", *(["rl"] if self.recipe.rl else []))

        def go(folder: StageFolder) -> None:
            evaluate.run(folder, settings, self.style, self._answering(folder.run), self.ask_judge)

        return Step("evaluate", needs, parts, go)

    def _answering(self, run: Run) -> dict[str, partial[Engine]]:
        """Whom stage `evaluate` asks: the method's own models, RL's snapshots, those that the recipe names."""
        own = ("sl", *(["rl"] if self.recipe.rl else []), *rl.snapshots(run))
        named = {name: self.ask(model) for name, model in self.recipe.evaluate.models.items()}
        return {"start": self.ask_start, **{name: self.ask_own(name) for name in own}, **named}

    def tournament(self) -> Step:
        """The judge is `models.judge` where the recipe names one, else who labels. It is tried on the audit's
        comparisons unless stage audit has done that."""
        r, settings = self.recipe, self.recipe.tournament
        assert settings is not None
        judge = r.models.judge or r.models.feedback or r.models.start
        judging, own = settings.judge or r.label, r.models.judge is not None
        audited = not own and settings.judge in (None, r.label) and r.preferences.harmless == "ai"
        by_aim = _constitutions(settings, self.constitution)
        sources = None if audited else r.audit.comparisons
        parts = {
            **self.asking,
            **model_parts("models.judge" if own else "models.feedback", judge),
            **settings_parts("tournament", settings, "judge"),
            **settings_parts("tournament.judge", judging, "calibrate"),
            **{f"tournament.judge.{key}": value for key, value in judging.parts().items()},
            **{f"tournament ({aim} principles)": each.hash for aim, each in by_aim.items()},
            **{f"tournament ({aim} demonstrations)": each.demonstrations.hash for aim, each in by_aim.items()},
            **(source_parts("audit.comparisons", sources) if sources else {"audited": True}),
        }
        ask: Callable[[], Engine] = self.ask(judge) if own else self.ask_labeler
        given = (settings, judging, self.style, by_aim, ask, sources)
        needs = ("evaluate", *(() if own else self.labeler))
        return Step("tournament", needs, parts, lambda f: tournament.run(f, *given))


def _constitutions(settings: tournament.TournamentSettings, harmless: Constitution) -> dict[str, Constitution]:
    """Whose principles the judge is shown, by aim. Raises InputError where there are none to judge by."""
    found = {aim: harmless if aim == "harmless" else load_constitution(settings.helpful) for aim in settings.aims}
    for aim, each in found.items():
        if not each.judging:
            mend = f"add one, or leave {aim} out of tournament.aims"
            raise InputError(f"constitution '{each.name}': no principle has a comparison_request; {mend}")
    return {str(aim): each for aim, each in found.items()}


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
    recipe.check_trainings()
    plan, text = steps(recipe, run), recipe_yaml(recipe)
    chosen: dict[str, Any] = {"until": until, "begin": begin, "redo": redo, "siblings": siblings}
    chosen["budget"] = Budget(recipe.budget, recipe.prices)
    with open_executor(recipe.executor) as executor:
        return walk(plan, text, recipe.seed, run, executor, progress, **chosen)
