"""Stage 1 through Precepts against the bare engine that is given all the same requests at once: tokens per second.

1. Precepts: `respond` and `revise` as in a run, records and all. A round's critiques need the answers, its revisions
   the critiques, and a chunk waits for its last reply: what an engine loses by that, and by Precepts' own work, shows.
2. Bare: every request that the stages made (kept in an unmeasured round, with its seed), in one call. With vLLM that
   is `LLM.generate` itself, with the prompts' tokens made beforehand; with transformers, which schedules nothing
   itself, the engine's `generate`.
3. Both use one engine, loaded once in this process, which works on `--in-flight` requests at a time. vLLM's prefix
   cache is emptied before each turn.

    python benchmarks/saturation.py --engine vllm --dtype float32 --eager        (in an environment with vLLM)
    python benchmarks/saturation.py --engine transformers --in-flight 32
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from stage_one import Took, arguments, compare, recipe_for, through_precepts

from precepts.engines import ChoiceRequest, Engine, EngineSettings, GenerateRequest, Reply, make_engine
from precepts.recipe import Recipe


class Kept:
    """An engine that keeps the requests that pass through it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.name, self.usage = engine, engine.name, engine.usage
        self.asked: list[GenerateRequest] = []

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Reply]:
        """The engine's replies."""
        self.asked += requests
        return self.engine.generate(requests)

    def choose(self, requests: Sequence[ChoiceRequest]) -> list[list[float]]:
        """The engine's log-probabilities."""
        return self.engine.choose(requests)


def main() -> None:
    """Run it and print the ratio."""
    options = _arguments()
    engine, recipe = _engine(options), recipe_for(options)
    kept = Kept(engine)
    through_precepts(recipe, lambda: kept)
    bare = {"vllm": _bare_vllm, "transformers": _bare_transformers}[options.engine](engine, kept.asked)
    print(f"{len(kept.asked)} requests of {options.count} prompts, {options.in_flight} at a time, {options.model}")
    compare(lambda: _precepts(engine, recipe), "bare", bare, options.rounds)


def _engine(options: argparse.Namespace) -> Any:
    own = {"vllm": "max_num_seqs", "transformers": "batch_size"}[options.engine]
    settings = {"kind": options.engine, "dtype": options.dtype, own: options.in_flight, "eager": options.eager}
    return make_engine(EngineSettings(**settings), options.model)


def _precepts(engine: Any, recipe: Recipe) -> Took:
    if hasattr(engine, "llm"):
        engine.llm.reset_prefix_cache()
    return through_precepts(recipe, lambda: engine)


def _bare_vllm(engine: Any, requests: Sequence[GenerateRequest]) -> Callable[[], Took]:
    from vllm.inputs import TokensPrompt

    from precepts.engines.rendering import encode
    from precepts.engines.vllm import sampling

    prompts = [TokensPrompt(prompt_token_ids=encode(engine.tokenizer, each, engine.name)) for each in requests]
    params = [sampling(each) for each in requests]

    def run() -> Took:
        engine.llm.reset_prefix_cache()
        began = time.perf_counter()
        outputs = engine.llm.generate(prompts, params, use_tqdm=False)
        return Took(time.perf_counter() - began, sum(len(each.outputs[0].token_ids) for each in outputs))

    return run


def _bare_transformers(engine: Engine, requests: Sequence[GenerateRequest]) -> Callable[[], Took]:
    def run() -> Took:
        began = time.perf_counter()
        replies = engine.generate(requests)
        return Took(time.perf_counter() - began, sum(reply.tokens_out for reply in replies))

    return run


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--eager", action="store_true", help="vLLM compiles nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
