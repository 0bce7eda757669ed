"""A budget holds between two units of work: what is finished is kept, and a higher one goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from precepts.errors import RunError
from precepts.executors.local import LocalExecutor
from precepts.records import Prompt
from precepts.runs.budget import Budget, BudgetSettings, Cost, Meter, PriceSettings
from precepts.runs.folder import Run, StageFolder
from precepts.runs.progress import Progress
from precepts.runs.walk import Step, spent, walk
from precepts.runs.work import Chunk, ChunkResult

PRICES = PriceSettings(tokens_in=2.0, tokens_out=10.0, hour=3.0)


def test_money_is_tokens_at_their_price_and_hours_at_theirs() -> None:
    asked = Cost.of(1_000_000, 500_000, 7200.0, trains=False)
    trained = Cost.of(1_000_000, 0, 1800.0, trains=True)
    assert asked.money(PRICES) == 2.0 + 5.0 + 6.0
    assert trained.money(PRICES) == 1.5
    assert (asked + trained).money(PRICES) == 14.5
    assert (asked + trained).tokens_in == 2_000_000


@pytest.mark.parametrize(
    ("limits", "spent_tokens", "coming", "name"),
    [
        ({}, 10**9, 10**9, None),
        ({"tokens": 100}, 60, 40, None),
        ({"tokens": 100}, 60, 41, "tokens"),
        ({"tokens": 100}, 100, 0, "tokens"),
        ({"hours": 1.0}, 0, 0, None),
        ({"money": 1.0}, 90_000, 9_000, None),
        ({"money": 1.0}, 90_000, 20_000, "money"),
    ],
)
def test_what_is_refused(limits: dict[str, float], spent_tokens: int, coming: int, name: str | None) -> None:
    budget = Budget(BudgetSettings.model_validate(limits), PRICES)
    parts = [Cost.of(0, tokens, 0.0, trains=False) for tokens in (spent_tokens, coming)]
    if name is None:
        budget.refuse(*parts)
        return
    with pytest.raises(RunError, match=rf"budget\.{name}: .*--set budget\.{name}="):
        budget.refuse(*parts)


def test_hours_are_seconds_spent() -> None:
    with pytest.raises(RunError, match=r"budget\.hours: 1 of 1\.2 are used and the next step takes about 0\.5"):
        Budget(BudgetSettings(hours=1.2)).refuse(Cost(seconds=3600.0), Cost(seconds=1800.0))


def test_the_next_unit_is_taken_to_be_as_dear_as_the_dearest() -> None:
    meter = Meter(Budget(BudgetSettings(tokens=100)), Cost(tokens_in=10), trains=False)
    meter.unit(30, 5, last=False)  # 45 spent, 35 to come
    meter.unit(10, 5, last=False)  # 60 spent, 35 to come
    with pytest.raises(RunError, match="70 of 100 are used and the next step takes about 35"):
        meter.unit(5, 5, last=False)
    meter.unit(50, 50, last=True)  # nothing comes after it


def plan_of(worked: list[int]) -> list[Step]:
    """A stage of six chunks that takes 10 tokens for each."""

    def go(folder: StageFolder) -> None:
        def work(chunk: Chunk[str]) -> ChunkResult:
            worked.append(chunk.index)
            return ChunkResult([Prompt(each, "red_team", "train", "", "here", ()) for each in chunk.items], 7, 3)

        folder.write_chunks(Prompt, "abcdef", 6, 1, lambda: work)
        folder.finish({})

    return [Step("one", (), {}, go)]


@pytest.fixture
def walked(tmp_path: Path) -> Callable[[int | None], list[int]]:
    """Walks the plan with a budget of tokens; returns the chunks that were worked."""

    def call(tokens: int | None) -> list[int]:
        worked: list[int] = []
        budget = Budget(BudgetSettings(tokens=tokens))
        try:
            walk(plan_of(worked), "r: 1", 0, Run(tmp_path), LocalExecutor(), Progress(quiet=True), budget=budget)
        except RunError as error:
            assert "budget.tokens" in str(error)
        return worked

    return call


def test_a_run_stops_between_chunks_and_goes_on_with_a_higher_budget(
    walked: Callable[[int | None], list[int]], tmp_path: Path
) -> None:
    assert walked(35) == [0, 1, 2]
    assert len(Run(tmp_path).shards("one")) == 3
    assert spent(plan_of([]), Run(tmp_path)).tokens_in == 21
    assert walked(30) == []  # refused before anything begins
    assert walked(50) == [3, 4]
    assert walked(None) == [5]
    state = Run(tmp_path).state("one")
    assert state is not None and state.done and (state.tokens_in, state.tokens_out) == (42, 18)
    assert [each.id for each in Run(tmp_path).read("one", Prompt)] == list("abcdef")
