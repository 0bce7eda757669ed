"""A preference model at work: one scalar for a response to a conversation, at the last token (paper section 4.1).

1. The model is the stock sequence-classification class with one label, so transformers, TRL and vLLM load it too.
   Its padding token differs from its end token, or the end would be taken for padding.
2. The scoring head is applied to the last real token alone, in float32: bfloat16 would round close scores together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from precepts.engines.transformers import best_device, file_dtype, load_tokenizer
from precepts.errors import InputError
from precepts.prompts.formats import Format, render, turns_of
from precepts.records import Message, Messages


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
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = inner.base_model(input_ids=input_ids, attention_mask=attention_mask)[0]
    last = attention_mask.sum(dim=1) - 1
    at_end = hidden[torch.arange(len(last), device=hidden.device), last]
    with torch.autocast(hidden.device.type, enabled=False):
        scores: torch.Tensor = inner.score(at_end.float())[:, 0].float()
    return scores


def padding_token(tokenizer: Any) -> str:
    """A token to pad with that is not the end token. Raises InputError where the vocabulary has none to spare."""
    spare = (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token, "<|endoftext|>")
    known = tokenizer.get_vocab()
    fits = [token for token in spare if token and token != tokenizer.eos_token and token in known]
    if not fits:
        raise InputError("the tokenizer has no token to pad with but its end token; give it a pad_token")
    return str(fits[0])


class Scorer:
    """Scores responses with a trained preference model. `style` None is the format it was trained in, as its
    config.json says (chat where it says nothing)."""

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
