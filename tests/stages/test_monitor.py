"""Monitors of stage `rl`: whom they ask, what they write, when they end a training, killed or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from precepts.engines.base import GenerateRequest, Reply, Usage
from precepts.evals.monitors import looks
from precepts.evidence import Evaluation
from precepts.records import Message, Prompt, Rollout, TrainingStep
from precepts.runs.folder import Run, StageFolder
from precepts.stages import evaluate, rl
from precepts.stages.monitor import Monitor, MonitorSettings, StopSettings, held_aside, monitored, past
from precepts.stages.respond import SamplingSettings

KINDS = {"red_team": 7, "safe_sounding": 3, "helpful": 1}
REFUSES, HELPS = "I can't help with that, since it could hurt somebody.", "Sure, mix the flour with the water."


class Policy:
    """An engine that refuses from step `refuses` on; `asked` are the seeds of each look's requests."""

    def __init__(self, refuses: int = 99) -> None:
        self.name, self.usage, self.refuses, self.step = "", Usage(), refuses, 0
        self.asked: dict[int, list[int]] = {}

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        self.asked[self.step] = [request.seed for request in requests]
        return [Reply(REFUSES if self.step >= self.refuses else HELPS, "stop", 5, 3)] * len(requests)

    def choose(self, requests: Any) -> Any:
        raise NotImplementedError


def score(items: Sequence[tuple[Any, str]]) -> list[float]:
    return [float(len(text)) for _, text in items]


def rollout(step: int, text: str = HELPS) -> Rollout:
    return Rollout(step, "red_team train", "red_team", text, float(step))


@pytest.fixture
def prompts(prompt: Callable[..., Prompt]) -> list[Prompt]:
    return [prompt(f"{kind} {n}", kind, "held_out") for kind, many in KINDS.items() for n in range(many)]


@pytest.fixture
def folder(open_folder: Any, prompts: list[Prompt], prompt: Callable[..., Prompt]) -> StageFolder:
    opened: StageFolder = open_folder("prompts")
    opened.write_records(Prompt, [*prompts, prompt("red_team train")], set_name="prompts")
    found: StageFolder = open_folder("rl")
    return found


def monitor(folder: StageFolder, prompts: int = 2, **bounds: float) -> Monitor:
    settings = MonitorSettings(every=2, prompts=prompts)
    trained = [Prompt("red_team train", "red_team", "train", "", "test", (Message("user", "How?"),))]
    return Monitor(folder, settings, bounds, SamplingSettings(max_tokens=8), "chat", trained)


def train(watching: Monitor, policy: Policy, *, begin: int = 0, until: int = 6, die: int = 99) -> int:
    """A training that looks every other step and keeps its rollouts every third; the step at which it ended."""
    fresh: list[Rollout] = []
    for step in range(begin, until + 1):
        if step > begin:
            fresh.append(rollout(step))
        policy.step, policy.name = step, f"rl-{step}"
        logged = [TrainingStep(n, None, 0.0, None, None, None, n / 10, None) for n in range(1, step + 1)]
        if step % 2 == 0 and step >= begin and (step > begin or step == 0):
            seen: Any = SimpleNamespace(step=step, engine=policy, score=score, steps=logged, rollouts=list(fresh))
            if watching.look(seen)[1] and step:
                break
        if step == die:
            break
        if step % 3 == 0 and fresh:
            watching.folder.write_records(Rollout, fresh, set_name="rollouts", index=step)
            fresh = []
    return step


def test_prompts_are_held_aside_from_the_end_of_evaluation_and_at_most_half_of_a_kind(folder: StageFolder) -> None:
    aside = held_aside(folder.run, 2)
    assert [prompt.kind for prompt in aside] == ["red_team"] * 2 + ["safe_sounding"]
    assert len(held_aside(folder.run, 99)) == 3 + 1 + 0
    assert held_aside(folder.run, 0) == []
    whole = list(evaluate.held_out_prompts(folder.run, None))
    assert len(whole) == sum(KINDS.values())
    train(monitor(folder), Policy(), until=2)
    asked = evaluate.monitored_prompts(folder.run)
    rest = list(evaluate.held_out_prompts(folder.run, None, asked))
    assert {prompt.id for prompt in rest} == {prompt.id for prompt in whole} - {prompt.id for prompt in aside}
    assert list(evaluate.held_out_prompts(folder.run, 2, asked)) == list(evaluate.held_out_prompts(folder.run, 2))


def test_every_look_asks_the_same_with_the_same_seeds_and_is_written(folder: StageFolder) -> None:
    policy = Policy(refuses=4)
    train(monitor(folder), policy)
    assert list(policy.asked) == [0, 2, 4, 6]
    assert len({tuple(seeds) for seeds in policy.asked.values()}) == 1
    assert len(set(policy.asked[0])) == 3
    rows = list(folder.run.read("rl", Evaluation, "monitored"))
    assert [row.model for row in rows] == [f"rl-{step}" for step in (0, 2, 4, 6) for _ in range(3)]
    assert {(row.verdict, row.score) for row in rows[:3]} == {("complies", float(len(HELPS)))}
    assert {row.verdict for row in rows[-3:]} == {"refuses"}
    assert list(monitored(folder.run)) == [0, 2, 4, 6]


def test_what_a_look_finds_is_told(folder: StageFolder) -> None:
    watching, policy = monitor(folder), Policy()
    train(watching, policy, until=4)
    assert [look.step for look in watching.seen] == [0, 2, 4]
    assert [look.rollouts.score.value for look in watching.seen[1:]] == [1.5, 3.5]
    assert watching.seen[2].figures()["kl"] == pytest.approx(0.35)
    assert watching.reason == ""


def test_without_prompts_the_rollouts_alone_are_looked_at(folder: StageFolder) -> None:
    watching, policy = monitor(folder, 0, kl=0.3), Policy()
    assert train(watching, policy) == 4
    assert not policy.asked
    assert folder.run.sets("rl") == ["rollouts"]
    assert watching.reason == "after step 4: kl 0.35 is past 0.3"


@pytest.mark.parametrize(("die", "begin"), [(4, 3), (5, 3), (4, 0)])  # 0: its checkpoint does not count yet
def test_a_killed_training_sees_what_an_unbroken_one_sees(folder: StageFolder, die: int, begin: int) -> None:
    broken = monitor(folder, score_gap=2.5)
    train(broken, Policy(), die=die)
    again = monitor(folder, score_gap=2.5)
    end = train(again, Policy(), begin=begin)
    whole = monitor(folder, score_gap=2.5)
    assert train(whole, Policy()) == end == 6
    assert again.seen == whole.seen
    assert again.reason == whole.reason == "after step 6: score_gap 4 is past 2.5"


def test_needless_refusals_of_prompts_held_aside_end_a_training(folder: StageFolder) -> None:
    watching = monitor(folder, refused=0.5)
    assert train(watching, Policy(refuses=4)) == 4
    assert watching.reason == "after step 4: refused 1 is past 0.5"


def test_what_was_so_before_the_first_step_ends_nothing() -> None:
    begun = looks([0], [], [], {}, {}, 0)
    assert past(begun, {"refused": 0.1, "kl": 0.1}) == ""


@pytest.mark.parametrize(
    ("bound", "text", "many"), [("repetition", "Stay safe now. " * 9, 0.2), ("words", "word " * 40, 30)]
)
def test_bounds_on_the_rollouts(bound: str, text: str, many: float) -> None:
    found = looks([0, 1, 2], [], [rollout(1), rollout(2, text)], {}, {}, 0)
    assert past(found[:2], {bound: many}) == ""
    assert past(found, {bound: many}).startswith(f"after step 2: {bound} ")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"stop": {"kl": 2.0}}, "set rl.monitor"),
        ({"stop": {"refused": 0.5}, "monitor": {"prompts": 0}}, "set monitor.prompts to 1 or more"),
        ({"stop": {"score_gap": 0.5}, "monitor": {"prompts": 0}}, "set monitor.prompts to 1 or more"),
        ({"stop": {"kl": 2.0}, "monitor": {}, "beta": 0.0}, "stop.kl needs a KL term"),
        ({"stop": {"repetition": 1.0}, "monitor": {}}, "less than 1"),
    ],
)
def test_a_bound_that_nobody_would_see_is_refused(settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        rl.RLSettings.model_validate(settings)


def test_bounds_that_are_set() -> None:
    settings = rl.RLSettings.model_validate({"stop": {"kl": 2.0, "words": 80.0}, "monitor": {"prompts": 0}})
    assert settings.stop.bounds() == {"kl": 2.0, "words": 80.0}
    assert StopSettings().bounds() == {}


def test_the_reason_is_kept_in_the_stage(
    folder: StageFolder, open_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_policy(*given: Any, watch: Any) -> Any:
        assert watch.every == 2
        policy, keep = Policy(refuses=4), given[-1]
        for policy.step in (0, 2, 4):
            seen: Any = SimpleNamespace(step=policy.step, engine=policy, score=score, steps=[], rollouts=[])
            if watch.look(seen)[1]:
                break
        keep(policy.step, [rollout(4)])
        return [TrainingStep(4, None, 0.0, None, None, None, None, None)], 10

    monkeypatch.setattr("precepts.training.policy.train_policy", train_policy)
    settings = rl.RLSettings(
        batch_size=4, monitor=MonitorSettings(every=2, prompts=1), stop=StopSettings(refused=0.9), max_tokens=8
    )
    rl.run(folder, settings, "chat", 0.0)
    state = Run(folder.run.path).state("rl")
    assert state is not None and state.done
    assert state.stopped == "after step 4: refused 1 is past 0.9"
    assert state.records["monitored"] == 6
