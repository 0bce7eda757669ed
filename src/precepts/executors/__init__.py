"""Where chunks of work run: in this process, or in Ray actors. One executor a file, imported on use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self

from pydantic import Field, model_validator

from precepts.executors.local import LocalExecutor
from precepts.runs.work import Executor
from precepts.settings import Settings

__all__ = ["ExecutorSettings", "LocalExecutor", "open_executor"]


class ExecutorSettings(Settings):
    """Where chunks run; no record depends on it.

    local: `workers`, chunks at once, each in a thread with an engine of its own (for engines that ask a server).
    ray: `actors` at work at once (null: as many as the cluster has room for); the `cpus` and `gpus` of each (gpus
    null: one on a cluster that has any); `address` of a cluster (null: `RAY_ADDRESS`, else one is started on this
    machine).
    """

    kind: Literal["local", "ray"] = "local"
    workers: int = Field(default=1, ge=1, le=256)
    actors: int | None = Field(default=None, ge=1)
    cpus: float = Field(default=1.0, gt=0)
    gpus: float | None = Field(default=None, ge=0)
    address: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = sorted(self.model_fields_set - {"kind"})
        changed = [name for name in given if getattr(self, name) != type(self).model_fields[name].default]
        of_other = [name for name in changed if (name == "workers") != (self.kind == "local")]
        if of_other:
            other = "ray" if self.kind == "local" else "local"
            raise ValueError(f"'{of_other[0]}' goes with kind: {other}; name that kind, or leave it out")
        return self


@contextmanager
def open_executor(settings: ExecutorSettings) -> Iterator[Executor]:
    """The executor that these settings describe; what it started ends with it. Raises InputError where it cannot be."""
    if settings.kind == "local":
        yield LocalExecutor(settings.workers)
        return
    from precepts.executors.ray import RayExecutor

    with RayExecutor(settings.actors, settings.cpus, settings.gpus, settings.address) as executor:
        yield executor
