"""The error model: exit statuses, and the word that a mistyped one was meant to be."""

from __future__ import annotations

import pytest

from precepts.errors import InputError, PreceptsError, RunError, nearest


def test_exit_statuses() -> None:
    assert (InputError.exit_status, RunError.exit_status) == (2, 1)
    assert issubclass(InputError, PreceptsError)
    assert issubclass(RunError, PreceptsError)


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("rouns", ["rounds", "shots"], "did you mean 'rounds'?"),
        ("xyz", ["rounds", "shots"], "known: rounds, shots"),
        ("rounds", iter(["shots", "rounds"]), "did you mean 'rounds'?"),
        ("", ["b", "a"], "known: a, b"),
        ("a", [], "none is known"),
    ],
)
def test_nearest(name: str, known: list[str], said: str) -> None:
    assert nearest(name, known) == said
