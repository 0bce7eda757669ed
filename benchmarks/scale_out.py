"""Two Ray actors against one, a core each: tokens per second of stage `respond` through the executor.

1. Both take the same chunks of built-in red-team prompts, each answered with exactly the same seeds, by the same model
   with one thread an actor (`OMP_NUM_THREADS=1`). Replies must be the same in every round (checked).
2. An actor's start, its load of the model and its first chunk are not timed: the clock begins when every actor has
   answered one chunk (they wait for one another there), and ends with the last one. What is left of the end, where
   one actor has no more to do, counts.
3. Rounds alternate, one actor then two. Printed: tokens written per second, and how many times as many two actors
   write: the median over the rounds, its least and its most.

    OMP_NUM_THREADS=1 python benchmarks/scale_out.py --chunks 24 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from precepts.engines import EngineSettings, make_engine
from precepts.executors.ray import RayExecutor
from precepts.records import Prompt
from precepts.runs.work import Chunk, ChunkResult, Worker, chunked
from precepts.sources.items import read_prompts
from precepts.sources.read import SourceSettings
from precepts.stages.respond import RespondSettings, respond

Told = dict[int, list[str]]


def main() -> None:
    """Run it and print the ratio."""
    options = _arguments()
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}  # read by the actors' processes as they start
    speeds: dict[int, list[float]] = {1: [], 2: []}
    said: list[Told] = []
    for turn in range(options.rounds):
        for actors, found in speeds.items():
            speed, replies = _speed(options, actors)
            said.append(replies)
            found.append(speed)
            print(f"round {turn + 1}: {actors} actor(s): {speed:.1f} tokens/s", flush=True)
    if any(each != said[0] for each in said):
        raise SystemExit("the replies differ between rounds")
    ratios = [two / one for one, two in zip(speeds[1], speeds[2], strict=True)]
    print(f"two actors write {statistics.median(ratios):.2f} times as much ({min(ratios):.2f} to {max(ratios):.2f})")


def _speed(options: argparse.Namespace, actors: int) -> tuple[float, Told]:
    """Tokens per second once all actors are warm, and every reply by its chunk."""
    replies: Told = {}
    tokens, began = 0, 0.0
    with tempfile.TemporaryDirectory() as folder, RayExecutor(actors=actors, cpus=1, gpus=0) as executor:
        for chunk, result in executor.map(partial(_worker, options, actors, Path(folder)), _chunks(options)):
            replies[chunk.index] = [each.text for each in result.records]
            if chunk.index < actors:
                began = time.perf_counter()
            else:
                tokens += result.tokens_out
        return tokens / (time.perf_counter() - began), replies


def _worker(options: argparse.Namespace, actors: int, folder: Path) -> Worker:
    """Answers chunks. Each of the first ones, one an actor, ends when all of them have."""
    engine = make_engine(EngineSettings(batch_size=options.chunk, device="cpu"), options.model)
    settings = RespondSettings(max_tokens=options.tokens)

    def work(chunk: Chunk[tuple[Prompt, int]]) -> ChunkResult:
        result = respond(chunk, engine, settings, "chat")
        if chunk.index < actors:
            (folder / str(chunk.index)).touch()
            while len(list(folder.iterdir())) < actors:
                time.sleep(0.01)
        return result

    return work


def _chunks(options: argparse.Namespace) -> Iterator[Chunk[tuple[Prompt, int]]]:
    prompts = [each for each in read_prompts(SourceSettings(source="builtin:red_team"), "red_team", 0.0) if each]
    items = ((prompts[n % len(prompts)], n) for n in range(options.chunks * options.chunk))
    return chunked(items, options.chunk, 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--chunks", type=int, default=24)
    parser.add_argument("--chunk", type=int, default=4, help="prompts in a chunk")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of an answer, at most")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
