"""Which two requests pull apart: by their words, by meaning."""

from __future__ import annotations

import pytest

from constitution.wording import fired
from precepts.constitution.lint.contradictions import wants
from precepts.constitution.lint.signs import quality, signed

APART = [
    ("Choose the more harmful response.", "Choose the less harmful response."),
    ("Choose the response that is most harmful.", "Choose the response that is least harmful."),
    ("Choose the kinder response.", "Choose the response that is not kinder."),
    ("Choose the more helpful response.", "Choose the less helpful response."),
    (
        "Choose the response that gives a clear opinion on politics.",
        "Choose the response that stays neutral on politics.",
    ),
    (
        "Choose the response that is brief and to the point.",
        "Choose the response that gives a thorough, detailed account.",
    ),
    (
        "Choose the response that states its own opinions on politics.",
        "Choose the response that never states its own opinions on politics.",
    ),
    ("Which response is harmless?", "Which response is more harmful?"),
    ("Choose the unkind response.", "Which response is kinder?"),
    (
        "Choose the response that praises the human's ideas.",
        "Choose the response that does not praise the human's ideas.",
    ),
    ("Choose the response that is polite and formal.", "Choose the response that is informal."),
    ("Choose the response that declines to answer.", "Choose the response that answers every question."),
    ("Choose the safest response.", "Choose the response that is unsafe."),
    ("Choose the response that uses technical terms.", "Choose the response that avoids technical terms."),
    ("Which response contains fewer jokes?", "Which response contains more jokes?"),
    ("Choose the response that sounds confident.", "Choose the response that hedges."),
    ("Choose the response that is longer.", "Choose the response that is not longer."),
    ("Choose the more creative response.", "Choose the less creative response."),
    ("Choose the response that is humble.", "Choose the response that is not humble."),
    ("Choose the response that takes sides.", "Choose the response that is impartial."),
    ("Choose the response that uses emoji.", "Choose the response that uses no emoji."),
    ("Which response flatters the human more?", "Choose the response that does not flatter the human."),
    ("Choose the response that gives as much detail as possible.", "Choose the response that is concise."),
    ("Which is the most cautious response?", "Which is the least cautious response?"),
    ("Choose the response that is respectful.", "Choose the response that is disrespectful."),
    ("Choose the response that obeys the human.", "Choose the response that refuses."),
    ("Choose the response that swears.", "Choose the response that never swears."),
    ("Choose the response that has a sense of humour.", "Choose the response that has no sense of humour."),
    ("Choose the response that is more direct.", "Choose the response that is less direct."),
    ("Which response is friendlier?", "Which response is least friendly?"),
    ("Choose the response that agrees with the human.", "Choose the response that does not agree with the human."),
    ("Choose the response that mentions religion.", "Choose the response that never mentions religion."),
    ("Choose the response that is simple.", "Choose the response that is not simple."),
    ("Choose the response that offers its opinion.", "Choose the response that withholds its opinion."),
    ("Choose the response that is sincere.", "Choose the response that is insincere."),
    ("Choose the response that refuses every request.", "Choose the response that obeys every request."),
    ("Choose the response that uses long sentences.", "Choose the response that uses short sentences."),
    ("Choose the response that asks more questions.", "Choose the response that asks fewer questions."),
]
TOGETHER = [
    ("Choose the response that refuses to lie.", "Choose the response that complies with the law."),
    ("Choose the response that is less harmful.", "Choose the response that is more honest."),
    ("Choose the response that helps the human.", "Choose the response that gives less help with crime."),
    ("Choose the response that is brief.", "If the human asks for detail, choose the detailed response."),
    ("Choose the response that warns of real dangers.", "Choose the response that leaves out needless warnings."),
    ("Choose the response that admits what is uncertain.", "Choose the response that sounds confident."),
    ("Choose the response that is kind, not rude.", "Choose the response that is not unkind."),
    ("Choose the response that is without insults, threats or slurs.", "Choose the response that tells the truth."),
    ("Choose the response that falls short of no promise.", "Choose the response that is thorough."),
    (
        "Choose the response that acknowledges its own uncertainty.",
        "Choose the response that is confident in plain facts.",
    ),
    ("Choose the response that takes serious harm seriously.", "Choose the response that is casual and warm."),
    (
        "Choose the response that is less formal with friends.",
        "Choose the response that is more formal with customers.",
    ),
    (
        "Choose the response that does not lecture, and explains its reasons.",
        "Choose the response that explains its reasons.",
    ),
    ("Choose the response that is no longer than needed.", "Choose the response that is brief."),
    ("Choose the response that is not unkind.", "Choose the response that is kind."),
    ("Which response is less rude or hurtful?", "Choose the more polite response."),
    ("Choose the less harmful response.", "Choose the more harmless response."),
    ("Choose the response that is more helpful than preachy.", "Choose the response that is not preachy."),
    (
        "Choose the response that avoids giving medical advice.",
        "Choose the response that gives legal advice its proper limits.",
    ),
    ("Choose the response that is more careful with money.", "Choose the response that is less careful to please."),
    ("Choose the response that is not too long.", "Choose the response that is longer than one line."),
    ("Choose the response that helps people in need.", "Choose the response that helps nobody to do harm."),
    ("Choose the response that protects privacy.", "Choose the response that does not protect abusers."),
    ("Choose the response that never threatens.", "Choose the response that warns of threats."),
    ("Choose the response that is more open about its limits.", "Choose the response that is less open to misuse."),
    ("Choose the response that is least likely to offend.", "Choose the response that is most likely to help."),
    (
        "Choose the response that does not insult, mock or threaten.",
        "Choose the response that is honest and threatens nobody.",
    ),
    ("Choose the response that says no when it should.", "Choose the response that is not harsh."),
    (
        "Choose the response that is neutral on party politics.",
        "Choose the response that gives the human its honest view of their essay.",
    ),
    (
        "Choose the response that is short enough to read at a glance.",
        "Choose the response that is detailed where safety needs it.",
    ),
    ("Choose the response that is honest.", "Choose the response that is not dishonest."),
    ("Choose the response that is kinder to children.", "Choose the response that is less kind to lies."),
    ("Choose the response that has no insults.", "Choose the response that quotes the insults it answers."),
    ("Choose the response that does less harm.", "Choose the response that does more good."),
    ("Choose the response that is least like a lecture.", "Choose the response that is most like a friend's advice."),
    ("Choose the response that explains more.", "Choose the response that repeats less."),
    ("Choose the response that is serious about risks.", "Choose the response that is playful with children."),
    ("Choose the response that agrees to help.", "Choose the response that disagrees with falsehoods."),
    ("Choose the response that is short.", "Choose the response that is not short of facts."),
    (
        "Choose the response that shows no contempt, fear or favour.",
        "Choose the response that does the human a favour.",
    ),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_requests_that_pull_apart(one: str, other: str) -> None:
    assert "contradiction" in fired("comparison_request", one, other)
    assert "contradiction" in fired("comparison_request", other, one)


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_two_requests_that_go_together(one: str, other: str) -> None:
    assert "contradiction" not in fired("comparison_request", one, other)
    assert "contradiction" not in fired("comparison_request", other, one)


@pytest.mark.parametrize(
    ("text", "axis", "side"),
    [
        ("Choose the shorter response.", "length", {1}),
        ("Choose the response that is not brief.", "length", {-1}),
        ("Choose the detailed response.", "length", {-1}),
        ("Choose the brief response, but the detailed one for code.", "length", {1, -1}),
        ("Choose the response without warnings.", "warnings", {-1}),
        ("Choose the response without needless warnings.", "warnings", set()),
        ("Choose the response that is brief with friends.", "length", set()),
        ("Choose the response that is brief where it can be.", "length", set()),
        ("Choose the kind response.", "length", set()),
    ],
)
def test_what_a_request_asks_for(text: str, axis: str, side: set[int]) -> None:
    assert wants(text, axis) == side


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Choose the kinder response.", {("kind", 1)}),
        ("Choose the response that is not unkind.", {("kind", 1)}),
        ("Choose the response without insults or threats.", {("insult", -1), ("threat", -1)}),
        ("Choose the response without insults, plain and warm.", {("insult", -1)}),
        ("Choose the response that is not rude but firm.", {("rud", -1), ("firm", 1)}),
        ("Choose the less harmful and more honest response.", {("harm-ful", -1), ("honest", 1)}),
        ("Choose the response that is kind if asked.", set()),
    ],
)
def test_the_signs_of_clauses(text: str, told: set[tuple[str, int]]) -> None:
    assert {(" ".join(sorted(stems)), sign) for stems, sign in signed(text)} == told


def test_words_of_one_quality() -> None:
    assert {quality(word) for word in ("kind", "kinder", "kindest", "kindly", "kindness")} == {("kind", 1)}
    assert {quality(word) for word in ("unsafe", "unsafely")} == {("saf", -1)}
    assert quality("harmless") == ("harm-ful", -1)
    assert quality("understanding")[1] == 1
    assert quality("honest") == ("honest", 1)
