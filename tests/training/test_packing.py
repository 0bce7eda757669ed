"""Packed pairs: the same scores and gradients as separate passes, whatever the lengths, or not packed at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForSequenceClassification

from precepts.engines.transformers import load_tokenizer
from precepts.records import Message
from precepts.training.losses import soft_preference_loss
from precepts.training.packing import (
    can_pack,
    collate,
    give_pair_scores,
    packed,
    packing_pays,
    pair_mask,
    separate,
)
from precepts.training.pairs import LabelledPair, PairRow, pair_row
from precepts.training.preference_model import pair_rows
from precepts.training.scores import ClassifierScorer, last_token_scores, pad_right
from precepts.training.settings import LoraSettings

SHARED = list(range(10, 30))
ROWS = [
    pair_row([*SHARED, 5, 6, 7], [*SHARED, 8, 9, 4, 3, 2], 0.9, 1.0),
    pair_row([*SHARED[:4], 5], [*SHARED[:4], 6, 7, 8, 9, 9, 9, 9], 0.2, 1.0),  # padded
    pair_row([5, 6], [7, 8, 9], 0.4, 1.0),  # nothing in common, as after a cut
    pair_row([5, 6, 7, 8, 9], [5, 6, 7], 0.7, 1.0),  # one is the other's beginning
    pair_row([5, 6, 7], [5, 6, 7, 8], 0.7, 1.0),
    pair_row([3, 3, 3], [3, 3, 3], 0.5, 1.0),
]


def tiny(kind: str, attention: str = "sdpa", dtype: torch.dtype = torch.float32, **more: Any) -> Any:
    """A tiny scoring model of any architecture, with random weights."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    words = {"vocab_size": 64, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    more = ({"num_key_value_heads": 2} if kind in ("qwen2", "mistral") else {}) | more
    config = AutoConfig.for_model(kind, **sizes, **words, num_labels=1, initializer_range=0.3, **more)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation=attention, dtype=dtype).eval()
    torch.nn.init.normal_(model.score.weight)
    model.score.float()
    return model


def learn(model: Any, scores: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of the pairs' mean loss."""
    model.zero_grad()
    soft_preference_loss(scores[:, 0], scores[:, 1], torch.tensor([row.p_first for row in ROWS])).mean().backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def alone(model: Any, rows: list[PairRow]) -> torch.Tensor:
    """The scores (pairs, 2) of texts each of which has a pass of its own."""
    texts = [pad_right([ids], 0) for row in rows for ids in (row.first, row.second)]
    return torch.cat([last_token_scores(model, *text) for text in texts]).reshape(-1, 2)


def test_a_row_by_hand() -> None:
    row = packed([pair_row([1, 2, 3, 4], [1, 2, 9, 8, 7], 0.5, 1.0), pair_row([4, 5], [4], 0.5, 1.0)], 0)
    assert row["input_ids"].tolist() == [[1, 2, 3, 4, 9, 8, 7], [4, 5, 0, 0, 0, 0, 0]]
    assert row["segments"].tolist() == [[0, 0, 1, 1, 2, 2, 2], [0, 1, 3, 3, 3, 3, 3]]
    assert row["position_ids"].tolist() == [[0, 1, 2, 3, 2, 3, 4], [0, 1, 0, 0, 0, 0, 0]]
    assert row["ends"].tolist() == [[3, 6], [1, 0]]


def test_who_sees_whom_by_hand() -> None:
    seen = pair_mask(torch.tensor([[0, 1, 2, 2, 3]]))[0, 0].int().tolist()
    assert seen == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 0, 0, 0, 1]]


@given(*[st.lists(st.integers(1, 3), min_size=1, max_size=9)] * 2)
def test_a_row_holds_both_texts(first: list[int], second: list[int]) -> None:
    row = {name: each[0].tolist() for name, each in packed([pair_row(first, second, 0.5, 1.0)], 0).items()}
    for own, (text, end) in enumerate(zip((first, second), row["ends"], strict=True), start=1):
        tokens = zip(row["input_ids"], row["position_ids"], row["segments"], strict=True)
        assert [(token, at) for token, at, segment in tokens if segment in (0, own)] == list(
            zip(text, range(len(text)), strict=True)
        )
        assert (row["input_ids"][end], row["position_ids"][end]) == (text[-1], len(text) - 1)


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("layout", [packed, separate])
@pytest.mark.parametrize(
    ("kind", "attention"),
    [("llama", "sdpa"), ("llama", "eager"), ("gpt2", "sdpa"), ("opt", "sdpa"), ("qwen2", "eager")],
)
def test_scores_and_gradients_are_those_of_separate_passes(
    kind: str, attention: str, layout: Callable[..., Any], lora: bool
) -> None:
    from peft import get_peft_model

    from precepts.training.fit import lora_config

    model = tiny(kind, attention)
    outer = get_peft_model(model, lora_config(LoraSettings(rank=4), "SEQ_CLS", model)) if lora else model
    for name, weight in outer.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    apart = alone(model, ROWS)
    wanted = learn(outer, apart)
    give_pair_scores(model)
    scores = outer(**layout(ROWS, 0))
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, apart, atol=1e-4)
    found = learn(outer, scores)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        assert torch.allclose(gradient, wanted[name], atol=1e-4), name


def test_under_autocast_layouts_differ_by_rounding() -> None:
    model = tiny("llama", dtype=torch.bfloat16)
    apart = alone(model, ROWS)
    give_pair_scores(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model(**packed(ROWS, 0))
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, apart, atol=0.1 * float(apart.detach().abs().max()))


@pytest.mark.parametrize("style", ["raw", "chat"])
@pytest.mark.parametrize("max_length", [512, 40])
def test_a_pair_scores_as_the_scorer_scores_its_texts(scoring_model: Path, style: Any, max_length: int) -> None:
    asked = (Message("user", "How do I bake bread?"),)
    answers = [("Mix flour.", "No."), ("I can't help with that, since it could hurt.", "Mix it."), ("Yes.", "Yes.")]
    scorer = ClassifierScorer(str(scoring_model), style, device="cpu")
    scorer.max_length = max_length
    data = [LabelledPair(asked, *both, 0.5, 1.0) for both in answers]
    rows = pair_rows(load_tokenizer(str(scoring_model)), data, style, max_length)
    if max_length == 40:
        assert rows[1].shared == 0  # the longer text lost another beginning than the shorter
    wanted = [scorer.score([(asked, text) for text in both]) for both in answers]
    give_pair_scores(scorer.model)
    with torch.inference_mode():
        for layout in (packed, separate):
            assert torch.allclose(scorer.model(**layout(rows, 0)), torch.tensor(wanted), atol=1e-4)


@pytest.mark.parametrize(
    ("shared", "own", "pays"),
    [(100, 20, True), (1500, 500, True), (1, 20, True), (0, 20, False), (10, 2000, False)],
)
def test_two_long_texts_with_nothing_in_common_are_cheaper_apart(shared: int, own: int, pays: bool) -> None:
    first, second = ([*range(shared), *[filler] * own] for filler in (-1, -2))
    short = pair_row([1, 2], [1, 3], 0.5, 1.0)
    assert packing_pays([pair_row(first, second, 0.5, 1.0), short], 576) is pays
    assert ("segments" in collate([short], 0, 576), "segments" in collate([short], 0, None)) == (True, False)


def test_models_that_can_be_told_who_sees_whom_are_packed() -> None:
    for kind in ("llama", "gpt2", "opt", "qwen2", "gpt_neox"):
        model = tiny(kind).train()
        assert can_pack(model, ROWS, 0)
        assert model.training
    assert can_pack(tiny("mistral", sliding_window=26), ROWS, 0)
    assert can_pack(tiny("llama", dtype=torch.bfloat16), ROWS, 0)


def test_models_that_cannot_are_not() -> None:
    assert not can_pack(tiny("mistral", sliding_window=24), ROWS, 0)  # the longest text has 25 tokens
    assert not can_pack(tiny("falcon", alibi=True), ROWS, 0)
    assert not can_pack(tiny("bloom", "eager"), ROWS, 0)
    assert not can_pack(tiny("jamba", use_mamba_kernels=False), ROWS, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("deaf_to", ["attention_mask", "position_ids"])
def test_a_model_that_is_deaf_to_what_it_is_told_is_found_out(deaf_to: str, dtype: torch.dtype) -> None:
    model = tiny("llama", dtype=dtype)
    plain = model.base_model.forward
    model.base_model.forward = lambda **given: plain(**{name: each for name, each in given.items() if name != deaf_to})
    assert not can_pack(model, ROWS, 0)


def test_a_model_that_refuses_such_a_mask_is_not_packed() -> None:
    model = tiny("llama")
    plain = model.base_model.forward

    def narrow(attention_mask: torch.Tensor, **given: Any) -> Any:
        _rows, _length = attention_mask.shape  # separate rows' mask: nothing else unpacks
        return plain(attention_mask=attention_mask, **given)

    model.base_model.forward = narrow
    assert not can_pack(model, ROWS, 0)
