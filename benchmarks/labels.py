"""AI labels by log-probability against generated judgments: the same engine, the same few-shot prompts, one run.

1. Each chunk of comparisons is asked twice, one way after the other: `choose` reads the odds of (A) and (B) after the
   prompt, `generate` lets the model reason in at most 64 tokens after the same prompt ("Let's think step by step:").
2. Both ways share what the chunk's prompts begin with (the few-shot comparisons), and one order is asked.
3. Printed: seconds a label for each way, and the ratio, as the median over chunks with the least and the most.

    python benchmarks/labels.py --count 1000
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import cycle, islice

from precepts.constitution import draw_principle, load_constitution
from precepts.engines import EngineSettings, make_engine
from precepts.engines.base import ChoiceRequest, GenerateRequest
from precepts.feedback.labeler import Question
from precepts.feedback.multiple_choice import MultipleChoice, MultipleChoiceOptions
from precepts.prompts.demonstrations import comparison_demonstrations
from precepts.prompts.render import template
from precepts.sources.items import read_comparisons
from precepts.sources.read import SourceSettings


def main() -> None:
    """Run it and print the ratio."""
    options = _arguments()
    engine = make_engine(EngineSettings(batch_size=options.batch), options.model, options.model)
    requests = _requests(options.source, options.count, options.shots)
    _timed(engine.choose, requests[:2])  # load everything once
    rows, written = [], []
    for start in range(0, len(requests), options.chunk):
        chunk = requests[start : start + options.chunk]
        judged = [
            GenerateRequest(each.prompt, template("reasoning"), max_tokens=options.tokens, seed=n)
            for n, each in enumerate(chunk)
        ]
        before = engine.usage.tokens_out
        rows.append((_timed(engine.choose, chunk) / len(chunk), _timed(engine.generate, judged) / len(chunk)))
        written.append((engine.usage.tokens_out - before) / len(chunk))
    ratios = [generated / chosen for chosen, generated in rows]
    print(f"{len(requests)} labels, {options.shots} few-shot comparisons, chunks of {options.chunk}, {options.model}")
    print(f"by log-probability  {statistics.median(chosen for chosen, _ in rows):.4f} s a label")
    print(f"{statistics.mean(written):.0f} tokens were written for a judgment, {options.tokens} at most")
    print(f"generated          {statistics.median(generated for _, generated in rows):.4f} s a label")
    print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f} over {len(rows)} chunks)")


def _requests(source: str, count: int, shots: int) -> list[ChoiceRequest]:
    constitution = load_constitution("default")
    labeler = MultipleChoice("chat", comparison_demonstrations()[:shots], MultipleChoiceOptions())
    examples = tuple(draw_principle(constitution.judging, 0, "example", n) for n in range(shots))
    rows = [each.comparison() for each in read_comparisons(SourceSettings(source=source), 0.0) if each]
    return [
        labeler.request(Question(each, draw_principle(constitution.judging, 0, n), examples, 0))
        for n, each in enumerate(islice(cycle(rows), count))
    ]


def _timed(call: object, requests: object) -> float:
    began = time.perf_counter()
    call(requests)  # type: ignore[operator]
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", default="builtin:comparisons")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--chunk", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    main()
