"""Scores: read at the last real token, the same alone and in a batch, from what the stock class would read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken
from transformers import AutoModelForSequenceClassification

from precepts.engines.transformers import load_tokenizer
from precepts.records import Message, Messages
from precepts.training.scores import (
    NEW_PADDING,
    ClassifierScorer,
    encode_scored,
    last_token_scores,
    pad_right,
    padding_token,
    scored_text,
)

ASKED = (Message("user", "How do I bake bread?"),)
ITEMS: list[tuple[Messages, str]] = [
    (ASKED, "Mix flour, water, salt and yeast, let it rest and bake it in a hot oven."),
    (ASKED, "No."),
    ((*ASKED, Message("assistant", "Why?"), Message("user", "I am hungry.")), "Mix flour."),
    (ASKED, ""),
    (ASKED, "No!"),
]


@pytest.fixture(scope="module", params=["chat", "raw"])
def scorer(scoring_model: Path, request: pytest.FixtureRequest) -> ClassifierScorer:
    return ClassifierScorer(str(scoring_model), request.param, batch_size=2, device="cpu")


def test_a_batch_scores_as_each_item_alone(scorer: ClassifierScorer) -> None:
    scores = scorer.score(ITEMS)
    assert scores == pytest.approx([scorer.score([item])[0] for item in ITEMS], abs=1e-5)
    assert scores[::-1] == pytest.approx(scorer.score(ITEMS[::-1]), abs=1e-5)
    assert len(set(scores)) == len(ITEMS)


def test_nothing_to_score_is_no_score(scorer: ClassifierScorer) -> None:
    assert scorer.score([]) == []


def test_the_stock_class_gives_the_same_scores(scorer: ClassifierScorer, scoring_model: Path) -> None:
    stock = AutoModelForSequenceClassification.from_pretrained(scoring_model, dtype=torch.float32).eval()
    for (messages, text), score in zip(ITEMS, scorer.score(ITEMS), strict=True):
        ids = encode_scored(scorer.tokenizer, messages, text, scorer.style, 1024)
        padded = torch.tensor([[*ids, 0, 0, 0]])
        with torch.inference_mode():
            assert float(stock(torch.tensor([ids])).logits) == pytest.approx(score, abs=1e-5)
            assert float(stock(padded, attention_mask=(padded != 0).long()).logits) == pytest.approx(score, abs=1e-5)


def test_the_score_is_read_at_the_last_real_token(scorer: ClassifierScorer) -> None:
    def score(ids: list[int], padding: list[int]) -> float:
        mask = torch.tensor([[1] * len(ids) + [0] * len(padding)])
        return float(last_token_scores(scorer.model, torch.tensor([ids + padding]), mask).detach())

    plain = score([5, 6, 7, 2], [])
    assert score([5, 6, 7, 2], [0, 0]) == pytest.approx(plain, abs=1e-5)
    assert score([5, 6, 7, 2], [9, 2, 11]) == pytest.approx(plain, abs=1e-5)  # whatever stands in the padding
    assert score([5, 6, 7, 3], []) != pytest.approx(plain, abs=1e-3)
    assert score([5, 6, 8, 2], []) != pytest.approx(plain, abs=1e-3)


def test_padding_goes_to_the_right() -> None:
    tokens, mask = pad_right([[5, 6, 7], [8]], 0)
    assert tokens.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("raw", "\n\nHuman: How do I bake bread?\n\nAssistant: No."),
        ("chat", "<|start|>user\nHow do I bake bread?<|end|>\n<|start|>assistant\nNo.<|end|>\n"),
    ],
)
def test_what_is_read(tiny_model: Path, style: Any, text: str) -> None:
    assert scored_text(load_tokenizer(str(tiny_model)), ASKED, "No.", style) == text


def test_what_is_too_long_loses_its_beginning(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    whole = encode_scored(tokenizer, *ITEMS[0], "raw", 1000)
    assert encode_scored(tokenizer, *ITEMS[0], "raw", 7) == whole[-7:]
    assert len(whole) > 20


class _Tokenizer:
    def __init__(self, pad: str | None, unk: str | None, bos: str | None, *special: str) -> None:
        self.pad_token, self.unk_token, self.bos_token, self.eos_token = pad, unk, bos, "</s>"
        named = [each for each in (pad, unk, bos, "</s>", *special) if each]
        self.get_vocab = lambda: {token: n for n, token in enumerate(dict.fromkeys(named))}
        self.added_tokens_decoder = {n: AddedToken(token, special=True) for token, n in self.get_vocab().items()}


@pytest.mark.parametrize(
    ("tokenizer", "last", "token"),
    [
        (_Tokenizer("<pad>", "<unk>", "<s>"), (), "<pad>"),
        (_Tokenizer("<pad>", "<unk>", "<s>"), (0,), "<unk>"),  # texts end with <pad>
        (_Tokenizer("</s>", "<unk>", "<s>"), (), "<unk>"),
        (_Tokenizer(None, None, "<s>"), (), "<s>"),
        (_Tokenizer("</s>", "</s>", "</s>", "<|endoftext|>"), (), "<|endoftext|>"),
        (_Tokenizer("</s>", None, None, "<|start|>", "<|finetune_pad|>"), (), "<|finetune_pad|>"),
        (_Tokenizer("</s>", None, None, "<|start|>", "<|stop|>"), (1,), "<|stop|>"),
        (_Tokenizer("</s>", "</s>", "</s>"), (), NEW_PADDING),  # as GPT-2's
    ],
)
def test_the_padding_token_is_none_that_a_text_ends_with(
    tokenizer: _Tokenizer, last: tuple[int, ...], token: str
) -> None:
    assert padding_token(tokenizer, last) == token
