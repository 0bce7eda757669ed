"""The transformers engine on a tiny random model in float32: batching, sharing and padding change no reply."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from precepts.engines import ChoiceRequest, GenerateRequest
from precepts.engines.rendering import encode
from precepts.engines.transformers import MIN_SHARED, TransformersEngine, _shared_prefix
from precepts.errors import InputError
from precepts.records import Message, Messages

LONG = "Read this conversation between a human and an assistant, and think about what would be kinder. " * 2
ENDINGS = ["Yes.", "How do I bake bread in a hot oven?", "x", "Choose the response that is more honest: A, B or C?"]


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny_model), batch_size=3, dtype="float32", device="cpu")


def chat(text: str) -> Messages:
    return (Message("system", "Be kind."), Message("user", text))


def raw(text: str) -> str:
    return f"\n\nHuman: {text}\n\nAssistant:"


def one_by_one(ask: Callable[[Sequence[Any]], list[Any]], requests: Sequence[Any]) -> list[Any]:
    return [ask([request])[0] for request in requests]


def token_ids(engine: TransformersEngine, text: str) -> list[int]:
    return list(engine.tokenizer(text)["input_ids"])


@torch.inference_mode()
def next_logprobs(engine: TransformersEngine, ids: list[int]) -> torch.Tensor:
    """Log-probabilities (length, vocabulary) by one plain pass: no cache, no padding, no batch."""
    return engine.model(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(dim=-1)


# --- generate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [chat, raw])
@pytest.mark.parametrize("shared", ["", LONG], ids=["no shared prefix", "shared prefix"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_replies_as_each_request_alone(
    engine: TransformersEngine, style: Callable[[str], str | Messages], shared: str, temperature: float
) -> None:
    requests = [
        GenerateRequest(style(shared + end), max_tokens=12, temperature=temperature, top_p=0.95, seed=seed)
        for seed, end in enumerate(ENDINGS)
    ]
    prompts = [encode(engine.tokenizer, request, engine.name) for request in requests]
    assert (_shared_prefix(prompts) >= MIN_SHARED) == bool(shared)
    replies = engine.generate(requests)
    assert replies == one_by_one(engine.generate, requests)
    assert [reply.tokens_in for reply in replies] == [len(prompt) for prompt in prompts]
    assert len({reply.text for reply in replies}) > 1


def test_the_seed_alone_decides_a_sampled_reply(engine: TransformersEngine) -> None:
    requests = [GenerateRequest(chat(LONG + end), max_tokens=10, seed=seed) for end in ENDINGS[:2] for seed in (1, 2)]
    replies = dict(zip(requests, engine.generate(requests), strict=True))
    for order in (requests[::-1], requests[1:3], [*requests, *requests]):
        assert engine.generate(order) == [replies[request] for request in order]
    for same_prompt in (requests[:2], requests[2:]):
        assert len({replies[request].text for request in same_prompt}) == 2


@pytest.mark.parametrize("shared", ["", LONG])
@pytest.mark.parametrize("tokens", [8, 150])  # more than the cache has room for at once
def test_temperature_zero_is_the_argmax_of_plain_passes(engine: TransformersEngine, shared: str, tokens: int) -> None:
    prompts = [raw(shared + end) for end in ENDINGS[:3]]
    replies = engine.generate([GenerateRequest(prompt, max_tokens=tokens, temperature=0) for prompt in prompts])
    for prompt, reply in zip(prompts, replies, strict=True):
        ids = token_ids(engine, prompt)
        for _ in range(reply.tokens_out):
            ids.append(int(next_logprobs(engine, ids)[-1].argmax()))
        written = ids[len(token_ids(engine, prompt)) :]
        assert reply.text == engine.tokenizer.decode(written, skip_special_tokens=True).strip()
        assert (reply.finish == "stop") == (written[-1] in engine.end_ids)


def test_each_request_keeps_its_own_token_limit(engine: TransformersEngine) -> None:
    requests = [GenerateRequest(chat("Go on."), max_tokens=n, seed=4) for n in (1, 30, 7)]
    replies = engine.generate(requests)
    assert replies == one_by_one(engine.generate, requests)
    assert all(reply.tokens_out <= request.max_tokens for reply, request in zip(replies, requests, strict=True))
    assert [reply.finish for reply in replies] == ["length"] * 3
    assert [reply.tokens_out for reply in replies] == [1, 30, 7]


def forced(engine: TransformersEngine, texts: Sequence[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the model write these texts, row by row of a batch, then its end token; None leaves a row to ramble."""
    from precepts.engines import transformers as module

    ramble = token_ids(engine, "bread ") * 50
    rows = [ramble if text is None else [*token_ids(engine, text), engine.end_ids[0]] for text in texts]

    class Forced:
        def __init__(self, requests: Sequence[GenerateRequest]) -> None:
            self.rows, self.step = [rows[request.seed] for request in requests], 0

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            chosen = [row[min(self.step, len(row) - 1)] for row in self.rows]
            self.step += 1
            return torch.full_like(scores, -torch.inf).scatter_(1, torch.tensor(chosen)[:, None], 0.0)

    monkeypatch.setattr(module, "SeededSampler", Forced)


@pytest.mark.parametrize("pad_is_end", [False, True])
def test_stops_ends_and_limits_are_each_rows_own(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, pad_is_end: bool
) -> None:
    if pad_is_end:  # as with tokenizers that have no padding token
        monkeypatch.setitem(engine.tokenizer._special_tokens_map, "pad_token", engine.tokenizer.eos_token)
        assert engine.tokenizer.pad_token_id in engine.end_ids
    monkeypatch.setattr(engine, "batch_size", 8)
    texts = ["Mix flour.\n\nHuman: and salt", "Mix flour.\n\nHuman: and salt", "Yes.", "", None, "Mix and bake it."]
    forced(engine, texts, monkeypatch)
    stop = ("\n\nHuman:", "\n\nCritique:")
    requests = [
        GenerateRequest("a", max_tokens=40, stop=stop, seed=0),
        GenerateRequest("a b c", max_tokens=40, stop=("END",), seed=1),  # its neighbour's stop text is not its own
        GenerateRequest("a", max_tokens=40, stop=stop, seed=2),
        GenerateRequest("a", max_tokens=40, seed=3),
        GenerateRequest("a", max_tokens=25, seed=4),
        GenerateRequest("a", max_tokens=3, seed=5),  # its end token would come later
    ]
    found = engine.generate(requests)
    stopped = len(token_ids(engine, "Mix flour.\n\nHuman:"))
    assert [(r.text, r.finish, r.unusable, r.tokens_out) for r in found] == [
        ("Mix flour.", "stop", None, stopped),
        ("Mix flour.\n\nHuman: and salt", "stop", None, len(token_ids(engine, texts[1] or "")) + 1),
        ("Yes.", "stop", None, len(token_ids(engine, "Yes.")) + 1),
        ("", "stop", "empty", 1),
        (engine.tokenizer.decode((token_ids(engine, "bread ") * 50)[:25]).strip(), "length", None, 25),
        (engine.tokenizer.decode(token_ids(engine, "Mix and bake it.")[:3]).strip(), "length", None, 3),
    ]


def test_a_stop_text_in_the_prompt_stops_nothing(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    forced(engine, ["\nHuman: is a word"], monkeypatch)
    reply = engine.generate([GenerateRequest("a\n\nHuman: b\n", stop=("\n\nHuman:",), seed=0)])[0]
    assert reply.text == "Human: is a word"


def test_usage_adds_up_what_replies_say(tiny_model: Path) -> None:
    engine = TransformersEngine(str(tiny_model), dtype="float32", device="cpu")
    replies = engine.generate([GenerateRequest(raw(end), max_tokens=5) for end in ENDINGS])
    assert engine.usage.tokens_in == sum(reply.tokens_in for reply in replies)
    assert engine.usage.tokens_out == sum(reply.tokens_out for reply in replies)
    before = engine.usage.tokens_in
    engine.choose([ChoiceRequest("The answer is:", (" (A)", " (B)"))])
    assert engine.usage.tokens_in - before == len(token_ids(engine, "The answer is: (A)"))


def test_what_does_not_fit_the_context_is_unusable_and_disturbs_nobody(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "context", 120)
    short = [GenerateRequest(chat(end), max_tokens=6, seed=seed) for seed, end in enumerate(ENDINGS)]
    long, roomy = GenerateRequest(chat(LONG * 3)), GenerateRequest(chat("Yes."), max_tokens=119)
    replies = engine.generate([short[0], long, *short[1:], roomy])
    assert [replies[1].unusable, replies[-1].unusable] == ["too_long", "too_long"]
    assert (replies[1].text, replies[1].finish, replies[1].tokens_out) == ("", "error", 0)
    assert [replies[0], *replies[2:-1]] == one_by_one(engine.generate, short)
    odds = engine.choose([ChoiceRequest(LONG * 3, (" (A)", " (B)")), ChoiceRequest("a", (" (A)", " (B)"))])
    assert all(math.isnan(each) for each in odds[0])
    assert odds[1] == pytest.approx(engine.choose([ChoiceRequest("a", (" (A)", " (B)"))])[0])


def test_the_models_own_sampling_habits_are_not_followed(tiny_model: Path, tmp_path: Path) -> None:
    habits = tmp_path / "model"
    shutil.copytree(tiny_model, habits)
    config = json.loads((habits / "generation_config.json").read_text())
    config |= {"repetition_penalty": 9.0, "temperature": 0.1, "do_sample": True, "top_k": 1, "eos_token_id": [2, 5]}
    (habits / "generation_config.json").write_text(json.dumps(config))
    requests = [GenerateRequest(raw(end), max_tokens=10, seed=1) for end in ENDINGS]
    plain, other = (TransformersEngine(str(path), dtype="float32", device="cpu") for path in (tiny_model, habits))
    assert other.end_ids == [2, 5]  # but its end tokens are
    other.end_ids = plain.end_ids
    assert other.generate(requests) == plain.generate(requests)


# --- choose -----------------------------------------------------------------------------------------------------


def naive(engine: TransformersEngine, request: ChoiceRequest) -> list[float]:
    """Each answer alone: a plain pass over prompt + answer, and the sum over the answer's tokens. Where an answer
    changes how the prompt's end is cut into tokens, all answers are scored from there."""
    prompt = encode(engine.tokenizer, request, engine.name)
    rows = [encode(engine.tokenizer, request, engine.name, answer) for answer in request.answers]
    start = min(common(prompt, row) for row in rows)
    passes = [next_logprobs(engine, row) for row in rows]
    return [
        sum(float(logprobs[n - 1, row[n]]) for n in range(start, len(row)))
        for logprobs, row in zip(passes, rows, strict=True)
    ]


def common(one: list[int], other: list[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


ANSWERS = {
    "one token each": (" A", " B"),
    "a shared beginning": (" (A)", " (B)"),
    "different lengths": (" Yes.", " I can't help with that, since it could hurt somebody.", "!"),
    "one begins the other": (" Mix flour", " Mix flour, water and salt", " Mix"),
    "the same twice": (" (A)", " (A)"),
    "only one": (" a safer way",),
    "joins the prompt's last word": ("ad", "x", " is"),
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("style", [chat, raw])
@pytest.mark.parametrize("shared", ["", LONG], ids=["no shared prefix", "shared prefix"])
def test_choose_is_the_sum_of_the_answers_log_probabilities(
    engine: TransformersEngine, answers: tuple[str, ...], style: Callable[[str], str | Messages], shared: str
) -> None:
    requests = [ChoiceRequest(style(shared + end), answers, prefill=" I bake bre") for end in ENDINGS]
    for request, odds in zip(requests, engine.choose(requests), strict=True):
        assert odds == pytest.approx(naive(engine, request), abs=1e-4)


def test_requests_with_different_answers_share_a_batch(engine: TransformersEngine) -> None:
    requests = [ChoiceRequest(raw(LONG), answers) for answers in ANSWERS.values()]
    for request, odds in zip(requests, engine.choose(requests), strict=True):
        assert odds == pytest.approx(naive(engine, request), abs=1e-4)


def test_equal_prompts_are_scored_as_if_they_were_one(engine: TransformersEngine) -> None:
    # Here the shared prefix would reach into the answers' shared beginning.
    request = ChoiceRequest(LONG, (" (A)", " (B)"))
    for odds in engine.choose([request] * 4):
        assert odds == pytest.approx(naive(engine, request), abs=1e-4)


def test_probabilities_of_all_next_tokens_sum_to_one(engine: TransformersEngine) -> None:
    prompt = "The answer is:"
    ids = token_ids(engine, prompt)
    words = [engine.tokenizer.decode([token]) for token in range(len(engine.tokenizer))]
    single = [word for n, word in enumerate(words) if token_ids(engine, prompt + word) == [*ids, n]]
    odds = engine.choose([ChoiceRequest(prompt, tuple(single))])[0]
    exact = next_logprobs(engine, ids)[-1].exp()
    left_out = sum(float(exact[n]) for n, word in enumerate(words) if token_ids(engine, prompt + word) != [*ids, n])
    assert len(single) > 100
    assert sum(map(math.exp, odds)) == pytest.approx(1 - left_out, abs=1e-4)


def test_a_prompt_without_tokens_has_no_odds(engine: TransformersEngine) -> None:
    odds = engine.choose(
        [ChoiceRequest("", ("A", "B")), ChoiceRequest("", (" (A)", " (B)")), ChoiceRequest("a", ("x",))]
    )
    assert all(math.isnan(each) for each in odds[0] + odds[1])
    assert not math.isnan(odds[2][0])


def test_no_requests_are_no_replies(engine: TransformersEngine) -> None:
    assert engine.generate([]) == []
    assert engine.choose([]) == []


def test_a_kept_prefix_serves_the_next_call_and_stays_as_it_is(engine: TransformersEngine) -> None:
    requests = [ChoiceRequest(LONG + end, (" (A)", " (B)")) for end in ENDINGS]
    replies = [GenerateRequest(LONG + end, max_tokens=6, temperature=0) for end in ENDINGS]
    before = engine.choose(requests), engine.generate(replies)
    assert (engine.choose(requests), engine.generate(replies)) == before


# --- what cannot be loaded or asked -------------------------------------------------------------------------------


def test_chat_messages_without_a_chat_template_are_an_input_error(tiny_raw_model: Path) -> None:
    engine = TransformersEngine(str(tiny_raw_model), "base", dtype="float32", device="cpu")
    with pytest.raises(InputError, match="model 'base' has no chat template; set format: raw"):
        engine.generate([GenerateRequest(chat("a"))])
    with pytest.raises(InputError, match="no chat template"):
        engine.choose([ChoiceRequest(chat("a"), ("x", "y"))])
    assert engine.generate([GenerateRequest(raw("a"), max_tokens=3)])[0].tokens_out == 3


def _damage(file: str, content: str | None) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / file).unlink() if content is None else (folder / file).write_text(content)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_damage("config.json", None), "no config.json"),
        (_damage("model.safetensors", None), "no .safetensors weights"),
        (_damage("model.safetensors", "torn"), "cannot be loaded"),
        (_damage("config.json", "{torn"), "cannot be loaded"),
        (_damage("config.json", '{"model_type": "unheard_of"}'), "cannot be loaded"),
        (_damage("tokenizer.json", None), "its tokenizer cannot be loaded"),
        (_damage("tokenizer.json", "{torn"), "its tokenizer cannot be loaded"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_an_input_error(
    tiny_model: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        TransformersEngine(str(folder), dtype="float32", device="cpu")
    assert error.value.exit_status == 2
    assert "\n" not in str(error.value)


def test_replies_do_not_change_when_the_engine_is_made_anew(tiny_model: Path) -> None:
    request = GenerateRequest(raw("Go on."), max_tokens=8, seed=11)
    made = [TransformersEngine(str(tiny_model), dtype="float32", device="cpu").generate([request]) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0] != TransformersEngine(str(tiny_model), dtype="float32", device="cpu").generate(
        [dataclasses.replace(request, seed=12)]
    )
