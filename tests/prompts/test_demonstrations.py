"""The few-shot demonstrations are what the paper's method needs of them."""

from __future__ import annotations

from precepts.feedback.critique_revision import round_turns
from precepts.prompts.demonstrations import comparison_demonstrations, critique_demonstrations
from precepts.prompts.formats import render


def test_two_rounds_show_a_response_that_was_fine_and_stays() -> None:
    rounds = critique_demonstrations()
    assert sum(each.unchanged for each in rounds) == 2
    for each in rounds:
        assert (each.revision == each.response) is each.unchanged, each.prompt
    assert any(each.unchanged for each in rounds[:3])


def test_a_round_is_shown_in_the_format_of_the_real_item() -> None:
    turns = round_turns(critique_demonstrations()[0])
    roles = ["human", "assistant", "critique_request", "critique", "revision_request", "revision"]
    assert [turn.role for turn in turns] == roles
    raw = render(turns, "assistant", "raw")
    assert isinstance(raw, str)
    labels = ["Human", "Assistant", "CritiqueRequest", "Critique", "RevisionRequest", "Revision"]
    places = [raw.index(f"\n\n{label}: ") for label in labels]
    assert places == sorted(places)


def test_each_place_wins_as_often_as_the_other() -> None:
    answers = [each.answer for each in comparison_demonstrations()]
    assert answers.count("first") == answers.count("second") > 0


def test_no_demonstration_is_shown_twice() -> None:
    prompts = [each.prompt for each in critique_demonstrations()]
    prompts += [each.prompt for each in comparison_demonstrations()]
    assert len(set(prompts)) == len(prompts)
    assert all(text == text.strip() and text for text in prompts)
