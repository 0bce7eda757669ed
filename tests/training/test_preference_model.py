"""The preference model learns soft odds, and is saved as the stock class with one label."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from precepts.records import Message
from precepts.training.pairs import packed
from precepts.training.preference_model import LabelledPair, train_preference_model
from precepts.training.scores import Scorer, encode_scored
from precepts.training.settings import LoraSettings, SupervisedSettings

ASKED = (Message("user", "How do I bake bread?"),)
Optim = Callable[..., SupervisedSettings]


def pairs(p_first: float, weight: float = 1.0) -> list[LabelledPair]:
    """Eight pairs, whose first response is kinder by the same words."""
    return [LabelledPair(ASKED, f"Mix {n} cups. Kindly", f"Mix {n} cups. Badly", p_first, weight) for n in range(8)]


def gaps(scorer: Scorer, data: list[LabelledPair]) -> list[float]:
    first, second = (
        scorer.score([(p.messages, text) for p, text in each])
        for each in ([(p, p.first) for p in data], [(p, p.second) for p in data])
    )
    return [one - two for one, two in zip(first, second, strict=True)]


def scorer_of(folder: Path) -> Scorer:
    return Scorer(str(folder), "chat", device="cpu")


@pytest.mark.parametrize("lora", [LoraSettings(rank=4, alpha=8), None], ids=["lora", "whole"])
def test_it_learns_the_labels_odds_and_saves_what_it_learnt(
    tiny_model: Path, tmp_path: Path, optim: Optim, show: Any, lora: LoraSettings | None
) -> None:
    settings = optim(epochs=30.0, batch_size=8, micro_batch=4, lora=lora, learning_rate=5e-3)
    data = pairs(0.8)
    steps, tokens = train_preference_model(str(tiny_model), data, tmp_path / "pm", tmp_path, settings, "chat", 1, show)
    losses = [step.loss for step in steps if step.loss is not None]
    assert len(losses) == 30
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)  # every pair begins at even odds
    assert losses[-1] == pytest.approx(0.500402, abs=5e-3)  # the entropy of (0.8, 0.2): it cannot be less
    scorer = scorer_of(tmp_path / "pm")
    assert gaps(scorer, data) == pytest.approx([math.log(0.8 / 0.2)] * 8, abs=0.25)
    ids = [encode_scored(scorer.tokenizer, ASKED, text, "chat", 512) for p in data for text in (p.first, p.second)]
    once = [len(packed(one, other)["input_ids"]) for one, other in zip(ids[0::2], ids[1::2], strict=True)]
    assert tokens == 30 * sum(once) < 30 * sum(map(len, ids))  # what a pair has in common is read once
    assert show.log[0] == (30, 0)

    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "pm", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "pm")
    assert stock.config.num_labels == 1
    assert stock.config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id
    with torch.inference_mode():
        logits = [float(stock(torch.tensor([each])).logits) for each in ids[0::2]]
    assert logits == pytest.approx(scorer.score([(ASKED, p.first) for p in data]), abs=1e-4)


def test_a_heavier_source_wins_even_where_each_pair_is_a_batch_of_its_own(
    tiny_model: Path, tmp_path: Path, optim: Optim, show: Any
) -> None:
    # The same pair, labelled 1 three times as heavily as 0: the odds to learn are 3 to 1.
    data = [LabelledPair(ASKED, "Kindly", "Badly", p, weight) for p, weight in ((1.0, 3.0), (0.0, 1.0)) * 4]
    settings = optim(epochs=25.0, batch_size=8, micro_batch=1, learning_rate=5e-3, lora=None)
    train_preference_model(str(tiny_model), data, tmp_path / "pm", tmp_path, settings, "chat", 1, show)
    assert gaps(scorer_of(tmp_path / "pm"), data[:1]) == pytest.approx([math.log(3)], abs=0.25)
