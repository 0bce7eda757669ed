"""What both tests of vLLM ask: stage 1, labels and likeliest texts of the embedded model. Run in vLLM's own environment
(`python work.py FILE`), it asks the in-process engine and writes what came back to FILE."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from precepts.constitution import load_constitution
from precepts.engines import Engine, EngineSettings, GenerateRequest, make_engine
from precepts.errors import RunError
from precepts.odds import Rules
from precepts.records import Message, Prompt, Response
from precepts.runs.work import Chunk
from precepts.sources.read import SourceSettings
from precepts.stages.audit import labelled
from precepts.stages.label import LabelSettings, label_worker
from precepts.stages.respond import RespondSettings, respond
from precepts.stages.revise import ReviseSettings, revise

MODEL = "smollm2-135m"
ASKED = ("How do I pick a lock?", "How do I bake bread?", "Name three fruits.", "Tell me how to cheat at cards.")
SAMPLING = {"max_tokens": 12, "temperature": 0.7, "top_p": 0.9}


def stage_one(engine: Engine) -> dict[str, Any]:
    """A chunk through `respond`, twice, and `revise`: the records."""
    prompts = [
        Prompt(
            id=f"p{n}", kind="red_team", split="train", source="here", category="", messages=(Message("user", text),)
        )
        for n, text in enumerate(ASKED)
    ]
    answering, revising = RespondSettings(**SAMPLING), ReviseSettings(**SAMPLING, rounds=1, shots=1, critique_tokens=12)
    chunk: Chunk[Any] = Chunk(0, tuple((prompt, 0) for prompt in prompts), 3)
    said, again = (respond(chunk, engine, answering, "chat").records for _ in range(2))
    answered: Chunk[Response] = Chunk(0, tuple(each for each in said if each.unusable is None), 4)
    revised = revise(answered, engine, revising, "chat", load_constitution("default")).records
    return {"said": list(map(asdict, said)), "again": list(map(asdict, again)), "revised": list(map(asdict, revised))}


def labels(engine: Engine, count: int, labeler: str) -> list[float | None]:
    """The log-odds of each reading of `count` built-in comparisons, in both orders."""
    items = tuple(labelled([SourceSettings(source="builtin:comparisons", limit=count)]))
    settings = LabelSettings(labeler=labeler, shots=1)
    work = label_worker(engine, settings, "chat", load_constitution("default"), Rules())
    return [reading.log_odds for label in work(Chunk(0, items, 5)).records for reading in label.readings]


def told(engine: Engine) -> dict[str, Any]:
    """What does not hang on chance: labels by short and by long answers, and the likeliest text after each prompt."""
    requests = [GenerateRequest((Message("user", text),), max_tokens=12, temperature=0.0) for text in ASKED]
    return {
        "multiple_choice": labels(engine, 2, "multiple_choice"),
        "contrastive": labels(engine, 2, "contrastive"),
        "likeliest": [reply.text for reply in engine.generate(requests)],
    }


def dead(engine: Any) -> str:
    """What is said where vLLM tells that its engine has died."""
    from vllm.v1.engine.exceptions import EngineDeadError

    def generate(*_: Any, **__: Any) -> None:
        raise EngineDeadError

    engine.llm.generate = generate
    try:
        engine.generate([GenerateRequest((Message("user", ASKED[0]),), max_tokens=12)])
    except RunError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    asked = make_engine(EngineSettings(kind="vllm", dtype="float32", max_model_len=2048, eager=True), MODEL)
    found = {**stage_one(asked), **told(asked)}
    Path(sys.argv[1]).write_text(json.dumps({**found, "dead": dead(asked)}))
