"""What a stage's records depend on, as parts of its fingerprint: settings, models, sources, principles, words.

Parts name files and folders by their last name and their contents, never by where they lie: a run whose inputs have
moved is the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from precepts.constitution import Constitution
from precepts.engines import engine_fingerprint, model_fingerprint
from precepts.errors import InputError
from precepts.prompts.render import wording_hash
from precepts.recipe import Recipe
from precepts.runs.fingerprint import Parts, flat
from precepts.settings import Settings
from precepts.sources.read import SourceSettings, source_fingerprint

T = TypeVar("T")


def settings_parts(stage: str, settings: Settings, *but: str) -> Parts:
    """A stage's settings by their dotted names, `but` those named; how often checkpoints are kept and who is told of a
    training change no record."""
    parts = flat(settings.model_dump(mode="json", exclude={"checkpoint_steps", "report_to", *but}), stage)
    return {key: moveable(value) for key, value in parts.items()}


def principle_parts(recipe: Recipe, constitution: Constitution) -> Parts:
    """What depends on the constitution. Raises InputError where a stage would have nothing to draw from it."""
    wanted = {"critique_request and revision_request, for stage revise": constitution.revising}
    if recipe.preferences.harmless == "ai":
        wanted["comparison_request, for the stages audit and label"] = constitution.judging
    for what, found in wanted.items():
        if not found:
            raise InputError(f"constitution '{constitution.name}': no principle has a {what}; add one that has")
    parts = {"constitution": moveable(recipe.constitution.source), "constitution (principles)": constitution.hash}
    shown = constitution.demonstrations.hash
    return parts | ({"constitution (demonstrations)": shown} if shown else {})


def model_parts(key: str, name: str) -> Parts:
    """A model under `key`: its name and its weights."""
    return {key: moveable(name), f"{key} (weights)": readable(model_fingerprint, name)}


def feedback_parts(r: Recipe, name: str) -> Parts:
    """The feedback model and the engine of its own, where it has one. A server's weights cannot be seen from here."""
    own = flat(readable(engine_fingerprint, r.feedback_engine), "feedback_engine") if r.feedback_engine else {}
    if (r.feedback_engine or r.engine).kind == "openai":
        return own | {"models.feedback": moveable(name)}
    return own | model_parts("models.feedback", name)


def moveable(value: Any) -> Any:
    """An absolute path as its last name; anything else as it is."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def readable(fingerprint_of: Callable[[T], Any], given: T) -> Any:
    """The fingerprint of something given. Raises InputError where it cannot be read."""
    try:
        return fingerprint_of(given)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); correct the path") from None


def all_source_parts(recipe: Recipe) -> Parts:
    """The contents of every source of prompts and comparisons."""
    named: dict[str, Sequence[SourceSettings]] = {
        "prompts.red_team": recipe.prompts.red_team,
        "prompts.helpful": recipe.prompts.helpful,
        "prompts.safe_sounding": recipe.prompts.safe_sounding,
        "preferences.helpful": recipe.preferences.helpful,
        "preferences.harmless_comparisons": recipe.preferences.harmless_comparisons,
    }
    return {key: value for name, sources in named.items() for key, value in source_parts(name, sources).items()}


def source_parts(name: str, sources: Sequence[SourceSettings]) -> Parts:
    """The contents of the `sources` that the recipe names under `name`."""
    return {f"{name}[{index}] (contents)": readable(source_fingerprint, source) for index, source in enumerate(sources)}


def wording_parts(*files: str) -> Parts:
    """The exact words of templates and demonstrations."""
    return {"wording": wording_hash(*files)}
