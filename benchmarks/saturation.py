"""Stage 1 through Precepts, against the bare engine given the same requests at once and against a plain client loop.

1. Through Precepts: `respond` and `revise` as a run does them, records written. Bare: every request that the run made,
   read back from its records, in one call of the engine with nothing around it. Ratio: tokens written per second.
2. With a server (`--base-url`), also the loop that published recipes use: a semaphore over conversations, and in each
   one request at a time: answer, critique, revision, each prompt from the reply before it. Ratio: tokens
   written per second again.
3. All ways ask the same prompts with the same seeds, after one unmeasured round, so that a server's cache is as warm
   for each. They take turns; printed are the medians over rounds, with the least and the most.

    vllm serve MODEL --served-model-name smollm2-135m --max-num-seqs 64
    python benchmarks/saturation.py --base-url http://127.0.0.1:8000/v1
    python benchmarks/saturation.py                     (the transformers engine in this process)
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from precepts.engines import GenerateRequest, make_engine
from precepts.feedback.critique_revision import critique_prompt, revision_prompt
from precepts.identity import seed_from
from precepts.method import execute
from precepts.recipe import Recipe, recipe_of
from precepts.records import Response, Revision
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.stages.respond import answer_request
from precepts.stages.revise import critique_examples


def main() -> None:
    """Run it and print the ratios."""
    options = _arguments()
    recipe = _recipe(options)
    first = _through_precepts(recipe)[2]
    ways: dict[str, Callable[[], tuple[float, int]]] = {
        "precepts": lambda: _through_precepts(recipe)[:2],
        "bare": lambda: _bare(recipe, list(_requests(recipe, first))),
    }
    if options.base_url:
        ways["loop"] = lambda: _loop(recipe, first)
    took: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            took[name].append(way())
            print(f"{name:9} {took[name][-1][0]:7.1f} s  {took[name][-1][1]} tokens written", flush=True)
    speeds = {name: [tokens / seconds for seconds, tokens in each] for name, each in took.items()}
    _print("saturation", speeds["precepts"], speeds["bare"])
    if "loop" in speeds:
        _print("against the loop", speeds["precepts"], speeds["loop"])


def _print(what: str, ours: list[float], theirs: list[float]) -> None:
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    print(f"{what}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds)")


def _recipe(options: argparse.Namespace) -> Recipe:
    sampling = {"max_tokens": options.tokens, "temperature": 0.7, "top_p": 0.9, "chunk_size": options.chunk}
    served = {"kind": "openai", "base_url": options.base_url, "concurrency": options.in_flight}
    return recipe_of(
        {
            "models": {"start": options.model},
            "engine": served if options.base_url else {"batch_size": options.chunk},
            "executor": {"kind": "local", "workers": options.workers if options.base_url else 1},
            "prompts": {
                "red_team": [{"source": "builtin:red_team", "limit": options.count}],
                "helpful": [],
                "held_out": 0.0,
            },
            "respond": {**sampling, "helpful_samples": 0},
            "revise": {**sampling, "rounds": options.turns, "shots": options.shots, "critique_tokens": options.tokens},
        }
    )


def _through_precepts(recipe: Recipe) -> tuple[float, int, tuple[list[Response], list[Revision]]]:
    with tempfile.TemporaryDirectory() as folder:
        run, progress = Run(Path(folder)), Progress(quiet=True)
        execute(recipe, run, progress, until="prompts")
        began = time.perf_counter()
        execute(recipe, run, progress, until="revise")
        seconds = time.perf_counter() - began
        said, revised = list(run.read("respond", Response)), list(run.read("revise", Revision))
    return seconds, sum(each.tokens_out for each in (*said, *revised)), (said, revised)


def _requests(recipe: Recipe, records: tuple[list[Response], list[Revision]]) -> Iterator[GenerateRequest]:
    """Every request that made these records."""
    constitution, settings = recipe.load_constitution(), recipe.revise
    shown = critique_examples(constitution)[: settings.shots]
    for said in records[0]:
        yield answer_request(said.messages, recipe.respond, recipe.format, said.seed)
    for each in records[1]:
        principle = constitution.principle(each.principle_id)
        before = (each.messages, each.previous, principle)
        critique, revision = seed_from(each.seed, "critique"), seed_from(each.seed, "revision")
        yield _asked(recipe, critique_prompt(*before, recipe.format, shown), critique)
        if each.revision_sent:
            yield _asked(recipe, revision_prompt(*before, each.critique, recipe.format, shown), revision)


def _asked(recipe: Recipe, prompt: Any, seed: int) -> GenerateRequest:
    settings = recipe.revise
    return GenerateRequest(prompt, "", settings.max_tokens, settings.temperature, settings.top_p, seed=seed)


def _bare(recipe: Recipe, requests: list[GenerateRequest]) -> tuple[float, int]:
    if recipe.engine.kind == "openai":
        return asyncio.run(_clocked(recipe, [[request] for request in requests]))
    engine = make_engine(recipe.engine, recipe.models.start)
    began = time.perf_counter()
    engine.generate(requests)
    return time.perf_counter() - began, engine.usage.tokens_out


def _loop(recipe: Recipe, records: tuple[list[Response], list[Revision]]) -> tuple[float, int]:
    rounds = [[each for each in records[1] if each.response_id == said.id] for said in records[0]]
    return asyncio.run(_clocked(recipe, [[said, *each] for said, each in zip(records[0], rounds, strict=True)]))


async def _clocked(recipe: Recipe, conversations: list[list[Any]]) -> tuple[float, int]:
    """Seconds and tokens of these conversations, `concurrency` of them at a time; of each, one request at a time."""
    import openai

    constitution, settings, room = (
        recipe.load_constitution(),
        recipe.engine,
        asyncio.Semaphore(recipe.engine.concurrency),
    )
    client = openai.AsyncOpenAI(base_url=settings.base_url, api_key="none", timeout=settings.timeout)
    shown = critique_examples(constitution)[: recipe.revise.shots]
    written = 0

    async def ask(request: GenerateRequest) -> str:
        nonlocal written
        assert not isinstance(request.prompt, str)
        reply = await client.chat.completions.create(
            model=recipe.models.start,
            messages=[{"role": each.role, "content": each.content} for each in request.prompt],  # type: ignore[misc]
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed % 2**31,
        )
        written += reply.usage.completion_tokens if reply.usage else 0
        return (reply.choices[0].message.content or "").strip()

    async def talk(conversation: list[Any]) -> None:
        async with room:
            latest = ""
            for each in conversation:
                if isinstance(each, GenerateRequest):
                    await ask(each)
                elif isinstance(each, Response):
                    latest = await ask(answer_request(each.messages, recipe.respond, recipe.format, each.seed))
                else:
                    latest = await revised(each, latest)

    async def revised(each: Revision, latest: str) -> str:
        before = (each.messages, latest, constitution.principle(each.principle_id))
        prompt = critique_prompt(*before, recipe.format, shown)
        critique = await ask(_asked(recipe, prompt, seed_from(each.seed, "critique")))
        prompt = revision_prompt(*before, critique, recipe.format, shown)
        return await ask(_asked(recipe, prompt, seed_from(each.seed, "revision"))) or latest

    began = time.perf_counter()
    await asyncio.gather(*map(talk, conversations))
    return time.perf_counter() - began, written


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", default="", help="a server of the model; without it the transformers engine runs")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=128, help="red-team prompts")
    parser.add_argument("--in-flight", type=int, default=64, help="requests, and conversations of the loop, at once")
    parser.add_argument("--chunk", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="chunks at once, with a server")
    parser.add_argument("--turns", type=int, default=2, help="rounds of critique and revision")
    parser.add_argument("--shots", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
