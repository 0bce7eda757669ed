"""Packed pairs: the same scores and gradients as separate passes, whatever the lengths; and several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from precepts.training.losses import soft_preference_loss
from precepts.training.pairs import collated, packed, packs_rightly, scores_pairs, visible
from precepts.training.scores import last_token_scores, pad_right

PAIRS = [
    ([1, 2, 3, 4, 5], [1, 2, 3, 9, 8, 7, 6]),
    ([1, 2, 3, 4, 5], [1, 2, 3, 4]),  # one is the other's beginning
    ([5, 6], [7, 8, 9]),  # nothing in common, as after a cut
    ([3, 3, 3], [3, 3, 3]),
]


def load(tiny_model: Path) -> Any:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = 0
    torch.nn.init.normal_(model.score.weight)
    return model.eval()


def test_a_row_by_hand() -> None:
    row = packed([1, 2, 3, 4], [1, 2, 9, 8, 7])
    assert row["input_ids"] == [1, 2, 3, 4, 9, 8, 7]
    assert row["segments"] == [0, 0, 1, 1, 2, 2, 2]
    assert row["positions"] == [0, 1, 2, 3, 2, 3, 4]
    assert row["ends"] == [3, 6]
    assert packed([1, 2], [1, 3], share=False)["input_ids"] == [1, 2, 1, 3]


def test_who_sees_whom_by_hand() -> None:
    shared, first, second, padding = 0, 1, 2, -1
    seen = visible(torch.tensor([[shared, first, second, second, padding]]))[0, 0].int().tolist()
    assert seen == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 0, 0, 0, 1]]


@pytest.mark.parametrize("share", [True, False])
def test_scores_and_gradients_are_those_of_separate_passes(tiny_model: Path, share: bool) -> None:
    labels = torch.tensor([0.9, 0.3, 0.5, 1.0])
    model = load(tiny_model)
    tokens, mask = pad_right([ids for pair in PAIRS for ids in pair], 0)
    apart = last_token_scores(model, tokens, mask)
    soft_preference_loss(apart[0::2], apart[1::2], labels).mean().backward()
    wanted = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    together = scores_pairs(model)(**collated([packed(*pair, share=share) for pair in PAIRS], 0))
    soft_preference_loss(together[:, 0], together[:, 1], labels).mean().backward()
    assert together.flatten().tolist() == pytest.approx(apart.tolist(), abs=1e-4)
    for name, each in model.named_parameters():
        if name in wanted:
            assert torch.allclose(each.grad, wanted[name], atol=1e-4), name


IDS = st.lists(st.integers(1, 5), min_size=1, max_size=12)


@given(IDS, IDS)
def test_a_row_holds_both_texts(first: list[int], second: list[int]) -> None:
    row = packed(first, second)
    texts = [[t for t, s in zip(row["input_ids"], row["segments"], strict=True) if s in (0, own)] for own in (1, 2)]
    assert texts == [first, second]
    assert [row["positions"][end] for end in row["ends"]] == [len(first) - 1, len(second) - 1]


def test_a_model_that_takes_no_mask_of_ours_is_found_out(tiny_model: Path) -> None:
    model = load(tiny_model)
    assert packs_rightly(model, PAIRS[:2], 0)
    plain = model.base_model.forward

    def deaf(attention_mask: Any = None, **given: Any) -> Any:
        return plain(**given)

    model.base_model.forward = deaf
    assert not packs_rightly(model, PAIRS[:2], 0)
