"""Engines: text in, text out, and log-probabilities of given answers. One engine a file, imported on use."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

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
    """How models are run; each kind has settings of its own.

    transformers: `batch_size`, `dtype`, `device`. vllm: `dtype`, `max_model_len` (null: the model's own),
    `max_num_seqs` (requests it works on at once; null: vLLM's own), `gpu_memory` (the share it takes), `eager` (nothing
    is compiled: starts sooner, runs slower). scripted: `script`, a file of rules. openai: the server's `base_url`, or
    one for each model in `base_urls`; `served`, what a model is called there where that is another name; the
    environment variable that holds the key (`key_env`); requests in flight (`concurrency`); seconds before one is given
    up (`timeout`) and how often it is tried again (`retries`).
    """

    kind: Literal["transformers", "vllm", "openai", "scripted"] = "transformers"
    batch_size: int = Field(default=32, ge=1)
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    device: str = "auto"
    script: str | None = None
    max_model_len: int | None = Field(default=None, ge=16)
    max_num_seqs: int | None = Field(default=None, ge=1)
    gpu_memory: float = Field(default=0.9, gt=0, le=1)
    eager: bool = False
    base_url: str = "http://localhost:8000/v1"
    base_urls: dict[str, str] = {}
    served: dict[str, str] = {}
    key_env: str = "OPENAI_API_KEY"
    concurrency: int = Field(default=64, ge=1)
    timeout: float = Field(default=600.0, gt=0)
    retries: int = Field(default=8, ge=0)

    @field_validator("base_url", "base_urls")
    @classmethod
    def _no_secret(cls, value: Any) -> Any:
        for url in value.values() if isinstance(value, dict) else [value]:
            if "@" in url or not url.startswith(("http://", "https://")):
                raise ValueError("give http://HOST:PORT/v1 or https://...; a key goes into the variable named key_env")
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "scripted") != (self.script is not None):
            raise ValueError("'script' goes with kind: scripted, and that kind needs it; name a YAML file of rules")
        for name in sorted(self.model_fields_set - {"kind", "script"}):
            kinds = [kind for kind, names in _OF_KIND.items() if name in names]
            if self.kind not in kinds and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"'{name}' goes with kind: {' or '.join(kinds)}; name that kind, or leave it out")
        return self


_OF_KIND = {
    "transformers": ("batch_size", "dtype", "device"),
    "vllm": ("dtype", "max_model_len", "max_num_seqs", "gpu_memory", "eager"),
    "openai": ("base_url", "base_urls", "served", "key_env", "concurrency", "timeout", "retries"),
    "scripted": ("script", "batch_size", "dtype", "device"),
}
_CHANGES_RECORDS = {
    "transformers": ("batch_size", "dtype", "device"),
    "vllm": ("dtype", "max_model_len", "eager"),
    "openai": ("served",),
    "scripted": (),
}


def make_engine(settings: EngineSettings, model: str, name: str | None = None) -> Engine:
    """The engine that these settings describe, holding `model` (as `model_path` takes it); records call it `name`.

    Raises InputError where the package that the kind needs is not installed, with the line that installs it."""
    name, own = name or model, {key: getattr(settings, key) for key in _OF_KIND[settings.kind]}
    if settings.script is not None:
        return ScriptedEngine.from_file(Path(settings.script), name=f"scripted:{name}")
    if settings.kind == "vllm":
        from precepts.engines.vllm import VLLMEngine

        return VLLMEngine(model, name, **own)
    if settings.kind == "openai":
        from precepts.engines.openai import OpenAIEngine

        url, served = own.pop("base_urls").get(name, own.pop("base_url")), own.pop("served").get(name)
        return OpenAIEngine(model, name, base_url=url, served=served, **own)
    from precepts.engines.transformers import TransformersEngine

    return TransformersEngine(model, name, **own)


def engine_fingerprint(settings: EngineSettings) -> dict[str, Any]:
    """What of the engine can change a record, by setting name; a script by its contents."""
    parts: dict[str, Any] = {"kind": settings.kind}
    if settings.script is not None:
        return parts | {"script": file_fingerprint(Path(settings.script))}
    return parts | {key: getattr(settings, key) for key in _CHANGES_RECORDS[settings.kind]}
