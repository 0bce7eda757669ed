"""A request as text and as tokens, by a tokenizer that is at hand: what engines in this process share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from precepts.engines.base import ChoiceRequest, GenerateRequest, VerdictRequest
from precepts.engines.tokens import Choice, Request, choice_of
from precepts.errors import InputError
from precepts.prompts.formats import Format, render, turns_of
from precepts.records import Messages


def text_of(tokenizer: Any, request: Request, model: str) -> str:
    """What the model goes on from. Raises InputError where chat messages meet a tokenizer without a chat template."""
    if isinstance(request.prompt, str):
        return request.prompt + request.prefill
    if tokenizer.chat_template is None:
        raise InputError(f"model '{model}' has no chat template; set format: raw in the recipe")
    messages = [{"role": message.role, "content": message.content} for message in request.prompt]
    chat = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return str(chat) + request.prefill


def encode(tokenizer: Any, request: Request, model: str, answer: str = "") -> list[int]:
    """The token ids of the request's text and an `answer` after it."""
    raw = isinstance(request.prompt, str)
    return list(tokenizer(text_of(tokenizer, request, model) + answer, add_special_tokens=raw)["input_ids"])


def encode_choice(tokenizer: Any, request: ChoiceRequest, model: str) -> Choice:
    """The request's answers in tokens."""
    rows = [encode(tokenizer, request, model, answer) for answer in request.answers]
    return choice_of(encode(tokenizer, request, model), rows)


def verdict_request(messages: Messages, response: str, style: Format) -> VerdictRequest:
    """What is read of a response by its states."""
    return VerdictRequest(render(turns_of(messages), "assistant", style), response)


def verdict_rows(tokenizer: Any, requests: Sequence[VerdictRequest], model: str) -> list[tuple[list[int], list[int]]]:
    """Each request's prompt and response in tokens."""

    def row(request: VerdictRequest) -> tuple[list[int], list[int]]:
        text = f" {request.response}" if isinstance(request.prompt, str) else request.response
        prompt = encode(tokenizer, GenerateRequest(request.prompt), model)
        return prompt, list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return [row(each) for each in requests]
