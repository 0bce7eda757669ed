"""The split: fixed for ever, about the right share, and kept out of training."""

from __future__ import annotations

import pytest

from precepts.errors import RunError
from precepts.records import Message, Messages
from precepts.sources.split import refuse_held_out, side_of


def asked(text: str, *more: Message) -> Messages:
    return (Message("user", text), *more)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_share_is_about_right(share: float) -> None:
    kept_out = sum(side_of(asked(f"Question {index}"), share) == "held_out" for index in range(5000))
    assert abs(kept_out / 5000 - share) < 0.03
    assert share not in (0.0, 1.0) or kept_out == 5000 * share


def test_what_is_held_out_at_a_small_share_stays_so_at_a_larger_one() -> None:
    for index in range(500):
        if side_of(asked(f"Question {index}"), 0.2) == "held_out":
            assert side_of(asked(f"Question {index}"), 0.4) == "held_out"


@pytest.mark.parametrize(
    "other",
    [
        asked("  how do I\nBAKE bread? "),
        asked("How do I bake bread?", Message("assistant", "Slowly."), Message("user", "And then?")),
        (Message("system", "Be kind."), Message("user", "How do I bake bread?")),
    ],
    ids=["case and space", "later turns", "system message"],
)
def test_conversations_that_open_alike_are_on_one_side(other: Messages) -> None:
    for percent in range(0, 101, 5):
        assert side_of(other, percent / 100) == side_of(asked("How do I bake bread?"), percent / 100)


def test_training_on_what_is_held_out_is_refused() -> None:
    good = next(asked(f"Q {n}") for n in range(99) if side_of(asked(f"Q {n}"), 0.5) == "train")
    bad = next(asked(f"Q {n}") for n in range(99) if side_of(asked(f"Q {n}"), 0.5) == "held_out")
    refuse_held_out([("good", good)], {"other"}, 0.5, "sl")
    with pytest.raises(RunError, match="sl: prompt bad is held out for evaluation and must not be trained on: 'Q "):
        refuse_held_out([("good", good), ("bad", bad)], set(), 0.5, "sl")
    with pytest.raises(RunError, match="pm: prompt good is held out"):
        refuse_held_out([("good", good)], {"good"}, 0.5, "pm")
