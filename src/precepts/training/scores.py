"""A preference model at work: one scalar for a response to a conversation, at the last token (paper section 4.1).

1. `load_scorer` opens whichever kind lies in a folder; the rest of this file is the paper's, `bilinear.py` the other.
2. The model is the stock sequence-classification class with one label, so transformers, TRL and vLLM load it too.
   Its padding token differs from what texts end with, or the end would be taken for padding. A tokenizer whose only
   special token is the end token (GPT-2) gets a padding token of its own.
3. The scoring head is applied to the last real token alone, in float32: bfloat16 would round close scores together.
4. A response is scored by a row of its own, the plainest way, whose scores any other tool gives too. Training, which
   sees both responses of a pair at once, computes what they share once (`packing.py`).
How it departs from the paper: the head and the token it reads are the paper's; what is read may be a chat template.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from precepts.engines.models import BILINEAR_FILE, check_scores
from precepts.engines.transformers import best_device, file_dtype, load_tokenizer
from precepts.prompts.formats import Format, render, turns_of
from precepts.records import Message, Messages
from precepts.training.bilinear import BilinearScorer

NEW_PADDING = "<|padding|>"


def scored_text(tokenizer: Any, messages: Messages, response: str, style: Format) -> str:
    """What the preference model reads: the whole conversation with the response."""
    if style == "raw":
        return f"{render(turns_of(messages), 'assistant', style)} {response}"
    chat = [{"role": m.role, "content": m.content} for m in (*messages, Message("assistant", response))]
    return str(tokenizer.apply_chat_template(chat, tokenize=False))


def encode_scored(tokenizer: Any, messages: Messages, response: str, style: Format, max_length: int) -> list[int]:
    """Token ids of what is scored; where it is too long the beginning is cut, so that its end stays the end."""
    text = scored_text(tokenizer, messages, response, style)
    ids = list(tokenizer(text, add_special_tokens=style == "raw")["input_ids"])
    return ids[-max_length:]


def pad_right(ids: Sequence[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, each (rows, longest)."""
    width = max(map(len, ids))
    tokens = [row + [pad] * (width - len(row)) for row in ids]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in ids]
    return torch.tensor(tokens), torch.tensor(mask)


def last_token_scores(model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Scores (rows,) in float32 for right-padded ids and mask (rows, length), read at each row's last real token."""
    last = attention_mask.sum(dim=1, keepdim=True) - 1
    return head_scores(model, end_states(model, input_ids, attention_mask, last))[:, 0]


def end_states(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    ends: torch.Tensor,
    position_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """The last hidden states (rows, ends a row, hidden) of a sequence classifier at the tokens that `ends` (rows,
    ends a row) counts out."""
    positions = {} if position_ids is None else {"position_ids": position_ids}
    hidden = model.base_model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **positions)[0]
    states: torch.Tensor = hidden[torch.arange(len(ends), device=hidden.device)[:, None], ends]
    return states


def head_scores(model: Any, states: torch.Tensor) -> torch.Tensor:
    """The scoring head, in float32 whatever computes around it: (..., hidden) to (...)."""
    with torch.autocast(states.device.type, enabled=False):
        scores: torch.Tensor = model.score(states.float())[..., 0].float()
    return scores


def padding_token(tokenizer: Any, last: Collection[int] = ()) -> str:
    """A token to pad with: not the end token, nor one of the ids `last` that texts end with, since whoever pools by
    the padding token alone would take such an end for padding. Where the vocabulary has none to spare, a new one."""
    vocabulary = tokenizer.get_vocab()
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    special = sorted(added, key=lambda token: "pad" not in token.lower())
    for token in (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token, "<|endoftext|>", *special):
        if token in vocabulary and token != tokenizer.eos_token and vocabulary[token] not in last:
            return str(token)
    return NEW_PADDING


def pad_with(tokenizer: Any, token: str) -> None:
    """Make `token` what the tokenizer pads with, as a new token where it is none yet."""
    if token in tokenizer.get_vocab():
        tokenizer.pad_token = token
    else:
        tokenizer.add_special_tokens({"pad_token": token})


class Scorer(Protocol):
    """A preference model at work, whichever kind it is of."""

    style: Format

    def score(self, items: Sequence[tuple[Messages, str]]) -> list[float]:
        """A score for each (conversation, response), in order."""
        ...


def load_scorer(path: str, style: Format | None = None, *, batch_size: int = 32, device: str = "auto") -> Scorer:
    """The preference model in a folder, of the kind that lies there. Raises InputError where none does."""
    check_scores(Path(path), path)
    kind = BilinearScorer if (Path(path) / BILINEAR_FILE).is_file() else ClassifierScorer
    return kind(path, style, batch_size=batch_size, device=device)


class ClassifierScorer:
    """Scores responses with a sequence classifier. `style` None is the format it was trained in, as its config.json
    says (chat where it says nothing)."""

    def __init__(
        self,
        path: str,
        style: Format | None = None,
        *,
        batch_size: int = 32,
        device: str = "auto",
    ) -> None:
        from transformers import AutoModelForSequenceClassification

        self.device = best_device() if device == "auto" else device
        self.tokenizer = load_tokenizer(path)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            path, dtype=file_dtype(path, self.device), use_safetensors=True, trust_remote_code=False
        ).to(self.device)
        self.model.eval().score.float()
        kept: Any = getattr(self.model.config, "precepts", None) or {}
        self.style: Format = style or ("raw" if kept.get("format") == "raw" else "chat")
        self.batch_size = batch_size
        self.max_length = min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)

    @torch.inference_mode()
    def score(self, items: Sequence[tuple[Messages, str]]) -> list[float]:
        """A score for each (conversation, response), in order."""
        ids = [encode_scored(self.tokenizer, *item, self.style, self.max_length) for item in items]
        order = sorted(range(len(ids)), key=lambda index: (-len(ids[index]), index))
        scores = [0.0] * len(ids)
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            tokens, mask = pad_right([ids[index] for index in batch], self.tokenizer.pad_token_id)
            values = last_token_scores(self.model, tokens.to(self.device), mask.to(self.device))
            for index, value in zip(batch, values.tolist(), strict=True):
                scores[index] = value
        return scores
