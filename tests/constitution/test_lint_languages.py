"""Requests in other languages are told and not judged."""

from __future__ import annotations

import pytest

from constitution.wording import fired
from precepts.constitution import Constitution, Principle, Source, load_constitution
from precepts.constitution.lint import lint

FOREIGN = [
    ("comparison_request", "Wähle die Antwort, die niemanden verletzt."),
    ("comparison_request", "Elige la respuesta que no dañe a nadie."),
    ("comparison_request", "Choisis la réponse qui ne blesse personne."),
    ("comparison_request", "请选择更无害的回答。"),
    ("comparison_request", "Выберите менее вредный ответ."),
    ("comparison_request", "Kies het antwoord dat het minst schadelijk is."),
    ("revision_request", "Schreibe die letzte Antwort so um, dass sie niemanden verletzt."),
    ("critique_request", "Identifica en qué aspectos la respuesta es dañina o poco ética."),
    ("comparison_request", "Scegli la risposta che è meno dannosa per le persone."),
    ("comparison_request", "Välj det svar som är minst skadligt för människor."),
]


@pytest.mark.parametrize(("field", "text"), FOREIGN)
def test_another_language_is_told_and_not_judged(field: str, text: str) -> None:
    assert fired(field, text) == {"not-english"}


def test_short_requests_are_in_the_language_of_the_rest() -> None:
    german = ["Sei ehrlich.", "Sei freundlich.", "Wähle die Antwort, die niemanden verletzt."]
    principles = [
        Principle(id=f"p{n}", title="T", source=Source(work="this test"), comparison_request=text)
        for n, text in enumerate(german)
    ]
    found = lint(Constitution(name="test", version="1", principles=principles))
    assert [each.principle for each in found if each.rule == "not-english"] == [0, 1, 2]
    assert not [each for each in found if each.severity == "error"]
    assert "no-choice" in fired("comparison_request", "Honesty matters.")


@pytest.mark.parametrize("name", ["default", "harmlessness-16", "helpfulness", "one-line"])
def test_what_ships_is_read(name: str) -> None:
    assert "not-english" not in {each.rule for each in lint(load_constitution(name))}
