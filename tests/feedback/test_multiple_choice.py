"""The multiple-choice labeler: worked numbers, both orders, principles drawn anew, and nothing guessed."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.constitution import Constitution, Principle, Source
from precepts.engines import ChoiceRequest, ScriptedEngine
from precepts.engines.base import option_share
from precepts.engines.scripted import said
from precepts.feedback.multiple_choice import MultipleChoice, preference
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.records import AIPreference, Comparison, Message

NAN, INF = math.nan, math.inf
CONSTITUTION = Constitution(
    name="test",
    version="1",
    principles=[
        Principle(
            id=f"rule-{n}",
            title="Rule",
            source=Source(work="this test"),
            critique_request="Criticise.",
            revision_request="Revise.",
            comparison_request=f"Choose by rule {n}.",
        )
        for n in range(4)
    ],
)


def comparison(first: str = "Mix flour.", second: str = "I can't.", name: str = "c1") -> Comparison:
    return Comparison(name, "p1", "train", (Message("user", "How do I bake {first}?"),), first, second)


def label(engine: ScriptedEngine, *items: Comparison, both: bool = True, seed: int = 1) -> list[AIPreference]:
    return MultipleChoice("chat", 2, both).label(engine, items, CONSTITUTION, seed)


# --- worked numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logprobs", "share"),
    [
        ([-1.0, -2.0], 0.731059),  # 1 / (1 + e^-1)
        ([-2.0, -1.0], 0.268941),
        ([math.log(0.3), math.log(0.1)], 0.75),
        ([-700.0, -700.0], 0.5),
        ([-900.0, -1.0], 0.0),
        ([-1.0, -900.0], 1.0),
        ([-1.0, -INF], 1.0),
        ([-INF, -1.0], 0.0),
        ([-INF, -INF], None),
        ([NAN, -1.0], None),
        ([-1.0, NAN], None),
    ],
)
def test_the_share_of_the_first_option(logprobs: list[float], share: float | None) -> None:
    found = option_share(logprobs)
    assert found == (None if share is None else pytest.approx(share, abs=1e-6))


@pytest.mark.parametrize(
    ("logprobs", "swapped", "p_first"),
    [
        ([math.log(0.6), math.log(0.2)], None, 0.75),
        ([math.log(0.6), math.log(0.2)], [math.log(0.1), math.log(0.3)], 0.75),  # B holds the first: 0.75 too
        ([math.log(0.9), math.log(0.1)], [math.log(0.9), math.log(0.1)], 0.5),  # A whatever stands there
        ([math.log(0.8), math.log(0.2)], [math.log(0.4), math.log(0.6)], 0.7),
        ([NAN, NAN], [-1.0, -1.0], None),
        ([-1.0, -1.0], [NAN, NAN], None),  # one order alone would be biased
    ],
)
def test_preference_averages_both_orders(
    logprobs: list[float], swapped: list[float] | None, p_first: float | None
) -> None:
    assert preference(logprobs, swapped) == (None if p_first is None else pytest.approx(p_first))


# --- the bias of a place --------------------------------------------------------------------------------------------


def biased(bias: float) -> ScriptedEngine:
    """Likes longer options, and likes (A) by `bias`; both in nats."""

    def odds(request: ChoiceRequest) -> list[float]:
        options = said(request).rpartition("Options:")[2]
        a, b = (options.partition(mark)[2].partition("]]]")[0] for mark in ("(A) [[[", "(B) [[["))
        return [bias + len(a) / 10 - 5, len(b) / 10 - 5]

    return ScriptedEngine([], odds)


TEXTS = st.text(alphabet="abc .", max_size=30)


@given(TEXTS, TEXTS, st.floats(-3, 3))
def test_a_swap_turns_the_label_round_whatever_the_bias(first: str, second: str, bias: float) -> None:
    item = comparison(first, second)
    one, other = label(biased(bias), item, item.swap())
    assert one.p_first is not None
    assert other.p_first is not None
    assert one.p_first + other.p_first == pytest.approx(1)
    assert one.principle_id == other.principle_id
    assert one.logprobs == other.logprobs_swapped
    if len(first) == len(second):
        assert one.p_first == pytest.approx(0.5)


def test_one_order_keeps_the_bias() -> None:
    item = comparison("same length", "length same")
    one, other = label(biased(2.0), item, item.swap(), both=False)
    assert one.p_first == other.p_first == pytest.approx(1 / (1 + math.exp(-2)))
    assert one.logprobs_swapped is None


def test_the_raw_log_probabilities_of_both_orders_are_kept() -> None:
    (kept,) = label(biased(1.0), comparison("1234567890", "12345"))
    options = [1.0 + 12 / 10 - 5, 7 / 10 - 5], [1.0 + 7 / 10 - 5, 12 / 10 - 5]  # a space each side
    assert kept.logprobs == pytest.approx(options[0])
    assert kept.logprobs_swapped == pytest.approx(options[1])
    assert kept.p_first == preference(*options)
    assert (kept.labeler, kept.model, kept.id, kept.prompt_id) == ("multiple_choice", "scripted", "c1", "p1")


@pytest.mark.parametrize("place", ["first order", "second order"])
def test_a_label_without_odds_is_unscored_and_never_even(place: str) -> None:
    calls = iter([[NAN, NAN], [-1.0, -2.0]] if place == "first order" else [[-1.0, -2.0], [NAN, NAN]])
    (kept,) = label(ScriptedEngine([], odds=lambda _: next(calls)), comparison())
    assert kept.p_first is None
    assert kept.unscored == "no_logprobs"
    assert (kept.logprobs is None) == (place == "first order")
    assert (kept.logprobs_swapped is None) == (place == "second order")


# --- what is asked --------------------------------------------------------------------------------------------------


def asked(style: str, shots: int) -> ChoiceRequest:
    labeler = MultipleChoice(style, shots, True)  # type: ignore[arg-type]
    return labeler.request(comparison(), CONSTITUTION.principles[0], CONSTITUTION.principles[1 : 1 + shots])


def test_the_question_word_for_word() -> None:
    assert asked("raw", 0).prompt == (
        "Read this conversation between a human and an assistant:\n\n[[[\nHuman: How do I bake {first}?\n]]]\n\n"
        "Choose by rule 0.\n\nOptions:\n(A) [[[ Mix flour. ]]]\n(B) [[[ I can't. ]]]\n\nThe answer is:"
    )


def test_the_answer_is_begun_in_chat_and_its_options_begin_with_a_space() -> None:
    request = asked("chat", 0)
    assert request.prefill == "The answer is:"
    assert request.answers == (" (A)", " (B)")
    assert [message.role for message in request.prompt if isinstance(message, Message)] == ["user"]


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_shots_carry_their_own_principles_and_right_answers(style: str) -> None:
    text = said(asked(style, 3))
    shots = comparison_demonstrations()[:3]
    places = [text.index(part) for shot in shots for part in (shot.prompt, shot.first, shot.second)]
    assert places == sorted(places)
    assert [text.index(f"Choose by rule {n}.") for n in (1, 2, 3, 0)] == sorted(
        text.index(f"Choose by rule {n}.") for n in range(4)
    )
    options = ["(A)" if shot.answer == "first" else "(B)" for shot in shots]
    answers = [part[1:4] for part in text.split("The answer is:")[1:]]
    assert answers == [*options, ""]


def test_principles_are_drawn_for_each_label_and_each_shot() -> None:
    items = [comparison(name=f"c{n}") for n in range(400)]
    labels = label(ScriptedEngine([]), *items)
    drawn = Counter((each.principle_id, *each.shot_principles) for each in labels)
    for place in range(3):
        counts = Counter(key[place] for key in drawn.elements())
        assert all(70 < counts[f"rule-{n}"] < 130 for n in range(4))
    pairs = Counter((each.principle_id, each.shot_principles[0]) for each in labels)
    assert len(pairs) == 16  # independent: every combination occurs
    assert max(pairs.values()) < 50


def test_the_seed_and_the_comparison_decide_the_draws() -> None:
    items = [comparison(name=f"c{n}") for n in range(20)]
    draws = [[each.principle_id for each in label(ScriptedEngine([]), *items, seed=seed)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    alone = [label(ScriptedEngine([]), item)[0].principle_id for item in items]
    assert alone == draws[0]


def test_a_label_says_what_it_was_made_under() -> None:
    (kept,) = label(ScriptedEngine([]), comparison())
    assert kept.principle_hash == CONSTITUTION.principle(kept.principle_id).hash
    assert kept.constitution_hash == CONSTITUTION.hash
    assert len(kept.shot_principles) == 2


def test_no_comparisons_are_no_labels() -> None:
    assert label(ScriptedEngine([])) == []
