"""`precepts audit`, as a user types it, on a scripted engine and on the tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from small import precepts

SHAPES: dict[str, list[dict[str, Any]]] = {
    "prompt": [{"prompt": f"Say {n}.", "chosen": f"kind {n}", "rejected": "rude"} for n in range(12)],
    "messages": [
        {"messages": [{"role": "user", "content": f"Say {n}."}], "chosen": f"kind {n}", "rejected": "rude"}
        for n in range(12)
    ],
    "dialogues": [
        {
            "chosen": f"\n\nHuman: Say {n}.\n\nAssistant: kind {n}",
            "rejected": f"\n\nHuman: Say {n}.\n\nAssistant: rude",
        }
        for n in range(12)
    ],
    "corrects": [
        {"prompt": f"\n\nHuman: Say {n}.\n\nAssistant:", "corrects": [f"kind {n}"], "incorrects": ["rude", "mean"]}
        for n in range(6)
    ],
}
TOP = {
    "n",
    "accuracy",
    "accuracy_ci",
    "ece",
    "flip_rate",
    "unscored",
    "verdict",
    "by_principle",
    "tokens_in",
    "seconds",
}


def engine(folder: Path, probabilities: list[float] | None = None) -> list[str]:
    script = {"choose": [{"contains": "(A) [[[ kind", "probabilities": [0.9, 0.1]}, {"probabilities": [0.1, 0.9]}]}
    if probabilities:
        script = {"choose": [{"probabilities": probabilities}]}
    (folder / "script.yaml").write_text(yaml.safe_dump(script))
    return ["--set", "engine.kind=scripted", "--set", "engine.script=script.yaml"]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_file_is_audited(shape: str, tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SHAPES[shape]))
    done = precepts("audit", "known.jsonl", "--json", *engine(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) >= TOP
    assert found["n"] == 12
    assert (found["accuracy"], found["unscored"], found["verdict"]) == (1.0, 0, "above chance")
    assert found["flip_rate"] == 0.0


def test_limit_page_and_the_words_for_chance(tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SHAPES["prompt"]))
    always_a = engine(tmp_path, [0.8, 0.2])
    done = precepts("audit", "known.jsonl", "--limit", "8", "--page", "page.html", *always_a, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "none" in done.stdout.lower() or "chance" in done.stdout.lower()
    page = (tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_judge_that_says_nothing_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text(json.dumps(SHAPES["prompt"][0]) + "\n")
    mute = engine(tmp_path, [0.0, 0.0])
    done = precepts("audit", "known.jsonl", "--json", *mute, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["unscored"], found["accuracy"]) == (1, None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.jsonl"], "none.jsonl"),
        (["--labeler", "rubrik"], "rubric"),
        (["--set", "label.shotss=1"], "label.shots"),
        (["--constitution", "defalt"], "default"),
        (["known.jsonl"], "line 1"),
    ],
)
def test_what_cannot_be_used_is_one_message(arguments: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text('{"prompt": "a", "chosen": 3, "rejected": "b"}\n')
    done = precepts("audit", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("labeler", ["multiple_choice", "chain_of_thought", "contrastive", "rubric"])
def test_every_labeler_on_a_model(labeler: str, tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "known.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SHAPES["prompt"][:4]))
    short = ["--set", "label.options={max_tokens: 8}"] if labeler == "chain_of_thought" else []
    done = precepts(
        "audit",
        "known.jsonl",
        "--model",
        str(tiny_model),
        "--labeler",
        labeler,
        "--shots",
        "1",
        "--json",
        *short,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["n"] == 4
    assert found["unscored"] + found["scored"] == 4
    assert (found["flip_rate"] is None) == (labeler in ("contrastive", "rubric"))
