"""The scripted engine: what it is told to say, cut as a model's replies are."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from precepts.engines import ChoiceRequest, GenerateRequest, ScriptedEngine
from precepts.errors import InputError
from precepts.records import Message

RULES = """
generate:
  - contains: revise
    replies: [kinder, safer, shorter]
  - contains: "Human"
    replies: [Sure.]
choose:
  - contains: kind
    probabilities: [0.8, 0.2]
  - contains: never
    probabilities: [1, 0]
"""


def ask(engine: ScriptedEngine, prompt: str, **settings: object) -> tuple[str, str, str | None]:
    reply = engine.generate([GenerateRequest(prompt, **settings)])[0]  # type: ignore[arg-type]
    return reply.text, reply.finish, reply.unusable


@pytest.fixture
def rules(tmp_path: Path) -> ScriptedEngine:
    path = tmp_path / "script.yaml"
    path.write_text(RULES)
    return ScriptedEngine.from_file(path)


def test_a_list_is_used_in_turn_across_calls() -> None:
    engine = ScriptedEngine(["one", "two", "three"])
    first = engine.generate([GenerateRequest("a"), GenerateRequest("b")])
    assert [reply.text for reply in first] == ["one", "two"]
    assert ask(engine, "c")[0] == "three"


def test_running_out_of_replies_says_how_many_there_were() -> None:
    engine = ScriptedEngine(["one"])
    ask(engine, "a")
    with pytest.raises(InputError, match="given 1 replies and asked for more"):
        ask(engine, "b")


def test_a_function_sees_the_whole_request() -> None:
    engine = ScriptedEngine(lambda request: f"{request.seed} {request.prefill}")
    assert ask(engine, "a", seed=7, prefill="x")[0] == "7 x"


@pytest.mark.parametrize(
    ("said", "settings", "text", "finish", "unusable"),
    [
        ("a b c", {}, "a b c", "stop", None),
        ("a b c", {"max_tokens": 3}, "a b c", "stop", None),
        ("a b c", {"max_tokens": 2}, "a b", "length", None),
        ("a\nb\nc", {"max_tokens": 2}, "a\nb", "length", None),
        ("a\n\nHuman: b", {"stop": ("\n\nHuman:",)}, "a", "stop", None),
        ("a END b STOP c", {"stop": ("STOP", "END")}, "a", "stop", None),
        ("  a  ", {}, "a", "stop", None),
        ("", {}, "", "stop", "empty"),
        (" \n ", {}, "", "stop", "empty"),
        ("STOP a", {"stop": ("STOP",)}, "", "stop", "empty"),
    ],
)
def test_replies_are_cut_as_a_models_are(
    said: str, settings: dict[str, object], text: str, finish: str, unusable: str | None
) -> None:
    assert ask(ScriptedEngine([said]), "prompt", **settings) == (text, finish, unusable)


def test_tokens_are_words() -> None:
    engine = ScriptedEngine(["one two three", ""])
    replies = engine.generate([GenerateRequest("a b", prefill=" c"), GenerateRequest((Message("user", "d e"),))])
    assert [(reply.tokens_in, reply.tokens_out) for reply in replies] == [(3, 3), (2, 0)]
    assert (engine.usage.tokens_in, engine.usage.tokens_out) == (5, 3)
    engine.choose([ChoiceRequest("a b c d", ("x", "y"))])
    assert engine.usage.tokens_in == 9


def test_without_odds_every_answer_is_equally_likely() -> None:
    odds = ScriptedEngine([]).choose([ChoiceRequest("a", ("x", "y", "z", "w"))])
    assert odds == [[math.log(0.25)] * 4]


def test_odds_may_depend_on_the_request() -> None:
    engine = ScriptedEngine([], odds=lambda request: [-float(len(answer)) for answer in request.answers])
    assert engine.choose([ChoiceRequest("a", ("x", "yyy"))]) == [[-1.0, -3.0]]


@pytest.mark.parametrize(
    ("prompt", "seed", "text"),
    [
        ("please revise", 0, "kinder"),
        ("please revise", 5, "shorter"),
        ("Human: revise", 1, "safer"),  # the first rule that fits
        ("Human: hello", 1, "Sure."),
        ("nothing fits", 0, ""),
    ],
)
def test_rules_answer_by_the_prompt_and_the_seed(rules: ScriptedEngine, prompt: str, seed: int, text: str) -> None:
    assert ask(rules, prompt, seed=seed)[0] == text


def test_rules_look_at_the_last_message_alone(rules: ScriptedEngine) -> None:
    prompt = (Message("user", "revise"), Message("assistant", "no"), Message("user", "Human"))
    assert rules.generate([GenerateRequest(prompt)])[0].text == "Sure."


@pytest.mark.parametrize(
    ("prompt", "odds"),
    [("which is kind?", [0.8, 0.2]), ("never?", [1.0, 0.0]), ("other", [0.5, 0.5])],
)
def test_rules_give_odds(rules: ScriptedEngine, prompt: str, odds: list[float]) -> None:
    found = rules.choose([ChoiceRequest(prompt, (" (A)", " (B)"))])[0]
    assert [math.exp(each) for each in found] == pytest.approx(odds)


def test_odds_for_another_number_of_answers_are_an_error(rules: ScriptedEngine) -> None:
    with pytest.raises(InputError, match="2 probabilities for 3 answers"):
        rules.choose([ChoiceRequest("kind", ("x", "y", "z"))])


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("generate:\n  - replies: []\n", r"line 2, generate\[0\]\.replies"),
        ("generate:\n  - reply: [a]\n", r"unknown key 'reply'; did you mean 'replies'\?"),
        ("choose:\n  - probabilities: [0.5, -0.1]\n", r"line 2, choose\[0\]\.probabilities\[1\]"),
        ("choose:\n  - probabilities: [0.5, 1.1]\n", r"line 2, choose\[0\]\.probabilities\[1\]"),
        ("- a\n", "expected 'key: value' lines"),
    ],
)
def test_a_bad_script_is_named_with_its_line(tmp_path: Path, script: str, message: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(script)
    with pytest.raises(InputError, match=message) as error:
        ScriptedEngine.from_file(path)
    assert str(path) in str(error.value)


def test_a_missing_script_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        ScriptedEngine.from_file(tmp_path / "none.yaml")
