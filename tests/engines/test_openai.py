"""The HTTP engine against a server that answers, misbehaves, refuses or is gone."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engines.server import Answer, chat, completion, serving
from precepts.engines import ChoiceRequest, EngineSettings, GenerateRequest, make_engine
from precepts.engines.answers import told_apart
from precepts.engines.openai import OpenAIEngine
from precepts.errors import InputError, RunError
from precepts.records import Message

KEY = "sk-very-secret-0123456789"


def asked(text: str, **fields: Any) -> GenerateRequest:
    return GenerateRequest((Message("user", text),), **fields)


def answer_to(path: str, body: dict[str, Any], before: int) -> Answer:
    if path == "/v1/models":
        return 200, {"object": "list", "data": [{"id": "m", "object": "model"}]}
    if path == "/v1/completions":
        return 200, completion({"text": f" raw {body['prompt']}", "finish_reason": "length", "index": 0})
    if path == "/v1/chat/completions":
        return 200, chat(f"to {body['messages'][-1]['content']}")
    return 404, {"message": "no such path"}


def engine(url: str, **settings: Any) -> OpenAIEngine:
    return OpenAIEngine("m", base_url=url, **{"timeout": 5.0, "retries": 6, **settings})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.05)
    monkeypatch.setattr("precepts.engines.openai._AGAIN", 0.01)


def test_chat_and_raw_text() -> None:
    with serving(answer_to) as server:
        found = engine(server.url).generate([asked("a"), GenerateRequest("b", max_tokens=4), asked("c")])
    assert [(r.text, r.finish, r.unusable) for r in found] == [
        ("to a", "stop", None),
        ("raw b", "length", None),
        ("to c", "stop", None),
    ]
    assert (found[0].tokens_in, found[0].tokens_out) == (7, 3)
    assert server.keys == {f"Bearer {KEY}"}


def test_a_prefill_is_gone_on_with() -> None:
    def answer(path: str, body: dict[str, Any], before: int) -> Answer:
        if path == "/v1/models":
            return 200, {"data": []}
        assert body["messages"][-1] == {"role": "assistant", "content": "Sure:"}
        assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
        return 200, chat(" yes")

    with serving(answer) as server:
        assert engine(server.url).generate([asked("a", prefill="Sure:")])[0].text == "yes"


@pytest.mark.parametrize(
    ("body", "unusable"),
    [
        (chat(None), "empty"),
        (chat("  "), "empty"),
        (chat("x", "content_filter"), "refused"),
    ],
)
def test_what_cannot_be_used_is_data(body: Any, unusable: str) -> None:
    with serving(lambda path, asked, before: (200, {"data": []} if path == "/v1/models" else body)) as server:
        assert engine(server.url).generate([asked("a")])[0].unusable == unusable


def test_a_server_that_misbehaves_loses_no_item() -> None:
    """A fifth of the requests each meet 429, 500, garbage, half a body and nothing, once or twice, then an answer."""
    ways: list[Answer] = [(429, {}), (500, {}), "<html>garbage", "half", "nothing"]

    def answer(path: str, body: dict[str, Any], before: int) -> Answer:
        if path == "/v1/models":
            return answer_to(path, body, before)
        number = int(body["messages"][-1]["content"])
        return ways[number % 5] if before <= number % 2 else answer_to(path, body, before)

    with serving(answer) as server:
        found = engine(server.url, timeout=0.4, concurrency=16).generate([asked(str(n)) for n in range(50)])
    assert [reply.text for reply in found] == [f"to {n}" for n in range(50)]
    assert server.most_at_once > 1


def test_no_more_requests_than_asked_for_are_in_flight() -> None:
    with serving(answer_to) as server:
        engine(server.url, concurrency=3).generate([asked(str(n)) for n in range(40)])
    assert server.most_at_once <= 3


def test_engines_of_several_threads_share_the_room_at_their_server() -> None:
    def work(start: int) -> list[str]:
        requests = [asked(str(n)) for n in range(start, start + 20)]
        return [reply.text for reply in engine(server.url, concurrency=3).generate(requests)]

    with serving(answer_to) as server, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(work, (0, 20, 40, 60)))
    assert found == [[f"to {n}" for n in range(start, start + 20)] for start in (0, 20, 40, 60)]
    assert server.most_at_once <= 3


def test_a_server_that_is_gone_is_told_once_and_no_key_with_it() -> None:
    with serving(answer_to) as server:
        url = server.url
    with pytest.raises(RunError, match=f"the server at {url} does not answer; start it and run the same command"):
        engine(url, retries=1).generate([asked(str(n)) for n in range(5)])


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, InputError, "OPENAI_API_KEY is not taken"),
        (400, {"error": {"message": f"no {KEY} here"}}, InputError, r"refuses a request for 'm': 400, no \[key\] here"),
        (503, {"error": {"message": "busy"}}, RunError, "after 2 attempts: 503, busy; try again later"),
    ],
)
def test_refusals(status: int, body: Any, error: type[Exception], message: str) -> None:
    def answer(path: str, asked: dict[str, Any], before: int) -> Answer:
        return answer_to(path, asked, before) if path == "/v1/models" else (status, body)

    with serving(answer) as server, pytest.raises(error, match=message) as raised:
        engine(server.url, retries=1).generate([asked("a")])
    assert KEY not in str(raised.value)


def test_a_prompt_that_is_too_long_is_data() -> None:
    said = {"error": {"message": "This model's maximum context length is 8 tokens"}}
    with serving(lambda path, b, n: answer_to(path, b, n) if path == "/v1/models" else (400, said)) as server:
        assert engine(server.url).generate([asked("a")])[0].unusable == "too_long"


def test_a_model_that_is_not_served_is_refused_with_what_to_serve() -> None:
    with (
        serving(answer_to) as server,
        pytest.raises(InputError, match="serve runs/a/models/sl --served-model-name models/sl"),
    ):
        OpenAIEngine("runs/a/models/sl", "models/sl", base_url=server.url).generate([asked("a")])


def test_the_key_is_in_no_repr() -> None:
    held = engine("http://127.0.0.1:1/v1")
    assert KEY not in repr(held)
    assert KEY not in str({k: v for k, v in vars(held).items() if k != "_key"})


# --- log-probabilities -------------------------------------------------------------------------------------------


def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def vllm_like(path: str, body: dict[str, Any], before: int) -> Answer:
    """A server whose tokens are letters; how likely one is depends on its code alone."""
    if path == "/tokenize" and "messages" in body:
        return 200, {"tokens": letters("".join(m["content"] for m in body["messages"]) + ">")}
    if path == "/tokenize":
        return 200, {"tokens": letters(body["prompt"])}
    if path == "/detokenize":
        return 200, {"prompt": "".join(map(chr, body["tokens"]))}
    if path != "/v1/completions":
        return answer_to(path, body, before)
    if "allowed_token_ids" in body:
        told: dict[str, Any] = {"token_logprobs": [-body["allowed_token_ids"][0] / 100], "tokens": ["?"]}
        return 200, completion({"text": "?", "finish_reason": "length", "index": 0, "logprobs": told})
    rows = [None, *({str(t): {"logprob": -t / 100}} for t in body["prompt"][1:])]
    return 200, completion({"text": "?", "finish_reason": "length", "index": 0, "prompt_logprobs": rows})


def test_answers_are_scored_and_not_written() -> None:
    """Short answers by probes, long ones by reading: the sum of their letters' log-probabilities."""
    requests = [
        ChoiceRequest("ask:", ("A", "Bc")),
        ChoiceRequest((Message("user", "ask"),), ("a long answer", "another"), prefill=" "),
    ]
    with serving(vllm_like) as server:
        held = engine(server.url)
        found = held.choose(requests)
    expected = [[-sum(map(ord, answer)) / 100 for answer in request.answers] for request in requests]
    for got, wanted in zip(found, expected, strict=True):
        assert got == pytest.approx(wanted)
    assert held.usage.tokens_in == len("ask:Bc") + len("ask> a long answer")


TOP = {"content": [{"token": "A", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
for _token, _value in (("A", -0.1), (" B", -2.5), ("The", -4.0)):
    TOP["content"][0]["top_logprobs"].append({"token": _token, "logprob": _value, "bytes": None})  # type: ignore[attr-defined]


def test_elsewhere_the_likeliest_tokens_are_read() -> None:
    def answer(path: str, body: dict[str, Any], before: int) -> Answer:
        found = answer_to(path, body, before)
        return (200, chat("A", logprobs=TOP)) if path == "/v1/chat/completions" else found

    with serving(answer) as server:
        found = engine(server.url).choose([ChoiceRequest((Message("user", "a"),), (" (A)", " (B)"))])
    assert found == [[-0.1, -2.5]]


def test_a_server_without_log_probabilities_is_refused() -> None:
    with serving(answer_to) as server, pytest.raises(InputError, match="gives no log-probabilities"):
        engine(server.url).choose([ChoiceRequest((Message("user", "a"),), ("A", "B"))])


@pytest.mark.parametrize(
    ("places", "answers", "expected"),
    [
        ([{"(": -0.1}, {"A": -0.2, "B": -1.7}], (" (A)", " (B)"), [-0.2, -1.7]),
        ([{"A": -0.2, "C": -1.7}], (" (A)", " (B)"), [-0.2, math.nan]),
        ([{"Sure": -0.2}], (" (A)", " (B)"), [math.nan, math.nan]),
        ([{"0": -3.0, "4": -0.1, " 4": -5.0}], ("0", "4"), [-3.0, -0.1]),
    ],
)
def test_what_tells_answers_apart(
    places: list[dict[str, float]], answers: tuple[str, ...], expected: list[float]
) -> None:
    assert told_apart(places, answers) == pytest.approx(expected, nan_ok=True)


def test_settings_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="'concurrency' goes with kind: openai"):
        EngineSettings(concurrency=3)
    with pytest.raises(ValueError, match="a key goes into the variable"):
        EngineSettings(kind="openai", base_url="http://me:secret@host/v1")


def test_each_model_has_its_server_and_name() -> None:
    settings = EngineSettings(
        kind="openai", base_url="http://a/v1", base_urls={"models/sl": "http://b/v1"}, served={"models/sl": "tuned"}
    )
    start, tuned = make_engine(settings, "start"), make_engine(settings, "runs/x/models/sl", "models/sl")
    assert isinstance(start, OpenAIEngine) and isinstance(tuned, OpenAIEngine)
    assert [(e.base_url, e.served, e.name) for e in (start, tuned)] == [
        ("http://a/v1", "start", "start"),
        ("http://b/v1", "tuned", "models/sl"),
    ]
