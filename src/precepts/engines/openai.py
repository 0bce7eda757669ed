"""The HTTP engine: any server that speaks OpenAI's protocol (vLLM, SGLang, llama.cpp, hosted ones), by its client.

1. A call's requests are sent at once and it returns when all are answered. `concurrency` bounds those in flight of all
   engines in this process that ask the same server: where several chunks are at work, one that waits for its last
   answer leaves its room to the others.
2. The client tries again, with growing pauses or as long as `Retry-After` says, after 408, 409, 429, 5xx, a timeout or
   a dropped connection; a body that is no answer is tried again here. A server that stays away ends the run with one
   message (RunError): what was finished is kept. A request that it refuses is an InputError, but for a prompt that is
   too long, which is data ("too_long"), as is an answer that it filtered ("refused").
3. Log-probabilities of given answers: where the server has vLLM's `/tokenize`, exactly, without writing the answers
   (`tokens.py`); elsewhere from the likeliest tokens at the first place where the answers differ. A server that gives
   none is refused. Which of the two is asked for is found out at the first choice.
4. The key comes from the environment and is in no message, record or repr. What a server holds is its own affair, but a
   model that it does not list is refused with what to serve: a run's trained models are served by the user.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from precepts.engines.answers import (
    Garbled,
    field,
    first_logprob,
    models_of,
    places_of,
    reply_of,
    sum_from,
    tokens_of,
    told_apart,
)
from precepts.engines.base import ChoiceRequest, GenerateRequest, Reply, Usage
from precepts.engines.tokens import Choice, Line, Probe, Request, choice_of, score_choices
from precepts.errors import InputError, RunError

try:
    import openai
except ImportError:
    raise InputError(
        "engine openai: the package openai is not installed; run: pip install 'precepts[openai]'"
    ) from None

T = TypeVar("T")
_AGAIN = 2.0  # seconds before a garbled answer is asked for again, at most
_TOP = 20  # likeliest tokens that servers give at most
_PLACES = 4  # tokens written to find where the answers differ
_SEEDS = 2**31  # what every server takes
_LONG = ("maximum context length", "context length", "exceeds the available context", "too many tokens")


class _Lane(NamedTuple):
    """The way to a server: the client, the event loop it lives on, and the room for requests in flight."""

    client: openai.AsyncOpenAI
    loop: asyncio.AbstractEventLoop
    room: asyncio.Semaphore


_lanes: dict[tuple[Any, ...], _Lane] = {}
_lanes_lock = threading.Lock()


def _lane(base_url: str, key: str, concurrency: int, timeout: float, retries: int) -> _Lane:
    """The one lane of all threads that ask alike. It is kept: a client that another thread collects closes sockets
    under the loop's feet, and requests that then get their numbers wait forever."""
    with _lanes_lock:
        wanted = (base_url, key, concurrency, timeout, retries)
        if wanted not in _lanes:
            client = openai.AsyncOpenAI(base_url=base_url, api_key=key or "none", timeout=timeout, max_retries=retries)
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, daemon=True, name="precepts-http").start()
            _lanes[wanted] = _Lane(client, loop, asyncio.Semaphore(concurrency))
        return _lanes[wanted]


class OpenAIEngine:
    """Asks `served` (the model's name at the server) at `base_url`; `model` is what the server would have to hold."""

    def __init__(
        self,
        model: str,
        name: str | None = None,
        *,
        base_url: str,
        served: str | None = None,
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 64,
        timeout: float = 600.0,
        retries: int = 8,
    ) -> None:
        self.name, self.usage = name or model, Usage()
        self.model, self.served, self.base_url, self.key_env = model, served or self.name, base_url, key_env
        self.retries = retries
        self._key = os.environ.get(key_env, "")
        self._client, self._loop, self._room = _lane(base_url, self._key, concurrency, timeout, retries)
        self._listed = self._tokenizes = None  # type: bool | None

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """A reply for each request, in order. Raises RunError where the server stays away, InputError where it
        refuses."""
        replies = self._all(self._write, requests)
        self.usage.tokens_in += sum(reply.tokens_in for reply in replies)
        self.usage.tokens_out += sum(reply.tokens_out for reply in replies)
        return replies

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """Log-probabilities of each request's answers, in order; nan where they cannot be told. Raises InputError where
        the server gives no log-probabilities at all."""
        if self._tokenizes is None and requests:
            self._tokenizes = self._all(lambda _: self._has_tokenizer(), [None])[0]
        if not self._tokenizes:
            return self._all(self._likeliest, requests)
        choices = self._all(self._choice, requests)
        self.usage.tokens_in += sum(choice.length for choice in choices)
        return score_choices(choices, lambda p: self._all(self._probe, p), lambda lines: self._all(self._read, lines))

    def _all(self, ask: Callable[[Any], Awaitable[T]], requests: Sequence[Any]) -> list[T]:
        """What `ask` gives for each request, `concurrency` at a time."""

        async def run() -> list[T]:
            async def one(request: Any) -> T:
                async with self._room:
                    return await ask(request)

            await self._check_listed()
            tasks = [asyncio.ensure_future(one(request)) for request in requests]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    async def _write(self, request: GenerateRequest) -> Reply:
        options = {
            "model": self.served,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed % _SEEDS,
            "stop": list(request.stop) or None,
        }
        try:
            return await self._answered(lambda: self._ask(request, options), reply_of)
        except openai.BadRequestError as error:
            if any(sign in str(error).lower() for sign in _LONG):
                return Reply("", "error", 0, 0, "too_long")
            raise self._refused(error) from None

    async def _ask(self, request: Request, options: dict[str, Any]) -> Any:
        options = {key: value for key, value in options.items() if value is not None}
        if isinstance(request.prompt, str):
            return await self._client.completions.create(prompt=request.prompt + request.prefill, **options)
        messages: list[Any] = [{"role": message.role, "content": message.content} for message in request.prompt]
        if request.prefill:
            messages.append({"role": "assistant", "content": request.prefill})
            options["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        return await self._client.chat.completions.create(messages=messages, **options)

    async def _answered(self, ask: Callable[[], Awaitable[Any]], read: Callable[[Any], T]) -> T:
        """What `read` makes of an answer; asked again where that is none. BadRequestError is left to the caller."""
        for attempt in range(self.retries + 1):
            try:
                return read(await ask())
            except openai.APIConnectionError:
                raise RunError(
                    f"the server at {self.base_url} does not answer; start it and run the same command: it goes on "
                    "from what is finished"
                ) from None
            except openai.BadRequestError:
                raise
            except (openai.RateLimitError, openai.InternalServerError) as error:
                tried = f"after {self.retries + 1} attempts"
                raise RunError(f"the server at {self.base_url} {tried}: {self._said(error)}; try again later") from None
            except openai.APIStatusError as error:
                raise self._refused(error) from None
            except (Garbled, json.JSONDecodeError, openai.APIResponseValidationError):
                await asyncio.sleep(min(_AGAIN, 0.1 * 2**attempt))
        raise RunError(
            f"the server at {self.base_url} answers with what is no answer, {self.retries + 1} times in a row"
        )

    async def _check_listed(self) -> None:
        """Refuse a model that the server does not list, once; servers without a list are believed."""
        if self._listed is not None:
            return
        try:
            known = await self._answered(self._client.models.list, models_of)
        except (InputError, openai.BadRequestError) as error:
            if isinstance(error, InputError) and self.key_env in str(error):
                raise
            known = []
        if known and self.served not in known:
            raise InputError(
                f"the server at {self.base_url} does not serve '{self.served}' (it serves: {', '.join(known[:5])}); "
                f"serve it there (vllm serve {self.model} --served-model-name {self.served}) and run the same command, "
                "or name it as the server does with engine.served"
            )
        self._listed = True

    def _refused(self, error: openai.APIStatusError) -> InputError:
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            given = "is not taken" if self._key else "is not set"
            return InputError(
                f"the server at {self.base_url} wants a key and the one in ${self.key_env} {given}; set it"
            )
        return InputError(f"the server at {self.base_url} refuses a request for '{self.served}': {self._said(error)}")

    def _said(self, error: openai.APIStatusError) -> str:
        body = error.body if isinstance(error.body, dict) else {}
        said = " ".join(str(body.get("message") or error).split())[:300]
        return f"{error.status_code}, " + (said.replace(self._key, "[key]") if self._key else said)

    async def _has_tokenizer(self) -> bool:
        try:
            return bool(await self._tokens("a"))
        except (InputError, openai.BadRequestError):
            return False

    async def _post(self, path: str, body: dict[str, Any], read: Callable[[Any], T]) -> T:
        """Ask one of vLLM's own endpoints, which stand beside `/v1`."""
        url = self.base_url.rstrip("/").removesuffix("/v1") + path
        asked = {"model": self.served, **body}
        return await self._answered(lambda: self._client.post(url, cast_to=object, body=asked), read)

    async def _tokens(self, text: str, special: bool = False) -> list[int]:
        return await self._post("/tokenize", {"prompt": text, "add_special_tokens": special}, tokens_of)

    async def _choice(self, request: ChoiceRequest) -> Choice:
        raw = isinstance(request.prompt, str)
        text = str(request.prompt) if raw else await self._chat_text(request)
        rows = await asyncio.gather(*(self._tokens(text + request.prefill + a, raw) for a in ("", *request.answers)))
        return choice_of(rows[0], rows[1:])

    async def _chat_text(self, request: ChoiceRequest) -> str:
        """The chat as its template writes it, up to where the model's turn begins."""
        messages = [{"role": message.role, "content": message.content} for message in request.prompt]  # type: ignore[union-attr]
        ids = await self._post("/tokenize", {"messages": messages, "add_generation_prompt": True}, tokens_of)
        return await self._post("/detokenize", {"tokens": ids}, lambda found: field(found, "prompt", str))

    async def _probe(self, probe: Probe) -> float:
        so_far, token = probe
        extra = {"allowed_token_ids": [token], "ignore_eos": True}
        options = {"prompt": list(so_far), "max_tokens": 1, "temperature": 1.0, "logprobs": 1, "extra_body": extra}
        return await self._scored(options, first_logprob)

    async def _read(self, line: Line) -> float:
        tokens, start = line
        extra = {"prompt_logprobs": 0}
        options = {"prompt": list(tokens), "max_tokens": 1, "temperature": 0.0, "extra_body": extra}
        return await self._scored(options, lambda found: sum_from(found, tokens, start))

    async def _scored(self, options: dict[str, Any], read: Callable[[Any], float]) -> float:
        """A log-probability; nan where the prompt is too long."""
        try:
            return await self._answered(lambda: self._client.completions.create(model=self.served, **options), read)
        except openai.BadRequestError as error:
            if any(sign in str(error).lower() for sign in _LONG):
                return math.nan
            raise self._refused(error) from None

    async def _likeliest(self, request: ChoiceRequest) -> list[float]:
        """Log-probabilities from the likeliest tokens at the first place where one of the answers begins to differ."""
        options = {"model": self.served, "max_tokens": _PLACES, "temperature": 0.0, "seed": 0}
        options |= {"logprobs": _TOP} if isinstance(request.prompt, str) else {"logprobs": True, "top_logprobs": _TOP}
        try:
            places = await self._answered(lambda: self._ask(request, options), places_of)
        except openai.BadRequestError as error:
            raise self._refused(error) from None
        if places is None:
            raise InputError(
                f"the server at {self.base_url} gives no log-probabilities, which labels are read from; use one that "
                "does (vllm serve), or another model as models.feedback"
            )
        return told_apart(places, request.answers)
