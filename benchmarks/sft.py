"""Supervised finetuning on a CPU: tokens per second as we train, and without what makes it fast.

1. Both finetune the same model on the same rounds of critique and revision, made from built-in comparisons, with the
   same LoRA, batch, precision and optimiser. "TRL's own" leaves out the head of `training/head.py`. With `--keep` the
   start model is kept on half of the examples, four epochs long, by LoRA on a third of the layers; "computed anew"
   leaves out what `training/frozen.py` reads once.
2. Ways alternate, with a fresh model each time; loading and tokenising are not timed. A first round on one batch warms
   up and is left out.
3. Printed: tokens (without padding) per second, and how many times as fast ours is: the median over the rounds of the
   ratio within a round, its least and its most.

    python benchmarks/sft.py --count 48 --rounds 3 [--keep]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from precepts.constitution import load_constitution
from precepts.feedback.lessons import round_lessons
from precepts.records import Demonstration
from precepts.sources.items import read_comparisons
from precepts.sources.read import SourceSettings
from precepts.training import frozen, sft
from precepts.training.launch import Example
from precepts.training.settings import LoraSettings, SupervisedSettings

_CRITIQUE = (
    "The response gives advice that could hurt somebody who trusts it, and says nothing of the risk. It ought to "
    "decline, and to name a safer way."
)


class _Timed(Exception):
    """Ends a training that was timed, before anything is saved."""


def main() -> None:
    """Run it and print the ratio."""
    options = _arguments()
    examples = _examples(options.count, options.keep)
    speeds: dict[str, list[float]] = {"ours": [], "computed anew" if options.keep else "TRL's own": []}
    for turn in range(options.rounds + 1):
        for name, found in speeds.items():
            speed = _speed(options, examples if turn else examples[: options.batch], plain=name != "ours")
            print(f"round {turn}: {name}: {speed:.0f} tokens/s", flush=True)
            if turn:
                found.append(speed)
    ratios = [ours / theirs for ours, theirs in zip(*speeds.values(), strict=True)]
    for name, found in speeds.items():
        print(f"{name:10} {statistics.median(found):6.0f} tokens/s")
    print(f"ours is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")


def _examples(count: int, keep: bool) -> list[Example]:
    constitution = load_constitution("default")
    rows = [each for each in read_comparisons(SourceSettings(source="builtin:comparisons"), 0.0) if each]
    shown = [
        Demonstration(e.id, e.prompt_id, "", e.messages, e.rejected, _CRITIQUE, e.chosen) for e in rows[: count // 2]
    ]
    lessons = [lesson for each in shown for lesson in round_lessons(each, constitution, "chat", 0)]
    return [Example(e.prompt, e.answer, True, float(keep and n % 2)) for n, e in enumerate(lessons)]


def _speed(options: argparse.Namespace, examples: list[Example], *, plain: bool) -> float:
    seconds, tokens = [0.0], [0]

    def timed(trainer: Any, show: Any) -> Any:
        began = time.perf_counter()
        fit(trainer, show)
        seconds[0], tokens[0] = time.perf_counter() - began, sft.tokens_seen(trainer)
        raise _Timed

    fit = sft.fit
    more = {"epochs": 4.0, "lora": LoraSettings(layers=10)} if options.keep else {}
    settings = SupervisedSettings(batch_size=options.batch, micro_batch=options.batch, checkpoint_steps=None, **more)
    with tempfile.TemporaryDirectory() as folder, patch.object(sft, "fit", timed), _as_it_comes(plain):
        place = Path(folder)
        try:
            sft.train_sft(options.model, examples, place / "sl", place, settings, "chat", 0, _quiet)
        except _Timed:
            return tokens[0] / seconds[0]
    raise AssertionError("the training was not timed")


@contextmanager
def _as_it_comes(plain: bool) -> Iterator[None]:
    """Without what we add, where `plain`."""
    if not plain:
        yield
        return
    with patch.object(sft, "spare_head", lambda trainer: None), patch.object(frozen, "_ROOM", 0):
        yield


class _Nothing:
    def advance(self, units: int = 1, note: str = "") -> None: ...


@contextmanager
def _quiet(total: int, done: int) -> Iterator[_Nothing]:
    yield _Nothing()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=48, help="examples in a run")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="time what is read once, of a training that keeps")
    return parser.parse_args()


if __name__ == "__main__":
    main()
