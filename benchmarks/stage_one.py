"""What the benchmarks `saturation` and `peer` share: stage 1 through Precepts, timed, and who takes which turn.

1. Stages `respond` and `revise` run as in a run: prompts and answers are read from shards, records are written. What
   is not timed is the stage before them and the engine's start. Tokens are those that the model wrote.
2. Two ways take turns as A B B A, so that what else the machine does weighs on both. Printed are what each turn took
   and wrote, and the ratio of the two in turns that follow each other: the median, the least and the most.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from precepts.engines import Engine
from precepts.executors import LocalExecutor
from precepts.method import execute
from precepts.recipe import Recipe, recipe_of
from precepts.records import Response, Revision
from precepts.runs.folder import Run, StageFolder, open_stage
from precepts.runs.progress import Progress
from precepts.stages import respond, revise


@dataclass(frozen=True)
class Took:
    """What a way took, and how many tokens were written; of a way through Precepts also its records."""

    seconds: float
    tokens: int
    answers: tuple[Response, ...] = ()
    revisions: tuple[Revision, ...] = ()

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that both benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=128, help="built-in prompts (443 at most)")
    parser.add_argument("--in-flight", type=int, default=64, help="requests at the engine at once")
    parser.add_argument("--chunk", type=int, default=64, help="prompts in a chunk")
    parser.add_argument("--turns", type=int, default=1, help="rounds of critique and revision")
    parser.add_argument("--shots", type=int, default=2, help="few-shot rounds before each item")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of each reply, at most")
    parser.add_argument("--rounds", type=int, default=2, help="times A B B A")
    return parser


def recipe_for(options: argparse.Namespace) -> Recipe:
    """Stage 1 over built-in red-team prompts."""
    sampling = {"max_tokens": options.tokens, "temperature": 0.7, "top_p": 0.9, "chunk_size": options.chunk}
    prompts = {"red_team": _sources(options.count), "safe_sounding": [], "helpful": [], "held_out": 0.0}
    revising = {"rounds": options.turns, "shots": options.shots, "critique_tokens": options.tokens}
    return recipe_of(
        {"models": {"start": options.model}, "prompts": prompts, "respond": sampling, "revise": sampling | revising}
    )


def _sources(count: int) -> list[dict[str, Any]]:
    """`count` built-in prompts, red-team ones first."""
    each = {"red_team": 183, "helpful": 183, "safe_sounding": 77}
    before = list(accumulate(each.values(), initial=0))
    left = [min(size, count - done) for size, done in zip(each.values(), before, strict=False)]
    return [{"source": f"builtin:{name}", "limit": n} for name, n in zip(each, left, strict=True) if n > 0]


def through_precepts(recipe: Recipe, engine: Callable[[], Engine], workers: int = 1) -> Took:
    """Stage 1 in a run folder of its own, `workers` chunks at once."""
    constitution, executor, progress = recipe.load_constitution(), LocalExecutor(workers), Progress(quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        execute(recipe, run, progress, until="prompts")

        def stage(name: str) -> StageFolder:
            return open_stage(run, name, {}, name, recipe.seed, executor, progress)

        began = time.perf_counter()
        respond.run(stage("respond"), recipe.respond, recipe.format, engine)
        revise.run(stage("revise"), recipe.revise, recipe.format, constitution, engine)
        seconds = time.perf_counter() - began
        answers, revisions = tuple(run.read("respond", Response)), tuple(run.read("revise", Revision))
        return Took(seconds, sum(each.tokens_out for each in (*answers, *revisions)), answers, revisions)


def compare(ours: Callable[[], Took], name: str, theirs: Callable[[], Took], rounds: int) -> None:
    """Let both take turns, and print what each took and how many times theirs ours is."""
    ways = {"Precepts": ours, name: theirs}
    took: dict[str, list[Took]] = {each: [] for each in ways}
    for each in ("Precepts", name, name, "Precepts") * rounds:
        found = ways[each]()
        took[each].append(found)
        print(f"{each:12} {found.seconds:7.1f} s  {found.tokens} tokens  {found.speed:7.1f} tokens/s", flush=True)
    ratios = [one.speed / other.speed for one, other in zip(*took.values(), strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} pairs"
    print(f"Precepts / {name}: {statistics.median(ratios):.2f} ({spread}), tokens per second")
