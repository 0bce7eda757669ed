"""Stage 1 through Precepts against the plain client loop that published recipes use, on one server: tokens per second.

1. The loop, written from its description: every conversation is a task, a semaphore bounds the requests in flight, and
   a conversation asks one thing at a time (answer, critique, revision), its chat growing by what was said.
2. Precepts: `respond` and `revise` as in a run, by the openai engine, `--workers` chunks at once with as many requests
   in flight in all as the loop.
3. Both ask the same prompts under the same principles, with the same limits and seeds (taken from the records of an
   unmeasured round). The server's prefix cache is emptied before each turn, for which it needs VLLM_SERVER_DEV_MODE=1.
4. Two cases, one after the other: no few-shot rounds, and `--shots` of them before every critique and revision.

    VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --served-model-name NAME --max-num-seqs 64
    python benchmarks/peer.py --model NAME --base-url http://127.0.0.1:8000/v1
"""

from __future__ import annotations

import argparse
import asyncio
import time
import urllib.request
from collections.abc import Sequence
from functools import partial

import openai
from stage_one import Took, arguments, compare, recipe_for, through_precepts

from precepts.constitution import Principle
from precepts.engines import EngineSettings, GenerateRequest, make_engine
from precepts.feedback.critique_revision import critique_prompt, revision_prompt
from precepts.identity import seed_from
from precepts.recipe import Recipe
from precepts.records import Response, Revision
from precepts.stages.respond import answer_request
from precepts.stages.revise import critique_examples

Conversation = tuple[Response, list[Revision]]  # what is asked of whom, under which principles, with which seeds


def main() -> None:
    """Run both cases and print the ratios."""
    options = _arguments()
    for shots in (0, options.shots):
        options.shots = shots
        recipe = recipe_for(options)
        first = _precepts(options, recipe)
        plan = [(said, [r for r in first.revisions if r.response_id == said.id]) for said in first.answers]
        print(f"{len(plan)} conversations, {shots} few-shot rounds, {options.in_flight} requests in flight")
        loop = partial(_loop, options, recipe, plan)
        compare(partial(_precepts, options, recipe), "loop", loop, options.rounds)


def _precepts(options: argparse.Namespace, recipe: Recipe) -> Took:
    _empty_cache(options.base_url)
    settings = EngineSettings(kind="openai", base_url=options.base_url, concurrency=options.in_flight)
    return through_precepts(recipe, partial(make_engine, settings, options.model), options.workers)


def _loop(options: argparse.Namespace, recipe: Recipe, plan: Sequence[Conversation]) -> Took:
    _empty_cache(options.base_url)
    began = time.perf_counter()
    tokens = asyncio.run(_Loop(options, recipe).all(plan))
    return Took(time.perf_counter() - began, tokens)


class _Loop:
    """Asks `client`, at most `in_flight` requests at a time, and counts the tokens that come back."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.model, self.room = recipe, options.model, asyncio.Semaphore(options.in_flight)
        self.client = openai.AsyncOpenAI(base_url=options.base_url, api_key="none", timeout=600)
        self.constitution = recipe.load_constitution()
        self.examples = critique_examples(self.constitution)[: recipe.revise.shots]
        self.tokens = 0

    async def all(self, plan: Sequence[Conversation]) -> int:
        """Hold every conversation; returns the tokens that were written."""
        async with self.client:
            await asyncio.gather(*(self.talk(*conversation) for conversation in plan))
        return self.tokens

    async def talk(self, said: Response, rounds: Sequence[Revision]) -> None:
        """One conversation, a request at a time."""
        latest = await self.ask(answer_request(said.messages, self.recipe.respond, self.recipe.format, said.seed))
        for each in rounds:
            principle = self.constitution.principle(each.principle_id)
            latest = await self.revise(said, latest, principle, each.seed) or latest

    async def revise(self, said: Response, latest: str, principle: Principle, seed: int) -> str:
        """A critique of the latest text, and its revision."""
        settings, style = self.recipe.revise, self.recipe.format
        sampling = (settings.temperature, settings.top_p)
        prompt = critique_prompt(said.messages, latest, principle, style, self.examples)
        asked = GenerateRequest(prompt, "", settings.critique_tokens, *sampling, seed=seed_from(seed, "critique"))
        critique = await self.ask(asked)
        prompt = revision_prompt(said.messages, latest, principle, critique, style, self.examples)
        asked = GenerateRequest(prompt, "", settings.max_tokens, *sampling, seed=seed_from(seed, "revision"))
        return await self.ask(asked)

    async def ask(self, request: GenerateRequest) -> str:
        """The server's answer."""
        assert not isinstance(request.prompt, str)
        async with self.room:
            reply = await self.client.chat.completions.create(
                model=self.model,
                messages=[{"role": each.role, "content": each.content} for each in request.prompt],  # type: ignore[misc]
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                top_p=request.top_p,
                seed=request.seed % 2**31,
            )
        self.tokens += reply.usage.completion_tokens if reply.usage else 0
        return (reply.choices[0].message.content or "").strip()


def _empty_cache(base_url: str) -> None:
    url = base_url.rstrip("/").removesuffix("/v1") + "/reset_prefix_cache"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60).close()


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--workers", type=int, default=4, help="chunks at once")
    return parser.parse_args()


if __name__ == "__main__":
    main()
