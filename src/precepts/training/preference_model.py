"""The preference model, trained on soft labels (paper section 4.1).

1. The start model with a scalar head; a pair's two responses go through one forward pass, what they have in common once
   (`pairs.py`), and the loss is that of `losses.soft_preference_loss`: the label's probability, not its winner.
2. Human comparisons (label 1) and AI preferences (label in [0, 1]) are mixed; each pair carries the weight of its
   source in the mean loss, relative to the mean weight of all pairs.
3. `labels: hard` rounds AI labels to a winner, to show what the odds are worth (a label of exactly 0.5 stays).
4. Batches are of pairs of like length, so that little padding is computed; which ones meet is by the seed.
5. Under a launcher each of several processes takes its part of every batch; the loss is that of one process.
How it departs from the paper: no preference-model pretraining; whatever `models.start` names is the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

from precepts.engines.models import model_path
from precepts.engines.transformers import load_tokenizer
from precepts.prompts.formats import Format
from precepts.records import Messages, TrainingStep
from precepts.training.fit import Show, fit, lora_config, save_whole, single_device, tokens_seen, trainer_arguments
from precepts.training.losses import soft_preference_loss, weighted_mean
from precepts.training.pairs import collated, packed, packs_rightly, scores_pairs
from precepts.training.scores import encode_scored, padding_token
from precepts.training.settings import SupervisedSettings
from precepts.training.sft import precision


@dataclass(frozen=True)
class LabelledPair:
    """Two responses, the probability that the first is better, and how much the pair counts."""

    messages: Messages
    first: str
    second: str
    p_first: float
    weight: float


class _Trainer(Trainer):  # type: ignore[misc]
    model_accepts_loss_kwargs = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        labels = {name: inputs.pop(name) for name in ("p_first", "weight")}
        scores = model(**inputs)
        losses = soft_preference_loss(scores[:, 0], scores[:, 1], labels["p_first"])
        loss = weighted_mean(losses, labels["weight"])
        return (loss, {"scores": scores}) if return_outputs else loss


def train_preference_model(
    model: str,
    pairs: Sequence[LabelledPair],
    target: Path,
    work: Path,
    optim: SupervisedSettings,
    style: Format,
    seed: int,
    show: Show,
) -> tuple[list[TrainingStep], int]:
    """Train a preference model from `model` on `pairs` and save it at `target`; checkpoints go to `work`.

    Returns the logged steps and the number of tokens trained on.
    """
    torch.manual_seed(seed % 2**63)
    device, dtype = precision(optim)
    tokenizer = load_tokenizer(model_path(model))
    tokenizer.pad_token = padding_token(tokenizer)
    mean_weight = sum(pair.weight for pair in pairs) / len(pairs)
    scoring = _scoring_base(model, tokenizer, dtype if optim.lora else torch.float32, device)
    texts = [_encoded(tokenizer, pair, style, optim.max_length) for pair in pairs]
    share = packs_rightly(scoring, texts[:2], tokenizer.pad_token_id)
    rows = [
        {**packed(*text, share=share), "p_first": pair.p_first, "weight": pair.weight / mean_weight}
        for pair, text in zip(pairs, texts, strict=True)
    ]
    trainer = _Trainer(
        model=_adapted(scores_pairs(scoring), optim),
        args=single_device(
            TrainingArguments(
                **trainer_arguments(optim, work, seed, device, dtype == torch.bfloat16),
                remove_unused_columns=False,
                train_sampling_strategy="group_by_length",
                include_num_input_tokens_seen="non_padding",
            )
        ),
        train_dataset=rows,
        data_collator=lambda batch: _collate(batch, tokenizer.pad_token_id),
        processing_class=tokenizer,
    )
    steps = fit(trainer, show)
    kept: dict[str, str] = {"format": style}  # in config.json, for whoever scores with it
    tokenizer.model_max_length = optim.max_length  # what is scored later is cut as it was here
    trainer.model.config.precepts = kept
    save_whole(trainer.model, tokenizer, target, lambda: _scoring_base(model, tokenizer, torch.float32, "cpu", kept))
    return steps, tokens_seen(trainer)


def _adapted(scoring: Any, optim: SupervisedSettings) -> Any:
    from peft import get_peft_model

    return get_peft_model(scoring, lora_config(optim.lora, "SEQ_CLS")) if optim.lora else scoring


def _scoring_base(
    model: str, tokenizer: Any, dtype: torch.dtype, device: str, kept: dict[str, str] | None = None
) -> Any:
    scoring = AutoModelForSequenceClassification.from_pretrained(
        model_path(model),
        num_labels=1,
        dtype=dtype,
        pad_token_id=tokenizer.pad_token_id,
        use_safetensors=True,
        trust_remote_code=False,
    ).to(device)
    torch.nn.init.zeros_(scoring.score.weight)  # every pair begins at even odds
    scoring.score.float()
    scoring.config.precepts = kept
    return scoring


def _encoded(tokenizer: Any, pair: LabelledPair, style: Format, max_length: int) -> tuple[list[int], list[int]]:
    """Token ids of the conversation with the first response, and with the second."""
    first, second = (
        encode_scored(tokenizer, pair.messages, text, style, max_length) for text in (pair.first, pair.second)
    )
    return first, second


def _collate(batch: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
    """The tensors of `pairs.collated`, and p_first and weight (pairs,)."""
    labels = {name: torch.tensor([row[name] for row in batch]) for name in ("p_first", "weight")}
    return {**collated(batch, pad), **labels}
