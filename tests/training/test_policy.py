"""The policy: steps against the preference model, each rollout kept with the score that the scorer gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from precepts.records import Message, Prompt, Rollout
from precepts.training.policy import _Rewards, in_turn, train_policy
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


def drawn(kinds: Sequence[str], seed: int, count: int) -> list[int]:
    return list(islice(in_turn(kinds, seed), count))


def test_each_kind_has_its_turn_however_many_there_are_of_it() -> None:
    kinds = ["red_team"] * 3 + ["helpful"] * 5
    found = drawn(kinds, 3, 30)
    assert [kinds[n] for n in found] == ["helpful", "red_team"] * 15
    helpful, red = found[0::2], found[1::2]
    assert all(sorted(helpful[n : n + 5]) == [3, 4, 5, 6, 7] for n in (0, 5, 10))  # each once before any comes again
    assert all(sorted(red[n : n + 3]) == [0, 1, 2] for n in (0, 3, 6, 9, 12))
    assert len({tuple(helpful[n : n + 5]) for n in (0, 5, 10)}) > 1
    assert sorted(drawn(["helpful"] * 4, 3, 4)) == [0, 1, 2, 3]


def test_the_order_is_the_seeds() -> None:
    kinds = ["red_team"] * 20 + ["helpful"] * 30
    assert drawn(kinds, 1, 40) == drawn(kinds, 1, 40) != drawn(kinds, 2, 40)


def test_epochs_without_steps_go_over_every_prompt(
    tiny_model: Path, bilinear_model: Path, tmp_path: Path, show: Any
) -> None:
    kept: list[Rollout] = []
    steps, _ = train_policy(
        tiny_model,
        bilinear_model,
        [*PROMPTS, replace(PROMPTS[1], id="p3")],
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
