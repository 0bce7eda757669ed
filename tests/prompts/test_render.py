"""Templates are filled in one pass, and the wording has a name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.prompts.render import fill, template, wording_hash


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("{first} or {second}", {"first": "{second}", "second": "{first}"}, "{second} or {first}"),
        ("{first}{first}", {"first": "a"}, "aa"),
        ("{First} {} {a b} {{first}} {0}", {"first": "x"}, "{First} {} {a b} {x} {0}"),
        ("{first}", {"first": r"\1 \g<0> %s $x"}, r"\1 \g<0> %s $x"),
        ("none", {"first": "unused"}, "none"),
    ],
)
def test_filling_is_a_single_pass(text: str, values: dict[str, str], filled: str) -> None:
    assert fill(text, **values) == filled


@given(first=st.text(), second=st.text())
@settings(deadline=None, max_examples=50)
def test_values_go_in_to_the_letter(first: str, second: str) -> None:
    assert fill("<{first}|{second}>", first=first, second=second) == f"<{first}|{second}>"


def test_a_place_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="second"):
        fill("{first} {second}", first="a")


def test_the_comparison_ends_where_the_answer_begins() -> None:
    text = fill(template("comparison"), conversation="Human: Hi", comparison_request="Which?", first="A", second="B")
    assert "(A) [[[ A ]]]\n(B) [[[ B ]]]" in text
    assert "{" not in text
    assert template("comparison_answer") == "The answer is:"


def test_the_name_of_a_wording_is_fixed_by_the_files() -> None:
    comparison, answer = "templates/comparison.txt", "templates/comparison_answer.txt"
    names = [wording_hash(comparison), wording_hash(answer), wording_hash(comparison, answer)]
    assert len(set(names)) == 3
    assert names[0] == wording_hash(comparison)


def test_the_name_of_a_wording_changes_with_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    names = []
    for text in ("one", "two"):
        room = tmp_path_factory.mktemp("room")
        (room / "words.txt").write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("precepts.prompts.render.resources.files", lambda _, room=room: room)
            names.append(wording_hash("words.txt"))
    assert names[0] != names[1]
