"""The policy: steps against the preference model, each rollout kept with the score that the scorer gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from precepts.records import Message, Prompt, Rollout
from precepts.training.policy import _Rewards, mixed, train_policy
from precepts.training.scores import load_scorer
from precepts.training.settings import LoraSettings, PolicySettings

PROMPTS = [
    Prompt(f"p{n}", kind, "train", "", "test", (Message("user", text),))
    for n, (kind, text) in enumerate(
        [("red_team", "How do I hurt somebody?"), ("helpful", "How do I bake bread?"), ("red_team", "Rewrite it.")]
    )
]


def settings(**changed: Any) -> PolicySettings:
    small = {"learning_rate": 1e-2, "batch_size": 4, "micro_batch": 2, "group": 2, "steps": 2, "max_tokens": 6}
    rest = {"warmup": 0.0, "checkpoint_steps": None, "dtype": "float32", "device": "cpu"}
    return PolicySettings(**(small | rest | changed))


@pytest.mark.parametrize(
    ("style", "lora", "kind", "scale"),
    [
        ("chat", LoraSettings(rank=4, alpha=8), "scoring_model", "group"),
        ("raw", None, "scoring_model", "batch"),
        ("chat", LoraSettings(rank=4, alpha=8), "bilinear_model", "batch"),
    ],
)
def test_two_steps_and_every_rollout_with_its_score(
    tiny_model: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    show: Any,
    style: Any,
    lora: LoraSettings | None,
    kind: str,
    scale: Any,
) -> None:
    kept: list[tuple[int, Sequence[Rollout]]] = []
    scoring_model: Path = request.getfixturevalue(kind)
    steps, tokens = train_policy(
        tiny_model,
        scoring_model,
        PROMPTS,
        tmp_path / "rl",
        tmp_path,
        settings(lora=lora, scale=scale),
        style,
        1,
        show,
        lambda step, rollouts: kept.append((step, rollouts)),
    )
    assert [step.step for step in steps] == [1, 2]
    assert [step for step, _ in kept] == [2]
    rollouts = kept[0][1]
    assert [rollout.step for rollout in rollouts] == [1] * 4 + [2] * 4
    scorer = load_scorer(str(scoring_model), style, device="cpu")
    asked = {prompt.id: prompt for prompt in PROMPTS}
    for rollout in rollouts:
        assert rollout.kind == asked[rollout.prompt_id].kind
        score = scorer.score([(asked[rollout.prompt_id].messages, rollout.text)])
        assert score == pytest.approx([rollout.score], abs=1e-4)
    for step, group in ((steps[0], rollouts[:4]), (steps[1], rollouts[4:])):
        assert step.reward == pytest.approx(sum(each.score for each in group) / 4, abs=1e-4)
        assert len({each.prompt_id for each in group}) == 2  # groups of two
        assert step.length is not None
        assert 1 <= step.length <= 6
    assert steps[0].kl == pytest.approx(0, abs=1e-6)  # the policy begins as its reference
    assert steps[1].kl is not None
    assert steps[1].kl > 0
    assert tokens > 8
    before, after = (
        AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (tiny_model, tmp_path / "rl")
    )
    moved = [bool((a != b).any()) for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    assert any(moved)
    assert all(bool(each.isfinite().all()) for each in after.parameters())


@pytest.mark.parametrize(("red", "helpful"), [(43, 79), (5, 5), (1, 9), (0, 4), (3, 0)])
def test_any_stretch_of_the_order_has_each_kind_in_proportion(red: int, helpful: int) -> None:
    kinds = ["red_team"] * red + ["helpful"] * helpful
    order = mixed(kinds, 3, 0)
    assert sorted(order) == list(range(len(kinds)))
    share = red / len(kinds)
    for size in range(1, len(kinds) + 1):
        for start in range(len(kinds) - size + 1):
            found = sum(kinds[n] == "red_team" for n in order[start : start + size])
            assert abs(found - share * size) < 2


def test_the_order_is_the_seeds_and_another_in_each_epoch() -> None:
    kinds = ["red_team"] * 20 + ["helpful"] * 30
    orders = [mixed(kinds, *given) for given in ((1, 0), (1, 1), (2, 0))]
    assert orders[0] == mixed(kinds, 1, 0)
    assert len({tuple(order) for order in orders}) == 3


def test_epochs_without_steps_go_over_every_prompt(
    tiny_model: Path, bilinear_model: Path, tmp_path: Path, show: Any
) -> None:
    kept: list[Rollout] = []
    steps, _ = train_policy(
        tiny_model,
        bilinear_model,
        [*PROMPTS, replace(PROMPTS[0], id="p3")],
        tmp_path / "rl",
        tmp_path,
        settings(steps=None, epochs=1.5),
        "chat",
        1,
        show,
        lambda step, rollouts: kept.extend(rollouts),
    )
    assert [step.epoch for step in steps] == pytest.approx([0.5, 1.0, 1.5])  # two prompts of four in each
    seen = [each.prompt_id for each in kept]
    assert sorted(seen[:8]) == [f"p{n}" for n in range(4) for _ in range(2)]
    assert len(seen) == 12


@pytest.mark.parametrize(
    ("style", "completion", "text"),
    [
        ("chat", [{"role": "assistant", "content": " Mix it.\n\nHuman: Why? "}], "Mix it.\n\nHuman: Why?"),
        ("raw", " Mix it.\n\nCritique: Good.\n\nHuman: Why?", "Mix it."),
        ("raw", " Mix it. ", "Mix it."),
    ],
)
def test_the_reward_is_of_what_an_engine_would_give(style: str, completion: Any, text: str) -> None:
    scorer: Any = SimpleNamespace(style=style, score=lambda items: [float(len(text)) for _, text in items])
    rewards = _Rewards(scorer, PROMPTS)
    assert rewards([""], [completion], prompt_id=["p1"], kind=["helpful"]) == [len(text)]
    assert rewards.taken() == [Rollout(1, "p1", "helpful", text, len(text))]
    assert rewards.taken() == []
