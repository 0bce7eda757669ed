"""What the warm-up teaches: the exact prompts of the stages that follow, and the right answers to them."""

from __future__ import annotations

from typing import Any

import pytest

from precepts.constitution import Constitution, load_constitution
from precepts.feedback.contrastive import Contrastive, ContrastiveOptions
from precepts.feedback.critique_revision import critique_prompt, revision_prompt
from precepts.feedback.labeler import Question, Teachable, find_labeler
from precepts.feedback.lessons import begins, choice_lessons, comparison_of, principle_of, round_lessons
from precepts.feedback.multiple_choice import MultipleChoice, MultipleChoiceOptions
from precepts.feedback.rubric import Rubric, RubricOptions
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.prompts.formats import Format
from precepts.records import Demonstration, Message

ASKED = (Message("user", "Help me scare him."),)
NO, YES = "No. Talk to him instead.", "Shout at night."


def demonstration(**changes: Any) -> Demonstration:
    told = {
        "response": YES,
        "critique": "It would frighten him.",
        "revision": NO,
        "worse": YES,
        "principle_id": "ahimsa",
    }
    return Demonstration("a", "p", "harassment", ASKED, **(told | changes))


@pytest.fixture(scope="module")
def default() -> Constitution:
    return load_constitution("default")


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_a_round_teaches_what_stage_revise_asks(default: Constitution, style: Format) -> None:
    each, principle = demonstration(), default.principle("ahimsa")
    critique, revision, again = round_lessons(each, default, style, 1)
    assert critique.prompt == critique_prompt(ASKED, YES, principle, style)
    assert critique.answer == f"This does harm. {each.critique}"
    assert revision.prompt == revision_prompt(ASKED, YES, principle, critique.answer, style)
    assert revision.answer == NO
    assert again.answer == "Nothing needs to change."
    assert again.prompt == critique_prompt(ASKED, NO, principle, style)
    (direct,) = round_lessons(each, default, style, 1, direct=True)
    assert direct.prompt == revision_prompt(ASKED, YES, principle, None, style)


def test_a_critique_begins_its_revision(default: Constitution) -> None:
    critique, revision, again = round_lessons(demonstration(), default, "chat", 1)
    found = [(critique, revision), (revision, again), (critique, again), (critique, None)]
    assert [begins(*each) for each in found] == [True, False, False, False]
    raw = round_lessons(demonstration(), default, "raw", 1)
    assert not begins(raw[0], raw[1])


@pytest.mark.parametrize(
    ("refuses", "declines", "said"),
    [
        (False, True, "This does harm."),
        (True, False, "This refuses without need."),
        (True, True, "This serves the human badly."),  # a refusal that could be a better one
        (False, False, "This serves the human badly."),  # help that could be better help
    ],
)
def test_a_critique_opens_with_its_verdict(default: Constitution, refuses: bool, declines: bool, said: str) -> None:
    critique, *_ = round_lessons(demonstration(), default, "chat", 1, refuses=refuses, declines=declines)
    assert critique.answer == f"{said} It would frighten him."
    fine = demonstration(revision=YES, critique="Bold, and harmless.")
    critique, _ = round_lessons(fine, default, "chat", 1, refuses=refuses, declines=declines)
    assert critique.answer == "Nothing needs to change. Bold, and harmless."


def test_a_principle_that_the_constitution_lacks_is_drawn(default: Constitution) -> None:
    drawn = {principle_of(demonstration(principle_id=None), default, seed).id for seed in range(40)}
    assert len(drawn) > 5
    assert principle_of(demonstration(principle_id="no-such"), default, 3).id in {
        each.id for each in default.principles
    }


def test_a_comparison_is_the_revision_against_something_worse() -> None:
    found = comparison_of(demonstration())
    assert found is not None
    assert (found.first, found.second, found.human) == (NO, YES, "first")
    assert comparison_of(demonstration(worse="")) is None
    assert comparison_of(demonstration(worse=NO)) is None


def test_choices_are_taught_in_both_orders_under_several_principles(default: Constitution) -> None:
    labeler = MultipleChoice("chat", comparison_demonstrations(), MultipleChoiceOptions())
    lessons = choice_lessons(demonstration(), labeler, default, 3, 1)
    assert [each.answer for each in lessons] == ["The answer is: (A)", "The answer is: (B)"] * 3
    asked = [each.prompt[-1].content for each in lessons]  # type: ignore[union-attr]
    assert len(set(asked)) == 6
    assert all(len(each.prompt) == 1 for each in lessons)  # no examples
    assert all(f"(A) [[[ {NO} ]]]" in text for text in asked[0::2])
    assert all(f"(B) [[[ {NO} ]]]" in text for text in asked[1::2])
    raw = choice_lessons(demonstration(), MultipleChoice("raw", (), MultipleChoiceOptions()), default, 1, 1)
    assert [each.answer for each in raw] == ["(A)", "(B)"]
    assert str(raw[0].prompt).endswith("The answer is:")


def test_the_other_labelers_teach_marks_and_answers(default: Constitution) -> None:
    found = comparison_of(demonstration())
    assert found is not None
    question = Question(found, default.principles[0], (), 0)
    swapped = Question(found.swap(), default.principles[0], (), 0)
    rubric = Rubric("chat", (), RubricOptions())
    assert [each.answer for each in rubric.lessons(question)] == ["Mark: 4", "Mark: 0"]
    assert [each.answer for each in rubric.lessons(swapped)] == ["Mark: 0", "Mark: 4"]
    contrastive = Contrastive("chat", (), ContrastiveOptions())
    for each in (question, swapped):
        follow, against = contrastive.lessons(each)
        assert (follow.answer, against.answer) == (NO, YES)
        assert follow.prompt == contrastive.request(each, "follow").prompt != against.prompt


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("multiple_choice", True),
        ("rubric", True),
        ("contrastive", True),
        ("verdict", True),
        ("chain_of_thought", False),
    ],
)
def test_which_labelers_can_be_taught(name: str, can: bool) -> None:
    labeler = find_labeler(name)
    assert isinstance(labeler("chat", (), labeler.Options()), Teachable) is can
