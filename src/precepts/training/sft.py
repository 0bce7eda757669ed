"""Supervised finetuning (paper section 3.1): the start model learns the revisions, and stays helpful.

1. The loss is on the response alone, given the conversation as the model will see it at use.
2. An example that is too long loses the beginning of its conversation before it loses any of its response.
3. In several processes (`launch.py`) a step takes the same examples; only where the last batch of an epoch does not
   divide by them does Accelerate fill it up with the epoch's first examples.
4. An example whose tokens begin the next one's (a critique, and the revision that follows it) is learnt there, in one
   pass over both.
5. A text that was cut by its token limit is learnt as far as it goes, without the end of turn that did not follow: a
   model that learns its own answers so, as it samples them at temperature 1, stays as it is, however short they are.
6. Where examples say so, the start model's distribution is kept in place of learning the text (`keeping.py`).
7. Examples are shuffled once, with the run's seed; the constant learning rate and one epoch are the paper's.
How it departs from the paper: the paper finetunes a pretrained model; here it is whatever `models.start` names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from precepts.engines.models import model_path
from precepts.engines.transformers import best_device, best_dtype, load_model, load_tokenizer
from precepts.prompts.formats import Format, Rendered, render, turns_of
from precepts.records import TrainingStep
from precepts.training.fit import (
    Show,
    fit,
    lay_adapter,
    lora_config,
    process_count,
    save_gathered,
    save_whole,
    single_device,
    tokens_seen,
    trainer_arguments,
)
from precepts.training.head import NOT_LEARNT, spare_head
from precepts.training.launch import Example
from precepts.training.settings import OptimSettings, SupervisedSettings


def trl_columns(messages: Rendered, style: Format) -> Any:
    """A conversation as TRL's `prompt` column: chat messages, or raw text."""
    if isinstance(messages, str):
        return messages
    if style == "raw":
        return render(turns_of(messages), "assistant", style)
    return [asdict(message) for message in messages]


def completion_column(text: str, style: Format) -> Any:
    """A response as TRL's `completion` column."""
    return f" {text}" if style == "raw" else [{"role": "assistant", "content": text}]


def train_sft(
    model: str,
    examples: Sequence[Example],
    target: Path,
    work: Path,
    optim: SupervisedSettings,
    style: Format,
    seed: int,
    show: Show,
) -> tuple[list[TrainingStep], int]:
    """Finetune `model` on `examples` and save it at `target`; checkpoints go to `work`.

    Returns the logged steps and the number of tokens trained on.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from precepts.training.keeping import KeepingTrainer, with_keep

    torch.manual_seed(seed % 2**63)
    device, dtype = precision(optim)
    tokenizer = load_tokenizer(model_path(model))
    weights, processes = dtype if optim.lora else torch.float32, process_count()
    rows = [
        {"prompt": trl_columns(messages, style), "completion": completion_column(text, style)}
        for messages, text, *_ in examples
    ]
    base = load_model(model_path(model), weights, device if processes == 1 else "cpu")
    keeping = any(each.keep for each in examples)
    trainer = (KeepingTrainer if keeping else SFTTrainer)(
        model=base,
        args=single_device(
            SFTConfig(
                **trainer_arguments(optim, work, seed, device, dtype == torch.bfloat16, processes),
                max_length=None,
                completion_only_loss=True,
                include_num_input_tokens_seen="non_padding",
                remove_unused_columns=not keeping,
            )
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(optim.lora, "CAUSAL_LM", base) if optim.lora else None,
    )
    whole_rows = unended(trainer.train_dataset, [not each.whole for each in examples], end_of_turn(tokenizer, style))
    if keeping:
        whole_rows = whole_rows.select_columns(["input_ids", "labels"]).add_column("keep", [e.keep for e in examples])
        trainer.data_collator = with_keep(trainer.data_collator)
    trainer.train_dataset = nested(whole_rows).map(lambda row: row | _fitted(row, optim.max_length))
    if keeping:
        trainer.train_dataset = trainer.train_dataset.add_column("place", list(range(len(trainer.train_dataset))))
    else:
        spare_head(trainer)
    steps = fit(trainer, show)
    _save(trainer, tokenizer, target, work, model_path(model))
    return steps, tokens_seen(trainer)


def lay(model: str, adapter: Path, target: Path) -> None:
    """Save `model` with an adapter that was trained before, as `train_sft` saves what it trains. Raises InputError."""
    path = model_path(model)
    lay_adapter(load_model(path, torch.float32, "cpu"), load_tokenizer(path), adapter, target)


def _save(trainer: Any, tokenizer: Any, target: Path, work: Path, start: str) -> None:
    def load(path: str) -> Any:
        return load_model(path, torch.float32, "cpu")

    if process_count() > 1:
        save_gathered(trainer, tokenizer, target, work / "trained", load, start)
    else:
        save_whole(trainer.model, tokenizer, target, lambda: load(start))


def end_of_turn(tokenizer: Any, style: Format) -> list[int]:
    """The token ids that follow a response's text in what is learnt."""
    if style == "raw":
        return [tokenizer.eos_token_id]
    asked, mark = {"role": "user", "content": "?"}, "\u25c6"  # which no template has
    shown = tokenizer.apply_chat_template([asked, {"role": "assistant", "content": mark}], tokenize=False)
    return list(tokenizer(shown.rpartition(mark)[2], add_special_tokens=False)["input_ids"])


def unended(dataset: Any, cut: Sequence[bool], end: Sequence[int]) -> Any:
    """The data set (columns `input_ids` and `labels`) whose rows that were `cut` have no `end` of turn."""

    def without(row: dict[str, list[int]], n: int) -> dict[str, list[int]]:
        if not (cut[n] and end and row["input_ids"][-len(end) :] == list(end)):
            return row
        return {key: row[key][: -len(end)] for key in ("input_ids", "labels")}

    return dataset.map(without, with_indices=True) if any(cut) else dataset


def nested(dataset: Any) -> Any:
    """The data set (columns `input_ids` and `labels`) without the rows that the next row begins with; what these were
    to teach is learnt in the next row."""
    heads: set[int] = set()
    labels: dict[int, list[int]] = {}
    before: dict[str, Any] = {"input_ids": [-1], "labels": []}
    for n, row in enumerate(dataset):
        length = len(before["input_ids"])
        alike = row.get("keep") == before.get("keep")
        if alike and length < len(row["input_ids"]) and row["input_ids"][:length] == before["input_ids"]:
            row = row | {"labels": before["labels"] + row["labels"][length:]}
            heads.add(n - 1)
            labels[n] = row["labels"]
        before = row
    if not heads:
        return dataset
    kept = [n for n in range(len(dataset)) if n not in heads]
    return dataset.select(kept).map(lambda row, n: {"labels": labels.get(kept[n], row["labels"])}, with_indices=True)


def _fitted(row: dict[str, list[int]], length: int) -> dict[str, list[int]]:
    """A row of token ids and labels cut to `length`: the prompt's beginning goes first, then the response's end."""
    prompt = next((n for n, label in enumerate(row["labels"]) if label != NOT_LEARNT), 0)
    start = min(prompt, max(0, len(row["labels"]) - length))
    return {key: row[key][start : start + length] for key in ("input_ids", "labels")}


def precision(optim: OptimSettings) -> tuple[str, torch.dtype]:
    """(device, compute dtype) that these settings mean on this machine."""
    device = best_device() if optim.device == "auto" else optim.device
    return device, best_dtype(device) if optim.dtype == "auto" else getattr(torch, optim.dtype)
