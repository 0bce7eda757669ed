"""Engines: text in, text out, and log-probabilities of given answers. One engine a file, imported on use."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from precepts.engines.base import ChoiceRequest, Engine, GenerateRequest, Reply, Usage
from precepts.engines.models import model_fingerprint, model_path
from precepts.engines.scripted import ScriptedEngine
from precepts.identity import file_fingerprint
from precepts.settings import Settings

__all__ = [
    "ChoiceRequest",
    "Engine",
    "EngineSettings",
    "GenerateRequest",
    "Reply",
    "ScriptedEngine",
    "Usage",
    "engine_fingerprint",
    "make_engine",
    "model_fingerprint",
    "model_path",
]


class EngineSettings(Settings):
    """How models are run. `script` is the scripted engine's file of rules; the rest is the transformers engine's."""

    kind: Literal["transformers", "scripted"] = "transformers"
    batch_size: int = Field(default=32, ge=1)
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    device: str = "auto"
    script: str | None = None

    @model_validator(mode="after")
    def _script_fits(self) -> EngineSettings:
        if (self.kind == "scripted") != (self.script is not None):
            raise ValueError("'script' goes with kind: scripted, and that kind needs it; name a YAML file of rules")
        return self


def make_engine(settings: EngineSettings, model: str, name: str | None = None) -> Engine:
    """The engine that these settings describe, holding `model` (as `model_path` takes it); records call it `name`."""
    name = name or model
    if settings.script is not None:
        return ScriptedEngine.from_file(Path(settings.script), name=f"scripted:{name}")
    from precepts.engines.transformers import TransformersEngine

    return TransformersEngine(model, name, batch_size=settings.batch_size, dtype=settings.dtype, device=settings.device)


def engine_fingerprint(settings: EngineSettings) -> dict[str, str | int]:
    """What of the engine can change a record, by setting name; a script by its contents."""
    parts: dict[str, str | int] = {"kind": settings.kind}
    if settings.script is not None:
        return parts | {"script": file_fingerprint(Path(settings.script))}
    return parts | {"batch_size": settings.batch_size, "dtype": settings.dtype, "device": settings.device}
