"""Pairs per second in training a preference model: ours against TRL's RewardTrainer, on the same pairs, in one run.

1. Both train the same model on the same token ids (checked), one epoch, with the same LoRA, batch, precision,
   optimiser and constant learning rate, without gradient checkpointing. A third line is TRL as it comes, with the same
   LoRA, batch and length: float32 base weights, gradient checkpointing.
2. Ways alternate, A B C A B C ..., with a fresh model each time. Loading and tokenising are not timed, `train` is,
   with all that the trainers do in it. A first round on one batch warms up and is left out.
3. Pairs with a text over `--max-length` are left out: TRL would drop them and we would cut them. The others are taken
   evenly from all over the file.
4. Printed: each way's median pairs per second, and how many times as fast ours is: the median over the rounds of the
   ratio within a round, its least and its most.

    python benchmarks/pm_pairs.py --pairs ../shared/data/hh_harmless_dev.jsonl
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForSequenceClassification, PrinterCallback
from trl import RewardConfig, RewardTrainer

from precepts.engines.models import model_path
from precepts.engines.transformers import load_tokenizer
from precepts.sources.items import read_comparisons
from precepts.sources.read import SourceSettings
from precepts.training import preference_model as ours
from precepts.training.fit import lora_config
from precepts.training.pairs import LabelledPair
from precepts.training.scores import encode_scored, pad_with, padding_token
from precepts.training.settings import SupervisedSettings

Way = Callable[[list[LabelledPair]], float]


def main() -> None:
    """Alternate the trainers and print their pairs per second."""
    options = _arguments()
    disable_progress_bars()
    settings = SupervisedSettings(
        batch_size=options.batch,
        micro_batch=options.micro or options.batch,
        max_length=options.max_length,
        warmup=0,
        checkpoint_steps=None,
    )
    pairs = _pairs(options.model, options.pairs, options.count, options.max_length)
    ways: dict[str, Way] = {
        "ours": lambda some: _ours(options.model, some, settings),
        "TRL, same settings": lambda some: _trl(options.model, some, settings, as_it_comes=False),
        "TRL, as it comes": lambda some: _trl(options.model, some, settings, as_it_comes=True),
    }
    if options.no_defaults:
        ways.pop("TRL, as it comes")
    _tell(_timed(ways, pairs, options.batch, options.rounds), len(pairs))


def _timed(ways: dict[str, Way], pairs: list[LabelledPair], batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            took = way(pairs if turn else pairs[:batch])
            print(f"round {turn}: {name}: {took:.1f} s", flush=True)
            if turn:
                seconds[name].append(took)
    return seconds


def _tell(seconds: dict[str, list[float]], count: int) -> None:
    for name, took in seconds.items():
        ratios = [each / base for each, base in zip(took, seconds["ours"], strict=True)]
        spread = f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:20} {count / statistics.median(took):6.2f} pairs/s; ours is {spread}")


def _pairs(model: str, source: str, count: int, longest: int) -> list[LabelledPair]:
    """`count` pairs from all over the source whose texts fit."""
    tokenizer = load_tokenizer(model_path(model))
    found = []
    for each in read_comparisons(SourceSettings(source=source), 0.0):
        texts = (each.chosen, each.rejected) if each else ()
        ids = [encode_scored(tokenizer, each.messages, text, "chat", longest + 1) for text in texts]
        if ids and max(map(len, ids)) <= longest:
            found.append(LabelledPair(each.messages, each.chosen, each.rejected, 1.0, 1.0))
    return [found[n * len(found) // count] for n in range(min(count, len(found)))]


def _ours(model: str, pairs: list[LabelledPair], settings: SupervisedSettings) -> float:
    tokenizer = load_tokenizer(model_path(model))
    with tempfile.TemporaryDirectory() as folder:
        trainer = ours.pair_trainer(model, tokenizer, pairs, Path(folder), settings, "chat", 0)
        began = time.perf_counter()
        ours.take_steps(trainer, _quiet)
        return time.perf_counter() - began


def _trl(model: str, pairs: list[LabelledPair], settings: SupervisedSettings, as_it_comes: bool) -> float:
    tokenizer = load_tokenizer(model_path(model))
    pad_with(tokenizer, padding_token(tokenizer))
    device, dtype = ours.precision(settings)
    with tempfile.TemporaryDirectory() as folder:
        arguments: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": settings.micro_batch,
            "gradient_accumulation_steps": settings.batch_size // settings.micro_batch,
            "max_length": settings.max_length,
            "num_train_epochs": 1,
            "use_cpu": device == "cpu",
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
        }
        if not as_it_comes:
            arguments |= {"learning_rate": settings.learning_rate, "lr_scheduler_type": "constant"}
            arguments |= {"bf16": dtype == torch.bfloat16, "gradient_checkpointing": False, "logging_steps": 1}
        trainer = RewardTrainer(
            model=model_path(model) if as_it_comes else _classifier(model, tokenizer, dtype),
            args=RewardConfig(**arguments),
            train_dataset=Dataset.from_list([_told(pair) for pair in pairs]),
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora, "SEQ_CLS") if settings.lora else None,
        )
        _same_texts(trainer.train_dataset, ours.pair_rows(tokenizer, pairs, "chat", settings.max_length))
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


def _classifier(model: str, tokenizer: Any, dtype: torch.dtype) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(
        model_path(model), num_labels=1, dtype=dtype, pad_token_id=tokenizer.pad_token_id
    )


def _told(pair: LabelledPair) -> dict[str, Any]:
    """A pair as TRL's conversational columns."""
    answers = {"chosen": pair.first, "rejected": pair.second}
    columns = {name: [{"role": "assistant", "content": text}] for name, text in answers.items()}
    return {"prompt": [{"role": each.role, "content": each.content} for each in pair.messages], **columns}


def _same_texts(theirs: Any, rows: list[Any]) -> None:
    assert list(theirs["chosen_ids"]) == [row.first for row in rows], "the two trainers read different texts"
    assert list(theirs["rejected_ids"]) == [row.second for row in rows], "the two trainers read different texts"


class _Nothing:
    def advance(self, units: int = 1, note: str = "") -> None: ...


@contextmanager
def _quiet(total: int, done: int) -> Iterator[_Nothing]:
    yield _Nothing()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", default="builtin:helpfulness", help="a source of comparisons")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=64, help="pairs in a run")
    parser.add_argument("--batch", type=int, default=16, help="pairs in a step")
    parser.add_argument("--micro", type=int, default=None, help="pairs at a time (default: the batch)")
    parser.add_argument("--max-length", type=int, default=512, help="tokens of a text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-defaults", action="store_true", help="leave the third line out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
