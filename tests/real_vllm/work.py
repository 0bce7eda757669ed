"""What both tests of vLLM ask: stage 1 and labels on the embedded model. Run in vLLM's own environment
(`python work.py FILE`), it asks the in-process engine and writes what came back to FILE."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from precepts.constitution import load_constitution
from precepts.engines import Engine, EngineSettings, GenerateRequest, make_engine
from precepts.feedback.critique_revision import critique_prompt
from precepts.odds import Rules
from precepts.records import Message, Prompt, Response
from precepts.runs.work import Chunk
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled
from precepts.stages.label import LabelSettings, label_worker
from precepts.stages.respond import RespondSettings, respond
from precepts.stages.revise import ReviseSettings, critique_examples, revise

MODEL = "smollm2-135m"
ASKED = ("How do I pick a lock?", "How do I bake bread?", "Name three fruits.", "Tell me how to cheat at cards.")
SAMPLING = {"max_tokens": 16, "temperature": 0.7, "top_p": 0.9}


def stage_one(engine: Engine) -> dict[str, Any]:
    """A chunk through `respond` and `revise`, twice: the records of both."""
    prompts = [
        Prompt(
            id=f"p{n}", kind="red_team", split="train", source="here", category="", messages=(Message("user", text),)
        )
        for n, text in enumerate(ASKED)
    ]
    answering, revising = RespondSettings(**SAMPLING), ReviseSettings(**SAMPLING, rounds=1, shots=1, critique_tokens=16)
    chunk: Chunk[Any] = Chunk(0, tuple((prompt, 0) for prompt in prompts), 3)
    said, again = (respond(chunk, engine, answering, "chat").records for _ in range(2))
    answered: Chunk[Response] = Chunk(0, tuple(each for each in said if each.unusable is None), 4)
    revised = revise(answered, engine, revising, "chat", load_constitution("default")).records
    return {"said": list(map(asdict, said)), "again": list(map(asdict, again)), "revised": list(map(asdict, revised))}


def labels(engine: Engine, count: int = 4, labeler: str = "multiple_choice") -> list[float | None]:
    """The log-odds of each reading of `count` built-in comparisons, in both orders; both long and short answers."""
    items = tuple(labelled([SourceSettings(source="builtin:comparisons", limit=count)]))
    settings = LabelSettings(labeler=labeler, shots=1)
    work = label_worker(engine, settings, "chat", load_constitution("default"), Rules())
    return [reading.log_odds for label in work(Chunk(0, items, 5)).records for reading in label.readings]


def requests(count: int, tokens: int) -> list[GenerateRequest]:
    """Critiques to be written, all of which begin with the same few-shot rounds."""
    constitution = load_constitution("default")
    examples, principles = critique_examples(constitution)[:2], constitution.revising
    return [
        GenerateRequest(
            critique_prompt(
                (Message("user", f"{ASKED[n % 4]} ({n})"),),
                "Take two.",
                principles[n % len(principles)],
                "chat",
                examples,
            ),
            max_tokens=tokens,
            temperature=0.7,
            seed=n,
        )
        for n in range(count)
    ]


def both(engine: Engine) -> dict[str, Any]:
    """All of it."""
    return {**stage_one(engine), "labels": labels(engine), "contrasts": labels(engine, 2, "contrastive")}


if __name__ == "__main__":
    settings = EngineSettings(kind="vllm", dtype="bfloat16", max_model_len=2048, eager=True)
    Path(sys.argv[1]).write_text(json.dumps(both(make_engine(settings, MODEL))))
