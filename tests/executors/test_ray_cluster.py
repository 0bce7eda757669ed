"""The Ray executor on a cluster that runs already: found by its address, left running, a lost node made up for."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError
from precepts.runs.work import Chunk, ChunkResult, Worker, chunked

ray = pytest.importorskip("ray")
from precepts.executors.ray import RayExecutor  # noqa: E402

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # an actor cannot import a test


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of two nodes with a CPU each."""
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield started
    started.shutdown()


def test_a_node_that_is_lost_costs_its_chunk(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = cluster.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    log, doomed = tmp_path / "log", node.node_id

    def make_worker() -> Worker:
        where = ray.get_runtime_context().get_node_id()
        done: list[int] = []

        def work(chunk: Chunk[Any]) -> ChunkResult:
            """Begins together with the other node; on the doomed one, the second chunk never ends."""
            with log.open("a") as file:
                print(chunk.index, file=file)
            log.with_name(where).touch()
            while len(list(log.parent.iterdir())) < 3 or (done and where == doomed):
                time.sleep(0.01)
            done.append(chunk.index)
            return ChunkResult([where])

        return work

    found, nodes = [], []
    with RayExecutor() as executor:
        for chunk, result in executor.map(make_worker, chunked(range(30), 1)):
            found.append(chunk.index)
            nodes += result.records
            if len(found) == 10:
                cluster.remove_node(node)
    assert sorted(found) == list(range(30))
    assert nodes.count(doomed) == 1
    begun = Counter(map(int, log.read_text().split()))
    assert sorted(begun.values()) == [1] * 29 + [2]
    with RayExecutor(address=cluster.address) as again:
        assert [chunk.index for chunk, _ in again.map(make_worker, chunked("a", 1))] == [0]


def test_an_address_where_no_cluster_is() -> None:
    with (
        RayExecutor(address="127.0.0.1:1") as executor,
        pytest.raises(InputError, match=r"no cluster at '127.0.0.1:1'"),
    ):
        list(executor.map(lambda: lambda chunk: ChunkResult([]), chunked("a", 1)))
