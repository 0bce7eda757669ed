"""The recipe: one strict YAML file for the whole method.

1. It gathers the stages' settings under the stages' names; an unknown key is an error with the nearest right name.
2. A recipe is a built-in's name or a file. A path inside a file is relative to that file; one given by `--set` is
   relative to the working directory. The run keeps the resolved recipe, every default filled in.
3. The defaults are the paper's where the paper gives one (rounds, samples, soft labels, clip); what is modest in
   `demo` says so in its file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from precepts.constitution import Constitution, builtin_constitutions, load_constitution, sample_constitution
from precepts.engines import EngineSettings
from precepts.engines.models import EMBEDDED
from precepts.errors import InputError, nearest
from precepts.prompts.formats import Format
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

_PATH_KEYS = {"source", "start", "feedback", "script", "constitution", "red_team", "helpful", "safe_sounding"}
_PATH_KEYS |= {"harmless_comparisons", "comparisons"}
_FILES = {".yaml", ".yml", ".jsonl", ".json", ".csv", ".parquet"}


class ConstitutionSettings(Settings):
    """Which constitution (a built-in's name or a file), and how many of its principles a run keeps (null: all)."""

    source: str = "default"
    sample: int | None = Field(default=None, ge=1)


class ModelSettings(Settings):
    """The helpful-only model that everything starts from, and the feedback model (null: the start model)."""

    start: str = "smollm2-135m"
    feedback: str | None = None


class Recipe(Settings):
    """The whole method's settings."""

    description: str = ""
    seed: int = Field(default=0, ge=0)
    format: Format = "chat"
    constitution: ConstitutionSettings = ConstitutionSettings()
    prompts: PromptSettings = PromptSettings()
    preferences: PreferenceSettings = PreferenceSettings()
    models: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    audit: AuditSettings = AuditSettings()
    respond: RespondSettings = RespondSettings()
    revise: ReviseSettings = ReviseSettings()
    sl: SLSettings = SLSettings()
    pairs: PairSettings = PairSettings()
    label: LabelSettings = LabelSettings()
    pm: PMSettings = PMSettings()
    rl: RLSettings = RLSettings()
    evaluate: EvaluateSettings = EvaluateSettings()

    @field_validator("constitution", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """`constitution: default` stands for `constitution: {source: default}`."""
        return {"source": value} if isinstance(value, str) else value

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
    return parse(Recipe, document)


def recipe_of(data: dict[str, Any], assignments: Sequence[str] = ()) -> Recipe:
    """The default recipe with `data` and then `--set` assignments laid over it; paths are relative to the working
    directory. Raises InputError."""
    document = override(Document(data, "the command line"), assignments)
    return parse(Recipe, replace(document, data=_anchored(document.data, Path.cwd())))


def recipe_yaml(recipe: Recipe) -> str:
    """The resolved recipe as YAML."""
    return to_yaml(recipe.model_dump(mode="json"))


def _long_form(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with `constitution: NAME` written out, so that an assignment can reach below it."""
    constitution = data.get("constitution")
    return data | {"constitution": {"source": constitution}} if isinstance(constitution, str) else data


def _anchored(value: Any, base: Path, key: str = "") -> Any:
    """`value` with every relative path made absolute from `base`, where its key takes a path."""
    if isinstance(value, dict):
        return {name: _anchored(below, base, name) for name, below in value.items()}
    if isinstance(value, list):
        return [_anchored(below, base, key) for below in value]
    return _path(base, value) if key in _PATH_KEYS and isinstance(value, str) else value


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
