"""The preference model, trained on soft labels (paper section 4.1).

1. The start model with a scalar head; a pair's two responses go through one forward pass and the loss is that of
   `losses.soft_preference_loss`: the label's probability, not its winner.
2. Human comparisons (label 1) and AI preferences (label in [0, 1]) are mixed; each pair carries the weight of its
   source in the mean loss, relative to the mean weight of all pairs.
3. `labels: hard` rounds AI labels to a winner, to show what the odds are worth (a label of exactly 0.5 stays).
4. What a pair's texts have in common is computed once (`packing.py`), batches are of like length (`batches.py`), and
   several processes share a batch (`launch.py`). None of this changes a number beyond rounding.
How it departs from the paper: no preference-model pretraining; whatever `models.start` names is the beginning. The
model's own dropout is off, so that a loss depends on the pair alone; adapters keep theirs (`lora.dropout`, default 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

from precepts.engines.models import model_path
from precepts.engines.transformers import load_tokenizer
from precepts.prompts.formats import Format
from precepts.records import TrainingStep
from precepts.training.batches import LengthBatches, PairRows
from precepts.training.fit import (
    Show,
    fit,
    lora_config,
    process_count,
    save_gathered,
    save_whole,
    single_device,
    trainer_arguments,
)
from precepts.training.losses import soft_preference_loss, weighted_mean
from precepts.training.packing import can_pack, collate, give_pair_scores
from precepts.training.pairs import LabelledPair as LabelledPair
from precepts.training.pairs import PairRow, pair_row
from precepts.training.scores import encode_scored, pad_with, padding_token
from precepts.training.settings import SupervisedSettings
from precepts.training.sft import precision


class PairTrainer(Trainer):  # type: ignore[misc]
    """A Trainer of pairs: the order of the rows is `order`'s, the loss the weighted soft one."""

    model_accepts_loss_kwargs = False

    def __init__(self, order: LengthBatches, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.order = order
        self.add_callback(_Epochs(order))

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBatches:
        return self.order

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        labels = ("p_first", "weight")
        scores = model(**{name: tensor for name, tensor in inputs.items() if name not in labels})
        losses = soft_preference_loss(scores[:, 0], scores[:, 1], inputs["p_first"])
        loss = weighted_mean(losses, inputs["weight"])
        return (loss, {"scores": scores}) if return_outputs else loss


class _Epochs(TrainerCallback):  # type: ignore[misc]
    """Tells the order which epoch begins (wrapped for several processes and resumed, it is out of others' reach)."""

    def __init__(self, order: LengthBatches) -> None:
        self.order = order

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.order.epoch = state.global_step // self.order.steps


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

    Returns the logged steps and the number of tokens trained on (those of both texts, shared ones counted twice).
    Raises InputError where the batch does not divide by the processes that run this.
    """
    tokenizer = load_tokenizer(model_path(model))
    trainer = pair_trainer(model, tokenizer, pairs, work, optim, style, seed)
    steps = take_steps(trainer, show)
    _save(trainer, tokenizer, target, work, model, optim, style)
    tokens = sum(trainer.train_dataset.rows[n].tokens for n in trainer.order.first(trainer.state.global_step))
    return steps, tokens


def take_steps(trainer: PairTrainer, show: Show) -> list[TrainingStep]:
    """`fit`, without turning into float32 what autocast turns back into bfloat16 before an adapter reads it."""
    from peft.helpers import disable_input_dtype_casting

    with disable_input_dtype_casting(trainer.model, active=trainer.args.bf16):
        return fit(trainer, show)


def pair_trainer(
    model: str,
    tokenizer: Any,
    pairs: Sequence[LabelledPair],
    work: Path,
    optim: SupervisedSettings,
    style: Format,
    seed: int,
) -> PairTrainer:
    """The trainer, ready to fit; the tokenizer gets its padding token."""
    torch.manual_seed(seed % 2**63)
    device, dtype = precision(optim)
    shared = trainer_arguments(optim, work, seed, device, dtype == torch.bfloat16, process_count())
    arguments = single_device(
        TrainingArguments(**shared, remove_unused_columns=False, ddp_find_unused_parameters=False)
    )
    rows = pair_rows(tokenizer, pairs, style, optim.max_length)
    pad_with(tokenizer, padding_token(tokenizer, {ids[-1] for row in rows for ids in (row.first, row.second)}))
    pad, base = tokenizer.pad_token_id, _begun(model, tokenizer, dtype if optim.lora else torch.float32)
    packs = can_pack(base.to(arguments.device), rows, pad)
    hidden = base.config.get_text_config().hidden_size
    return PairTrainer(
        LengthBatches([row.packed if packs else row.longest for row in rows], optim.batch_size, seed),
        model=_adapted(base, optim),
        args=arguments,
        train_dataset=PairRows(rows, pad),
        data_collator=lambda batch: collate(batch, pad, hidden if packs else None),
        processing_class=tokenizer,
    )


def pair_rows(tokenizer: Any, pairs: Sequence[LabelledPair], style: Format, max_length: int) -> list[PairRow]:
    """The pairs as token ids, their weights relative to the mean weight."""
    mean = sum(pair.weight for pair in pairs) / len(pairs)

    def encoded(pair: LabelledPair, text: str) -> list[int]:
        return encode_scored(tokenizer, pair.messages, text, style, max_length)

    return [pair_row(encoded(p, p.first), encoded(p, p.second), p.p_first, p.weight / mean) for p in pairs]


def _loaded(path: str, tokenizer: Any, dtype: torch.dtype) -> Any:
    """The stock classifier with one label, with a row of embeddings for every token (a new padding token's is 0)."""
    scoring = AutoModelForSequenceClassification.from_pretrained(
        path,
        num_labels=1,
        dtype=dtype,
        pad_token_id=tokenizer.pad_token_id,
        use_safetensors=True,
        trust_remote_code=False,
    )
    known = scoring.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > known:
        scoring.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        torch.nn.init.zeros_(scoring.get_input_embeddings().weight[known:])
    scoring.score.float()
    return scoring


def _begun(model: str, tokenizer: Any, dtype: torch.dtype) -> Any:
    """The model as a training begins: every pair at even odds, no dropout."""
    scoring = _loaded(model_path(model), tokenizer, dtype)
    torch.nn.init.zeros_(scoring.score.weight)
    for module in scoring.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return scoring


def _adapted(base: Any, optim: SupervisedSettings) -> Any:
    from peft import get_peft_model

    give_pair_scores(base)
    return get_peft_model(base, lora_config(optim.lora, "SEQ_CLS", base)) if optim.lora else base


def _save(
    trainer: PairTrainer,
    tokenizer: Any,
    target: Path,
    work: Path,
    model: str,
    optim: SupervisedSettings,
    style: Format,
) -> None:
    tokenizer.model_max_length = optim.max_length  # what is scored later is cut as it was here

    def load(path: str) -> Any:
        scoring = _loaded(path, tokenizer, torch.float32)
        scoring.config.precepts = {"format": style}  # in config.json, for whoever scores with it
        return scoring

    if process_count() > 1:
        save_gathered(trainer, tokenizer, target, work / "trained", load, model_path(model))
    else:
        trainer.model.config.precepts = {"format": style}
        save_whole(trainer.model, tokenizer, target, lambda: load(model_path(model)))
