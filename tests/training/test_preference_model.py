"""The preference model learns soft odds, and is saved as the stock class with one label."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from precepts.records import Message
from precepts.training.pairs import PairRow
from precepts.training.preference_model import LabelledPair, train_preference_model
from precepts.training.scores import ClassifierScorer, encode_scored, pad_right
from precepts.training.settings import LoraSettings, SupervisedSettings

ASKED = (Message("user", "How do I bake bread?"),)
Optim = Callable[..., SupervisedSettings]


def pairs(p_first: float, weight: float = 1.0) -> list[LabelledPair]:
    """Eight pairs, whose first response is kinder by the same words."""
    return [LabelledPair(ASKED, f"Mix {n} cups. Kindly", f"Mix {n} cups. Badly", p_first, weight) for n in range(8)]


def gaps(scorer: ClassifierScorer, data: list[LabelledPair]) -> list[float]:
    first, second = (
        scorer.score([(p.messages, text) for p, text in each])
        for each in ([(p, p.first) for p in data], [(p, p.second) for p in data])
    )
    return [one - two for one, two in zip(first, second, strict=True)]


def scorer_of(folder: Path) -> ClassifierScorer:
    return ClassifierScorer(str(folder), "chat", device="cpu")


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
    assert tokens == 30 * sum(map(len, ids))
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


def gpt2_like(tiny_raw_model: Path, folder: Path) -> Path:
    """A tiny GPT-2 whose tokenizer knows one special token, the end."""
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    core = json.loads((tiny_raw_model / "tokenizer.json").read_text())
    core["added_tokens"] = [each for each in core["added_tokens"] if each["content"] == "<|end|>"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(core)), eos_token="<|end|>")
    end = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.eos_token_id}
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=512, **end)
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("lora", [LoraSettings(rank=4, alpha=8), None], ids=["lora", "whole"])
def test_a_tokenizer_with_an_end_token_alone_gets_one_to_pad_with(
    tiny_raw_model: Path, tmp_path: Path, optim: Optim, show: Any, lora: LoraSettings | None
) -> None:
    model = gpt2_like(tiny_raw_model, tmp_path / "gpt2")
    settings = optim(epochs=2.0, batch_size=4, lora=lora, checkpoint_steps=2)
    train_preference_model(str(model), pairs(0.8), tmp_path / "pm", tmp_path, settings, "raw", 1, show)
    scorer = ClassifierScorer(str(tmp_path / "pm"), device="cpu")
    assert scorer.style == "raw"
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "pm", dtype=torch.float32).eval()
    before = len(AutoTokenizer.from_pretrained(model))
    assert stock.config.vocab_size == len(scorer.tokenizer) == before + 1
    assert stock.config.pad_token_id == scorer.tokenizer.pad_token_id == before
    data = [(ASKED, "Mix 5 cups."), (ASKED, "Mix it.<|end|>")]  # the end token at the end is no padding
    ids = [encode_scored(scorer.tokenizer, *each, "raw", 512) for each in data]
    assert ids[1][-1] == scorer.tokenizer.eos_token_id
    tokens, mask = pad_right(ids, before)
    with torch.inference_mode():
        assert stock(tokens, attention_mask=mask).logits[:, 0].tolist() == pytest.approx(scorer.score(data), abs=1e-4)


def test_packing_changes_no_step(
    tiny_model: Path, tmp_path: Path, optim: Optim, show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = optim(epochs=2.0, batch_size=4, micro_batch=2)
    data = [LabelledPair(ASKED, "Mix it. " * n, "No." * (n % 3), 0.8, 1.0) for n in range(10)]
    packed, apart = tmp_path / "packed", tmp_path / "apart"
    once = train_preference_model(str(tiny_model), data, packed / "pm", packed, settings, "chat", 1, show)
    monkeypatch.setattr("precepts.training.preference_model.can_pack", lambda *_: False)
    monkeypatch.setattr("precepts.training.pairs.PairRow.longest", PairRow.packed)  # the same order
    twice = train_preference_model(str(tiny_model), data, apart / "pm", apart, settings, "chat", 1, show)
    assert [step.loss for step in once[0]] == pytest.approx([step.loss for step in twice[0]], abs=1e-4)
    assert once[1] == twice[1]
    assert gaps(scorer_of(packed / "pm"), data) == pytest.approx(gaps(scorer_of(apart / "pm"), data), abs=1e-2)


def test_micro_batches_change_no_step(tiny_model: Path, tmp_path: Path, optim: Optim, show: Any) -> None:
    data = [LabelledPair(ASKED, "Mix it. " * n, "No.", 0.8, 1.0 + n) for n in range(7)]  # batches of 4 and 3
    losses = []
    for micro in (1, 2, 4):
        settings = optim(epochs=2.0, batch_size=4, micro_batch=micro)
        steps, _ = train_preference_model(
            str(tiny_model), data, tmp_path / "pm", tmp_path / str(micro), settings, "chat", 1, show
        )
        losses.append([step.loss for step in steps])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert losses[0] == pytest.approx(losses[2], abs=1e-4)
