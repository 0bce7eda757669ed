"""The recipe: one strict YAML file for the whole method.

1. It gathers the stages' settings under the stages' names; an unknown key is an error with the nearest right name.
2. A recipe is a built-in's name or a file. A path inside a file is relative to that file; one given by `--set` is
   relative to the working directory. The run keeps the resolved recipe, every default filled in.
3. The defaults are the paper's where the paper gives one (rounds, samples, soft labels, clip); what is modest in
   `demo` says so in its file.
4. `arms` names variants of a recipe that are run side by side, each with what is changed for it: nested keys are laid
   over the recipe's own, a dotted key (`pm.epochs`) sets its value as `--set` does. A loaded recipe holds each arm's
   changes as dotted keys, the fewest that make it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from precepts.constitution import Constitution, builtin_constitutions, load_constitution, sample_constitution
from precepts.engines import EngineSettings
from precepts.engines.models import EMBEDDED, layer_count
from precepts.errors import InputError, nearest
from precepts.executors import ExecutorSettings
from precepts.overlay import changed, differences, laid_over
from precepts.prompts.formats import Format
from precepts.runs.budget import BudgetSettings, PriceSettings
from precepts.settings import Document, Settings, is_there, override, parse, parse_yaml, read_yaml, to_yaml
from precepts.sources.read import BUILTIN, HUB
from precepts.stages.audit import AuditSettings
from precepts.stages.evaluate import EvaluateSettings
from precepts.stages.label import LabelSettings
from precepts.stages.pairs import PairSettings
from precepts.stages.pm import PMSettings
from precepts.stages.prompts import PreferenceSettings, PromptSettings
from precepts.stages.respond import RespondSettings
from precepts.stages.revise import ReviseSettings
from precepts.stages.rl import RLSettings
from precepts.stages.sl import SLSettings
from precepts.stages.tournament import TournamentSettings
from precepts.stages.warm_up import WarmUpSettings
from precepts.training.settings import OptimSettings, Tracker, require_trackers

_PATH_KEYS = {"source", "start", "feedback", "judge", "script", "constitution", "red_team", "helpful", "safe_sounding"}
_PATH_KEYS |= {"harmless_comparisons", "comparisons", "demonstrations", "adapter", "accelerate_config"}
_SHORT = {"constitution": "source", "executor": "kind"}  # what a text alone stands for
_ARM = re.compile(r"[a-z0-9][a-z0-9_.=+,-]*")
_LONGEST = 120  # characters of an arm's name, which is a folder's
_FILES = {".yaml", ".yml", ".jsonl", ".json", ".csv", ".parquet", ".txt", ".prompt"}


class ConstitutionSettings(Settings):
    """Which constitution (a built-in's name or a file), and how many of its principles a run keeps (null: all)."""

    source: str = "default"
    sample: int | None = Field(default=None, ge=1)


class ModelSettings(Settings):
    """The helpful-only model that everything starts from, the feedback model (null: the start model), and the judge of
    the tournament (null: the feedback model, which then judges what was trained on its labels)."""

    start: str = "smollm2-135m"
    feedback: str | None = None
    judge: str | None = None


class Recipe(Settings):
    """The whole method's settings. `feedback_engine` runs the feedback model (null: `engine` does). `arms` are variants
    to be run side by side: what each changes, by dotted names. Stages that are null are left out (`rl: null` ends with
    SL-CAI). `report_to` are trackers that every training tells."""

    description: str = ""
    seed: int = Field(default=0, ge=0)
    format: Format = "chat"
    constitution: ConstitutionSettings = ConstitutionSettings()
    prompts: PromptSettings = PromptSettings()
    preferences: PreferenceSettings = PreferenceSettings()
    models: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    feedback_engine: EngineSettings | None = None
    executor: ExecutorSettings = ExecutorSettings()
    prices: PriceSettings | None = None
    budget: BudgetSettings = BudgetSettings()
    report_to: list[Tracker] = []
    warm_up: WarmUpSettings | None = None
    audit: AuditSettings = AuditSettings()
    respond: RespondSettings = RespondSettings()
    revise: ReviseSettings = ReviseSettings()
    sl: SLSettings = SLSettings()
    pairs: PairSettings = PairSettings()
    label: LabelSettings = LabelSettings()
    pm: PMSettings = PMSettings()
    rl: RLSettings | None = RLSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    tournament: TournamentSettings | None = TournamentSettings()
    arms: dict[str, dict[str, Any]] = {}

    @field_validator(*_SHORT, mode="before")
    @classmethod
    def _short_form(cls, value: Any, info: ValidationInfo) -> Any:
        """`constitution: default` stands for `constitution: {source: default}`, `executor: ray` for `{kind: ray}`."""
        return {_SHORT[info.field_name or ""]: value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        if self.warm_up and self.warm_up.labeler and self.models.feedback is not None:
            raise ValueError(
                "warm_up.labeler teaches the start model to judge, and models.feedback names another judge; "
                "set warm_up.labeler: false, or leave models.feedback out"
            )
        return self

    @model_validator(mode="after")
    def _has_a_critic(self) -> Self:
        if self.sl.hygiene.fineness is not None and not (self.warm_up and self.warm_up.critic):
            raise ValueError("sl.hygiene.fineness asks a critic that a warm-up made; add warm_up, or leave it out")
        return self

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.budget.money is not None and self.prices is None:
            raise ValueError("budget.money needs prices (tokens_in, tokens_out, hour); give them, or bound the tokens")
        return self

    @field_validator("arms", mode="before")
    @classmethod
    def _unchanged(cls, value: Any) -> Any:
        """`arms: {plain: }` stands for `arms: {plain: {}}`."""
        return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("arms")
    @classmethod
    def _named(cls, arms: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, changes in arms.items():
            if wrong := _misnamed(name):
                raise ValueError(wrong)
            if any(key.partition(".")[0] == "arms" for key in changes):
                raise ValueError(f"the arm '{name}' has arms of its own; give each arm beside the others")
        return arms

    def with_trackers(self) -> Recipe:
        """This recipe with `report_to` given to each training that names no trackers itself."""
        silent = {name: each for name, each in self._trainings().items() if each.report_to is None}
        told = {name: each.model_copy(update={"report_to": self.report_to}) for name, each in silent.items()}
        return self.model_copy(update=told)

    def check_trainings(self) -> None:
        """Raise InputError where a training reports to what is not installed, or adapts more layers than there are."""
        for name, each in self.with_trackers()._trainings().items():
            require_trackers(each.report_to or [])
            asked = each.lora.layers if each.lora else None
            count = layer_count(self.models.start) if asked else None
            if asked and count and asked > count:
                mend = "lower it, or leave it out"
                raise InputError(f"{name}.lora.layers: {asked} layers of a model that has {count}; {mend}")

    def _trainings(self) -> dict[str, OptimSettings]:
        found = {"warm_up": self.warm_up, "sl": self.sl, "pm": self.pm, "rl": self.rl}
        return {name: settings for name, settings in found.items() if settings is not None}

    def load_constitution(self) -> Constitution:
        """The constitution this recipe works with. Raises InputError where it cannot be read."""
        whole = load_constitution(self.constitution.source)
        return sample_constitution(whole, self.constitution.sample, self.seed)


def builtin_recipes() -> list[str]:
    """The names of the recipes that ship with Precepts."""
    folder = resources.files("precepts") / "recipes"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """The YAML text of a built-in recipe. Raises InputError for an unknown name."""
    if name not in builtin_recipes():
        raise InputError(f"recipe '{name}': no built-in recipe has this name; {nearest(name, builtin_recipes())}")
    return (resources.files("precepts") / "recipes" / f"{name}.yaml").read_text("utf-8")


def load_recipe(source: str, assignments: Sequence[str] = ()) -> Recipe:
    """Read the recipe named or filed at `source`, with `--set` assignments. Raises InputError with place and mend."""
    path = Path(source)
    if source in builtin_recipes():
        document = parse_yaml(recipe_text(source), f"recipe '{source}'")
    elif path.suffix in (".yaml", ".yml") or is_there(path):
        document = read_yaml(path, "a recipe")
        document = replace(document, data=_anchored(document.data, path.resolve().parent))
    else:
        raise InputError(
            f"recipe '{source}': no file and no built-in has this name; {nearest(source, builtin_recipes())}"
        )
    if assignments and isinstance(document.data, dict):
        document = override(replace(document, data=_long_form(document.data)), assignments)
        document = replace(document, data=_anchored(document.data, Path.cwd()))
    recipe = parse(Recipe, document)
    return _with_arms(recipe, document, assignments) if recipe.arms else recipe


def compared(base: Recipe, arms: dict[str, Recipe]) -> Recipe:
    """`base` with these recipes as its arms. Raises InputError for a name that no arm can have."""
    for wrong in filter(None, map(_misnamed, arms)):
        raise InputError(wrong)
    plain = _plain(base)
    changes = {name: dict(differences(plain, _plain(arm))) for name, arm in arms.items()}
    return base.model_copy(update={"arms": changes})


def seeded(recipe: Recipe, count: int) -> Recipe:
    """`recipe` with `count` arms, from its own seed on; where it has arms, each of them with as many seeds. Raises
    InputError for a name that no arm can have."""
    bases = arm_recipes(recipe) or {"": recipe}
    arms = {
        f"{name}+seed={base.seed + k}".lstrip("+"): base.model_copy(update={"seed": base.seed + k})
        for name, base in bases.items()
        for k in range(count)
    }
    return compared(recipe, arms)


def arm_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """The whole recipe of each arm of a loaded recipe, by name; none has arms of its own."""
    return {name: Recipe.model_validate(changed(_plain(recipe), changes)) for name, changes in recipe.arms.items()}


def recipe_of(data: dict[str, Any], assignments: Sequence[str] = ()) -> Recipe:
    """The default recipe with `data` and then `--set` assignments laid over it; paths are relative to the working
    directory. Raises InputError."""
    document = override(Document(data, "the command line"), assignments)
    return parse(Recipe, replace(document, data=_anchored(document.data, Path.cwd())))


def recipe_yaml(recipe: Recipe) -> str:
    """The resolved recipe as YAML."""
    data = recipe.model_dump(mode="json")
    return to_yaml(data if recipe.arms else _plain(recipe))


def _misnamed(name: str) -> str:
    """What is wrong with an arm's name, "" where nothing is."""
    if _ARM.fullmatch(name) and len(name) <= _LONGEST:
        return ""
    return (
        f"'{name:.200}' cannot be an arm's name; begin with a letter or digit and use a-z, 0-9 and _.=+,- "
        f"(at most {_LONGEST} characters)"
    )


def _plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={"arms"})


def _with_arms(recipe: Recipe, document: Document, assignments: Sequence[str]) -> Recipe:
    """`recipe`, read from `document`, with its arms checked. `--set` has the last word in every arm."""
    general = [each for each in assignments if re.split(r"[.=]", each.strip(), maxsplit=1)[0] != "arms"]
    changes = {name: _long_form(given or {}) for name, given in document.data["arms"].items()}
    document = replace(document, data=_long_form(document.data) | {"arms": changes})
    arms = {}
    for name in recipe.arms:
        arm = laid_over(document, ("arms", name), f"{document.name}, arm {name}")
        if general:
            arm = override(arm, general)
            arm = replace(arm, data=_anchored(arm.data, Path.cwd()))
        arms[name] = parse(Recipe, arm)
    return compared(recipe, arms)


def _long_form(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with its short forms written out, so that an assignment can reach below them."""
    return data | {key: {_SHORT[key]: value} for key, value in data.items() if key in _SHORT and isinstance(value, str)}


def _anchored(value: Any, base: Path, key: str = "") -> Any:
    """`value` with every relative path made absolute from `base`, where its key takes a path."""
    if isinstance(value, dict):
        return {name: _anchored(below, base, _path_key(f"{key}.{name}")) for name, below in value.items()}
    if isinstance(value, list):
        return [_anchored(below, base, key) for below in value]
    return _path(base, value) if key in _PATH_KEYS and isinstance(value, str) else value


def _path_key(path: str) -> str:
    """The last key of a dotted path; all names below `models` are one, for each takes a model."""
    *above, last = path.split(".")
    return "start" if above[-1:] == ["models"] else last


def _path(base: Path, value: str) -> str:
    """`value` as an absolute path where it is a relative one: it ends as our files do, or is there. The name of a
    built-in or of something on the Hub stays what it is."""
    named = value in ("", EMBEDDED, *builtin_constitutions()) or value.startswith((BUILTIN, HUB))
    if named or Path(value).is_absolute():
        return value
    try:
        path = base / value
        return str(path.resolve()) if path.suffix in _FILES or path.exists() else value
    except (OSError, ValueError, RuntimeError):  # no file can have this name
        return value
