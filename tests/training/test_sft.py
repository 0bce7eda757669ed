"""Supervised finetuning: it learns the response and not the prompt, and saves what it learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from precepts.records import Message
from precepts.training import sft
from precepts.training.launch import Example
from precepts.training.settings import LoraSettings, SupervisedSettings

ASKED = (Message("user", "How do I bake bread?"),)
EXAMPLE = Example(ASKED, "Mix flour, water and salt.")


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.inference_mode()
def logits(model: Any, ids: list[int]) -> torch.Tensor:
    return model(torch.tensor([ids])).logits[0].float()


def tokenized(model: Path, style: str, text: str = EXAMPLE.text) -> tuple[list[int], list[int]]:
    """The example's prompt, and the whole of it with `text` for a response, as token ids."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt, response = {
        "raw": ("\n\nHuman: How do I bake bread?\n\nAssistant:", f" {text}<|end|>"),
        "chat": ("<|start|>user\nHow do I bake bread?<|end|>\n<|start|>assistant\n", f"{text}<|end|>\n"),
    }[style]
    return tokenizer(prompt)["input_ids"], tokenizer(prompt + response)["input_ids"]


@pytest.mark.parametrize("lora", [LoraSettings(rank=4, alpha=8), None], ids=["lora", "whole"])
@pytest.mark.parametrize("style", ["chat", "raw"])
def test_a_repeated_example_is_learnt_and_saved_whole(
    tiny_model: Path,
    tmp_path: Path,
    optim: Callable[..., SupervisedSettings],
    show: Any,
    monkeypatch: pytest.MonkeyPatch,
    lora: LoraSettings | None,
    style: Any,
) -> None:
    ids = AutoTokenizer.from_pretrained(tiny_model)("Human: Mix flour, water and salt.")["input_ids"]
    trained: list[torch.Tensor] = []
    save = sft.save_whole

    def remember_and_save(model: Any, *rest: Any) -> None:
        trained.append(logits(model.eval(), ids))
        save(model, *rest)

    monkeypatch.setattr(sft, "save_whole", remember_and_save)
    settings = optim(epochs=3.0, lora=lora, batch_size=4)
    steps, tokens = sft.train_sft(
        str(tiny_model), [EXAMPLE] * 16, tmp_path / "models" / "sl", tmp_path, settings, style, 1, show
    )
    assert [step.step for step in steps] == list(range(1, 13))
    assert steps[-1].loss is not None
    assert steps[0].loss is not None
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert all(step.learning_rate == pytest.approx(1e-2) for step in steps)
    assert tokens == 16 * 3 * len(tokenized(tiny_model, style)[1])
    saved = load(tmp_path / "models" / "sl")
    assert torch.allclose(logits(saved, ids), trained[0], atol=1e-4)
    assert not torch.allclose(logits(load(tiny_model), ids), trained[0], atol=1e-1)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["sl"]
    assert show.log[0] == (12, 0)
    assert show.closed == 1


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_the_first_loss_is_the_mean_over_the_response_alone(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any, style: Any
) -> None:
    steps, _ = sft.train_sft(str(tiny_model), [EXAMPLE], tmp_path / "sl", tmp_path, optim(), style, 1, show)
    before, ids = tokenized(tiny_model, style)
    logprobs = logits(load(tiny_model), ids).log_softmax(dim=-1)
    losses = [-float(logprobs[n - 1, ids[n]]) for n in range(len(before), len(ids))]
    assert steps[0].loss == pytest.approx(sum(losses) / len(losses), abs=1e-3)


@pytest.mark.parametrize(
    ("length", "ids", "labels"),
    [
        (9, [1, 2, 3, 4, 5], [-100, -100, -100, 4, 5]),
        (5, [1, 2, 3, 4, 5], [-100, -100, -100, 4, 5]),
        (3, [3, 4, 5], [-100, 4, 5]),
        (1, [4], [4]),
    ],
)
def test_what_is_too_long_keeps_its_response(length: int, ids: list[int], labels: list[int]) -> None:
    row = {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, -100, 4, 5]}
    assert sft._fitted(row, length) == {"input_ids": ids, "labels": labels}


def test_a_long_conversation_is_still_learnt_from(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    long = (Message("user", "How do I bake bread? " * 50),)
    settings = optim(max_length=64)
    steps, tokens = sft.train_sft(
        str(tiny_model), [Example(long, "Mix.")], tmp_path / "sl", tmp_path, settings, "raw", 1, show
    )
    assert tokens == 64
    assert steps[0].loss is not None
    assert steps[0].loss > 0


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_a_text_that_was_cut_is_learnt_without_an_end(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any, style: Any
) -> None:
    whole, ids = (tokenized(tiny_model, style, text) for text in (EXAMPLE.text, "Mix flour,"))
    steps, tokens = sft.train_sft(
        str(tiny_model), [Example(ASKED, "Mix flour,", False)], tmp_path / "sl", tmp_path, optim(), style, 1, show
    )
    before, after = ids
    end = sft.end_of_turn(AutoTokenizer.from_pretrained(tiny_model), style)
    assert after[-len(end) :] == end == whole[1][-len(end) :]
    assert tokens == len(after) - len(end)
    logprobs = logits(load(tiny_model), after).log_softmax(dim=-1)
    losses = [-float(logprobs[n - 1, after[n]]) for n in range(len(before), len(after) - len(end))]
    assert steps[0].loss == pytest.approx(sum(losses) / len(losses), abs=1e-3)


def test_only_what_was_cut_loses_its_end() -> None:
    rows = [{"input_ids": [1, 5, 8, 9], "labels": [-100, 5, 8, 9]}, {"input_ids": [1, 8], "labels": [-100, 8]}] * 2
    found = sft.unended(Dataset.from_list(rows), [True, True, False, False], [8, 9])
    assert found["input_ids"] == [[1, 5], [1, 8], [1, 5, 8, 9], [1, 8]]
    assert found["labels"] == [[-100, 5], [-100, 8], [-100, 5, 8, 9], [-100, 8]]


def test_what_begins_the_next_example_is_learnt_there() -> None:
    rows = [
        {"input_ids": [1, 2, 3], "labels": [-100, 2, 3]},
        {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, -100, -100, 5]},
        {"input_ids": [1, 2, 9], "labels": [-100, -100, 9]},
        {"input_ids": [1, 2, 9], "labels": [-100, -100, 9]},
    ]
    found = sft.nested(Dataset.from_list(rows))
    assert found.to_list() == [{"input_ids": [1, 2, 3, 4, 5], "labels": [-100, 2, 3, -100, 5]}, *rows[2:]]
    assert sft.nested(Dataset.from_list(rows[2:])).to_list() == rows[2:]


def test_a_critique_and_its_revision_are_read_once(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    critique = Example(ASKED, "Fine.")
    revision = Example((*ASKED, Message("assistant", "Fine."), Message("user", "Revise.")), EXAMPLE.text)

    def train(*examples: Example) -> tuple[float | None, int]:
        steps, tokens = sft.train_sft(str(tiny_model), examples, tmp_path / "sl", tmp_path, optim(), "chat", 1, show)
        return steps[0].loss, tokens

    both, alone = train(critique, revision), train(revision)
    assert both[1] == alone[1]
    assert both[0] != alone[0]  # the critique is learnt too
