"""Pairs per second in training a preference model: ours against TRL's RewardTrainer, on the same pairs, in one run.

1. Both train the same model with the same LoRA, batch, precision, length and optimiser, without gradient checkpointing;
   TRL's own default (with it) is a third line. Each run trains anew on the same pairs.
2. Runs alternate; the first round warms up and is left out. Loading and tokenising are not timed, training is.
3. Printed: pairs per second, and the ratio of the medians with the least and the most of the rounds' ratios.

    python benchmarks/pm_pairs.py --pairs ../shared/data/hh_harmless_dev.jsonl
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig, RewardTrainer

from precepts.engines.models import model_path
from precepts.engines.transformers import load_tokenizer
from precepts.records import HumanComparison
from precepts.sources.items import read_comparisons
from precepts.sources.read import SourceSettings
from precepts.training import preference_model as ours
from precepts.training.fit import lora_config
from precepts.training.scores import padding_token
from precepts.training.settings import SupervisedSettings


def main() -> None:
    """Alternate the trainers and print their pairs per second."""
    options = _arguments()
    disable_progress_bars()
    rows = [each for each in read_comparisons(SourceSettings(source=options.pairs), 0.0) if each][: options.count]
    settings = SupervisedSettings(
        batch_size=options.batch, micro_batch=options.batch, max_length=512, warmup=0, checkpoint_steps=None
    )
    ways = {
        "ours": lambda: _ours(options.model, rows, settings),
        "TRL, same settings": lambda: _trl(options.model, rows, settings, checkpointing=False),
        "TRL, its defaults": lambda: _trl(options.model, rows, settings, checkpointing=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds + 1):
        for name, way in ways.items():
            took = way()
            print(f"round {turn} {name}: {took:.1f} s", flush=True)
            if turn:
                seconds[name].append(took)
    for name, took in seconds.items():
        ratios = [each / base for each, base in zip(took, seconds["ours"], strict=True)]
        speed = len(rows) / statistics.median(took)
        spread = f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:20} {speed:6.2f} pairs/s, ours is {spread}")


def _ours(model: str, rows: list[HumanComparison], settings: SupervisedSettings) -> float:
    pairs = [ours.LabelledPair(each.messages, each.chosen, each.rejected, 1.0, 1.0) for each in rows]
    with tempfile.TemporaryDirectory() as folder, _timing(ours._Trainer) as timed:
        place = Path(folder)
        ours.train_preference_model(
            model, pairs, place / "pm", place, settings, "chat", 0, lambda total, done: _Quiet()
        )
    return timed[0]


def _trl(model: str, rows: list[HumanComparison], settings: SupervisedSettings, checkpointing: bool) -> float:
    tokenizer = load_tokenizer(model_path(model))
    tokenizer.pad_token = padding_token(tokenizer)
    device, dtype = ours.precision(settings)
    scoring = AutoModelForSequenceClassification.from_pretrained(
        model_path(model), num_labels=1, dtype=dtype, pad_token_id=tokenizer.pad_token_id
    )
    told = [[{"role": m.role, "content": m.content} for m in each.messages] for each in rows]
    data = Dataset.from_list(
        [
            {
                "prompt": prompt,
                **{k: [{"role": "assistant", "content": getattr(each, k)}] for k in ("chosen", "rejected")},
            }
            for prompt, each in zip(told, rows, strict=True)
        ]
    )
    with tempfile.TemporaryDirectory() as folder, _timing(RewardTrainer) as timed:
        trainer = RewardTrainer(
            model=scoring,
            args=RewardConfig(
                output_dir=folder,
                per_device_train_batch_size=settings.batch_size,
                max_length=settings.max_length,
                num_train_epochs=1,
                learning_rate=settings.learning_rate,
                bf16=dtype == torch.bfloat16,
                use_cpu=device == "cpu",
                gradient_checkpointing=checkpointing,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                logging_steps=1000,
            ),
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora, "SEQ_CLS") if settings.lora else None,
        )
        trainer.train()
    return timed[0]


@contextmanager
def _timing(trainer: Any) -> Any:
    """The seconds that `trainer.train` takes, in a list, once it has ended."""
    plain, seconds = trainer.train, []

    def train(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        result = plain(*args, **kwargs)
        seconds.append(time.perf_counter() - began)
        return result

    trainer.train = train
    try:
        yield seconds
    finally:
        trainer.train = plain


class _Quiet:
    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self, units: int = 1, note: str = "") -> None: ...


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", default="builtin:helpfulness")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
