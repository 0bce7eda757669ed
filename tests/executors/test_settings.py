"""Where chunks run, as a recipe says it; and that what the stages send there can be sent."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small import contents, small_recipe

from precepts import method
from precepts.errors import InputError
from precepts.executors import ExecutorSettings, LocalExecutor, open_executor
from precepts.recipe import Recipe, load_recipe
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.runs.work import Chunk, ChunkResult, WorkerFactory


def test_short_form_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("executor: ray")
    assert load_recipe(str(path)).executor == ExecutorSettings(kind="ray")
    assert load_recipe(str(path), ["executor.actors=3"]).executor == ExecutorSettings(kind="ray", actors=3)
    assert Recipe().executor == ExecutorSettings() == ExecutorSettings(kind="local", cpus=1.0, actors=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("executor: roy", "'local' or 'ray'"),
        ("executor: {actors: 2}", "'actors' goes with kind: ray"),
        ("executor: {kind: ray, workers: 2}", "'workers' goes with kind: local"),
        ("executor: {kind: ray, actors: 0}", "greater than or equal to 1"),
        ("executor: {kind: ray, actor: 2}", "did you mean 'actors'"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_recipe(str(path))


def test_a_missing_ray_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "precepts.executors.ray", raising=False)
    with pytest.raises(InputError, match=r"pip install 'precepts\[ray\]'"), open_executor(ExecutorSettings(kind="ray")):
        pass


class PicklingExecutor(LocalExecutor):
    """Sends workers, chunks and results through a pickle, as to and from another machine."""

    def map(self, make_worker: WorkerFactory, chunks: Iterable[Chunk[Any]]) -> Iterator[tuple[Chunk[Any], ChunkResult]]:
        cloudpickle = pytest.importorskip("ray").cloudpickle
        worker = pickle.loads(cloudpickle.dumps(make_worker))()
        for chunk in chunks:
            yield chunk, pickle.loads(pickle.dumps(worker(pickle.loads(pickle.dumps(chunk)))))


def test_every_stage_works_elsewhere_with_the_same_records(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(str(small_recipe(tmp_path, tiny_model, scripted=True)))
    runs = [Run(tmp_path / name) for name in ("here", "elsewhere")]
    for run in runs:
        run.path.mkdir()
        assert method.execute(recipe, run, Progress(quiet=True))

        @contextmanager
        def elsewhere(settings: ExecutorSettings) -> Iterator[LocalExecutor]:
            yield PicklingExecutor()

        monkeypatch.setattr(method, "open_executor", elsewhere)
    assert contents(runs[0].path) == contents(runs[1].path)
