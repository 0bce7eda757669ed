"""YAML that is no use, or a trap: refused where it stands, with the mend."""

from __future__ import annotations

import pytest

from precepts.errors import InputError
from precepts.settings import parse_yaml

BOMB = "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
KEY_BOMB = "x: [" + ", ".join(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)).replace("*a0", "x")


CHAIN = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000))
DEEP = "this nests more than 100 levels deep; write it flatter"
ITSELF = "this refers to itself (an alias inside its own anchor); write the value out"
WIDE = "the file holds more than 200,000 values by here, aliases (*name) written out; take aliases out, or shorten it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("&a {x: *a}", f"line 1, x: {ITSELF}"),
        ("&a [*a]", f"line 1, [0]: {ITSELF}"),
        ("x:\n  y: &a\n  - z\n  - *a", f"line 2, x.y[1]: {ITSELF}"),
        ("[" * 5000, f"line 1, [0][0][0]…: {DEEP}"),
        ("\n" + "{a: " * 5000, f"line 2, a.a.a…: {DEEP}"),
        ("- " * 5000, f"line 1, [0][0][0]…: {DEEP}"),
        (CHAIN, f"line 100, a99[0][0]…: {DEEP}"),
        (BOMB, f"line 6, a5: {WIDE}"),
        (f"{KEY_BOMB}, {{? *a11 : 1}}]", f"line 1, x: {WIDE}"),
        ("x:\n" + "- a\n" * 200_001, f"line 2, x: {WIDE}"),
    ],
    ids=["itself", "list", "further down", "lists", "mappings", "dashes", "chain", "aliases", "in a key", "long"],
)
def test_bombs_are_refused_where_they_stand(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value) == f"f.yaml, {said}"


@pytest.mark.parametrize("text", ["a:\n\tb: 1", "a:\n  b: 1\n\tc: 2", "a:\n  - b\n  \t- c: d: e"])
def test_a_tab_is_told_with_its_mend(text: str) -> None:
    with pytest.raises(InputError, match=r"; use spaces in place of the tab$"):
        parse_yaml(text, "f.yaml")
