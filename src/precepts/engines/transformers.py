"""The transformers engine: a model in this process, batched. The embedded default.

1. Requests are sorted by length and padded on the left; a batch never mixes what needs much padding with what needs
   little.
2. A token prefix that all requests of a call share (few-shot examples, a system message) is run once, and its keys
   and values are laid under every row. Rows are `[prefix][padding][rest]`; positions count real tokens, so replies
   are those of unshared, unpadded prompts (up to rounding).
3. `choose` runs a prompt once for all its answers: log-probabilities of the tokens the answers share come from that
   pass, those of their different endings from a second one over the endings alone.
4. A model runs in the precision of its file, bfloat16 where the hardware computes in it. Weights are
   safetensors; code from model repositories is never run.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from precepts.engines.base import ChoiceRequest, Finish, GenerateRequest, Reply, Usage, VerdictRequest, finished
from precepts.engines.cache import roomy_cache, selected
from precepts.engines.choices import followed, padded_right, stem_logprob, tail_groups
from precepts.engines.models import model_path
from precepts.engines.rendering import encode, encode_choice, verdict_rows
from precepts.engines.sampling import SeededSampler
from precepts.engines.states import response_states
from precepts.engines.stopping import RowEnds
from precepts.engines.tokens import Choice, common
from precepts.engines.verdicts import VerdictHead, load_head
from precepts.errors import InputError

MIN_SHARED = 32  # a shorter shared prefix is not worth a pass of its own
CPU_PASS, GPU_PASS = 3072, 65536  # tokens read in one pass of `choose`: more only means more padding and cache misses


def best_device() -> str:
    """cuda, mps or cpu: the first that is there."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_dtype(device: str) -> torch.dtype:
    """bfloat16 where `device` computes in it, else float32."""
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)() if device == "cpu" else False
    return torch.bfloat16 if fast else torch.float32


def file_dtype(path: str, device: str) -> torch.dtype:
    """The precision a model's file was saved in, where `device` computes in it; else the best there is. Half
    precision would round a trained model's small updates away, so float32 files are run in float32."""
    from transformers import AutoConfig

    try:
        saved = AutoConfig.from_pretrained(path, trust_remote_code=False).dtype
    except (OSError, ValueError) as error:
        raise InputError(f"model '{path}': its config.json cannot be read ({_first_line(error)})") from None
    return torch.float32 if saved in (None, torch.float32) else best_dtype(device)


def load_tokenizer(path: str) -> Any:
    """The tokenizer of a model, able to pad. Raises InputError where there is none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"model '{path}': its tokenizer cannot be loaded ({_first_line(error)})") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(path: str, dtype: torch.dtype, device: str) -> Any:
    """A causal language model in evaluation mode. Raises InputError where it cannot be loaded."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"model '{path}': it cannot be loaded ({_first_line(error)})") from None
    return model.to(device).eval()


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


class TransformersEngine:
    """Generates with and scores by a causal language model held in this process."""

    def __init__(
        self,
        model: str,
        name: str | None = None,
        *,
        batch_size: int = 32,
        dtype: str = "auto",
        device: str = "auto",
    ) -> None:
        path = model_path(model)
        where = best_device() if device == "auto" else device
        precision = file_dtype(path, where) if dtype == "auto" else getattr(torch, dtype)
        loaded = load_model(path, precision, where)
        self._take(loaded, load_tokenizer(path), name or model, batch_size, where, load_head(Path(path)))

    def _take(
        self, model: Any, tokenizer: Any, name: str, batch_size: int, device: str, head: VerdictHead | None = None
    ) -> None:
        self.name, self.usage, self.batch_size, self.device = name, Usage(), batch_size, device
        self.model, self.tokenizer, self.head = model, tokenizer, head
        self.context = int(getattr(self.model.config, "max_position_embeddings", None) or 1 << 30)
        self.end_ids = _end_ids(self.model, self.tokenizer)
        self.model.generation_config = type(self.model.generation_config)()  # no sampling habits but the request's
        self._prefix: tuple[tuple[int, ...], Any] | None = None
        self._pass_tokens = CPU_PASS if self.device == "cpu" else GPU_PASS

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """A reply for each request, in order; prompts that leave no room in the context are unusable ("too_long")."""
        ids = [encode(self.tokenizer, request, self.name) for request in requests]
        replies = [Reply("", "error", 0, 0, "too_long")] * len(ids)
        fits = [i for i, request in enumerate(requests) if len(ids[i]) + request.max_tokens <= self.context]
        shared = _shared_prefix([ids[i] for i in fits])
        for batch in _batches(fits, ids, self.batch_size):
            written = self._generate([requests[i] for i in batch], [ids[i] for i in batch], shared)
            for index, reply in zip(batch, written, strict=True):
                replies[index] = reply
        self.usage.tokens_in += sum(reply.tokens_in for reply in replies)
        self.usage.tokens_out += sum(reply.tokens_out for reply in replies)
        return replies

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """Log-probabilities of each request's answers, in order; nan where a prompt does not fit the context, or has
        no token that the answers could follow."""
        choices = [encode_choice(self.tokenizer, request, self.name) for request in requests]
        result = [[float("nan")] * len(request.answers) for request in requests]
        fits = [i for i, choice in enumerate(choices) if choice.start and choice.length <= self.context]
        stems = [choice.stem for choice in choices]
        shared = _shared_prefix([stems[i][: choices[i].start] for i in fits])
        read = [stem[shared:] for stem in stems]  # what is shared is read once, whatever the passes
        for batch in _batches(fits, read, self.batch_size, self._pass_tokens):
            scored = self._score([choices[i] for i in batch], shared)
            for index, values in zip(batch, scored, strict=True):
                result[index] = values
        self.usage.tokens_in += sum(choices[i].length for i in fits)
        return result

    def verdicts(self, requests: Sequence[VerdictRequest], among: Sequence[str]) -> list[list[float]] | None:
        """Log-probabilities of the verdicts of the model's head, where it has one."""
        if self.head is None or not requests:
            return None if self.head is None else []
        if self.head.verdicts != tuple(among):
            raise InputError(
                f"model '{self.name}': its verdict head knows other verdicts ({'; '.join(self.head.verdicts)}); "
                "warm it up again"
            )
        rows = verdict_rows(self.tokenizer, requests, self.name)
        self.usage.tokens_in += sum(len(prompt) + len(response) for prompt, response in rows)
        states = response_states(self.model, rows, self.head.layers, self.batch_size)
        return [list(map(float, row)) for row in self.head.logprobs(states)]

    @torch.inference_mode()
    def _generate(self, requests: list[GenerateRequest], ids: list[list[int]], shared: int) -> list[Reply]:
        from transformers import GenerationConfig

        tokens, mask = _padded(ids, shared, self.tokenizer.pad_token_id)
        ends = RowEnds(requests, tokens.shape[1], self.end_ids, self.tokenizer)
        config = GenerationConfig(
            max_new_tokens=max(request.max_tokens for request in requests),
            do_sample=False,
            eos_token_id=self.end_ids,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        output = self.model.generate(
            tokens.to(self.device),
            attention_mask=mask.to(self.device),
            past_key_values=self._prefix_cache(ids[0][:shared], len(ids)),
            generation_config=config,
            logits_processor=[SeededSampler(requests)],
            stopping_criteria=[ends],
        )
        written = [
            row[:length] for row, length in zip(output[:, tokens.shape[1] :].tolist(), ends.lengths, strict=True)
        ]
        return [self._reply(*each) for each in zip(requests, ids, written, strict=True)]

    def _reply(self, request: GenerateRequest, ids: list[int], written: list[int]) -> Reply:
        ended = written[-1] in self.end_ids
        text = self.tokenizer.decode(written[:-1] if ended else written, skip_special_tokens=True)
        cut = [text.find(stop) for stop in request.stop if stop in text]
        finish: Finish = "stop" if ended or cut else "length"
        return finished(text[: min(cut)] if cut else text, finish, len(ids), len(written))

    @torch.inference_mode()
    def _score(self, choices: list[Choice], shared: int) -> list[list[float]]:
        stems = [choice.stem for choice in choices]
        tokens, mask = _padded(stems, shared, self.tokenizer.pad_token_id)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        keep = max(len(choice.stem) - choice.start for choice in choices) + 1
        output = self.model(
            input_ids=tokens[:, shared:].to(self.device),
            attention_mask=mask.to(self.device),
            position_ids=positions[:, shared:].to(self.device),
            past_key_values=self._prefix_cache(stems[0][:shared], len(choices)),
            use_cache=True,
            logits_to_keep=keep,
        )
        logprobs = output.logits.float().log_softmax(dim=-1).cpu()
        common = [stem_logprob(choice, row) for choice, row in zip(choices, logprobs, strict=True)]
        firsts = [[float(row[-1, tail[0]]) for tail in c.tails] for c, row in zip(choices, logprobs, strict=True)]
        rests = self._tails(choices, mask, output.past_key_values)
        return [
            [stem + first + rest for first, rest in zip(first_row, rest_row, strict=True)]
            for stem, first_row, rest_row in zip(common, firsts, rests, strict=True)
        ]

    def _tails(self, choices: list[Choice], mask: torch.Tensor, cache: Any) -> list[list[float]]:
        """Log-probabilities of what follows each tail's first token, by passes over tails of like length."""
        tails = [tail for choice in choices for tail in choice.tails]
        row_of = [row for row, choice in enumerate(choices) for _ in choice.tails]
        found = [0.0] * len(tails)
        vocabulary = self.model.get_output_embeddings().weight.shape[0]
        for group in tail_groups([len(tail) - 1 for tail in tails], vocabulary):
            rows = torch.tensor([row_of[n] for n in group])
            tokens, real = padded_right([tails[n] for n in group])
            output = self.model(
                input_ids=tokens[:, :-1].to(self.device),
                attention_mask=torch.cat([mask[rows], real[:, 1:]], dim=1).to(self.device),
                position_ids=(mask[rows].sum(dim=1, keepdim=True) + torch.arange(tokens.shape[1] - 1)).to(self.device),
                past_key_values=selected(cache, rows.to(self.device)),
            )
            for n, value in zip(group, followed(output.logits, tokens[:, 1:], real[:, 1:]), strict=True):
                found[n] = value
        each = iter(found)
        return [[next(each) for _ in choice.tails] for choice in choices]

    def _prefix_cache(self, prefix: list[int], rows: int) -> Any:
        """A cache that holds `prefix` for `rows` rows; the last prefix is kept for the next batch and call."""
        if not prefix:
            return roomy_cache(self.model)
        if self._prefix is None or self._prefix[0] != tuple(prefix):
            cache = roomy_cache(self.model)
            ids = torch.tensor([prefix], device=self.device)
            self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._prefix = (tuple(prefix), cache)
        cache = copy.deepcopy(self._prefix[1])
        cache.batch_repeat_interleave(rows)
        return cache


@contextmanager
def lent(model: Any, tokenizer: Any, name: str, batch_size: int) -> Iterator[TransformersEngine]:
    """A model that is being trained, as an engine; afterwards it is as it was."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    habits, training = inner.generation_config, model.training
    engine = TransformersEngine.__new__(TransformersEngine)
    try:
        model.eval()
        engine._take(inner, tokenizer, name, batch_size, str(inner.device))
        yield engine
    finally:
        inner.generation_config = habits
        model.train(training)


def _end_ids(model: Any, tokenizer: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    ids = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id}
    return sorted(token for token in ids if token is not None)


def _shared_prefix(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens to run once for all rows: each row keeps at least one token of its own."""
    if len(rows) < 2:
        return 0
    shared = min(common(rows), min(len(row) for row in rows) - 1)
    return shared if shared >= MIN_SHARED else 0


def _batches(
    indices: Sequence[int], ids: Sequence[Sequence[int]], size: int, tokens: int | None = None
) -> Iterator[list[int]]:
    """Indices in batches of like length, longest first (so that too big a batch fails at once), of at most `size` rows
    and, but for a single row, `tokens` tokens."""
    ordered = sorted(indices, key=lambda index: (-len(ids[index]), index))
    while ordered:
        fits = size if tokens is None else min(size, max(1, tokens // max(1, len(ids[ordered[0]]))))
        yield ordered[:fits]
        ordered = ordered[fits:]


def _padded(ids: Sequence[list[int]], shared: int, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, each (rows, longest): `[shared prefix][padding][rest]`."""
    width = max(map(len, ids))
    tokens = [row[:shared] + [pad] * (width - len(row)) + row[shared:] for row in ids]
    mask = [[1] * shared + [0] * (width - len(row)) + [1] * (len(row) - shared) for row in ids]
    return torch.tensor(tokens), torch.tensor(mask)
