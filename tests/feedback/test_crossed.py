"""Crossed rounds: each kind of prompt meets each kind of response, and the verdict follows from both."""

from __future__ import annotations

from precepts.feedback.crossed import crossed
from precepts.feedback.lessons import FINE, NEEDLESS, VERDICTS
from precepts.records import Demonstration, Message

NEED, OK = VERDICTS.index(NEEDLESS), VERDICTS.index(FINE)


def of(name: str, revision: str) -> Demonstration:
    """A demonstration whose prompt is its name."""
    asked = (Message("user", name),)
    return Demonstration(name, name, "", asked, "a response", "a critique", revision, "", "")


def test_the_rounds_of_two_that_decline_and_one_that_helps() -> None:
    helps = of("knots", "Tie it twice.")
    declines = [of("theft", "I won't help with that. It is theirs."), of("harm", "No. Please call someone!")]
    found = [(messages[0].content, response, verdict) for messages, response, verdict in crossed([helps], declines)]
    revisions, firsts = {each.revision for each in declines}, ("I won't help with that.", "No.")
    (first, second), rest = found[:2], found[2:]
    assert first[0] == "knots" and first[1] in revisions and first[2] == NEED
    assert second in [("knots", f"{each} Tie it twice.", NEED) for each in firsts]
    assert rest == [
        ("theft", "No. Please call someone!", OK),
        ("theft", "No. It is theirs.", OK),
        ("harm", "I won't help with that. It is theirs.", OK),
        ("harm", "I won't help with that. Please call someone!", OK),
    ]


def test_a_revision_of_one_sentence_has_no_rest_to_put_behind_another() -> None:
    found = list(crossed([], [of("a", "I won't do that."), of("b", "No, and never")]))
    assert [(messages[0].content, response) for messages, response, _ in found] == [
        ("a", "No, and never"),
        ("b", "I won't do that."),
    ]


def test_what_meets_what_hangs_on_nothing_but_the_demonstrations() -> None:
    declines = [of(f"d{n}", f"I won't do {n}. Because of it.") for n in range(20)]
    helps = [of(f"h{n}", f"Do {n}.") for n in range(20)]
    assert list(crossed(helps, declines)) == list(crossed(helps, declines))
    given = [response for messages, response, verdict in crossed(helps, declines) if verdict == NEED]
    assert len(set(given)) > 25  # not the same one for all


def test_fewer_than_two_that_decline_give_nothing() -> None:
    assert list(crossed([of("a", "Yes.")], [])) == list(crossed([of("a", "Yes.")], [of("b", "No. Not that.")])) == []
