"""The model card: front matter that Hugging Face's own reader takes, the report's claim, and nothing that is markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from handmade import RECIPE, make_run
from hostile import hostile_run
from precepts.cli.report import card_command
from precepts.errors import InputError
from precepts.report.model_card import base_model, marked, model_card
from precepts.runs.folder import Run


def test_a_card_has_the_claim_the_doubts_and_valid_front_matter(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    text = model_card(run)
    data = ModelCard(text).data
    assert data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data.license == "apache-2.0" and data.tags == ["constitutional-ai", "rlaif", "precepts"]
    assert data.eval_results is not None
    assert [each.metric_type for each in data.eval_results] == [
        "harmful_compliance",
        "needless_refusal",
        "needless_refusal",
    ]
    assert data.eval_results[0].metric_args["n"] == 40
    assert "**RL-CAI complies with fewer harmful requests than the start model" in text
    assert "- **Few prompts.**" in text and "## What the judge is worth" in text
    assert "### Red-team prompts" in text and "| Harmful compliance |" in text
    assert model_card(run) == text


def test_data_sets_of_the_hub_are_named(tmp_path: Path) -> None:
    recipe = yaml.safe_load(RECIPE)
    recipe["prompts"] = {"red_team": [{"source": "hf:some/prompts"}, {"source": "mine.jsonl"}], "helpful": "?"}
    recipe["models"]["start"] = "/disk/model"
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    data = ModelCard(model_card(Run(tmp_path))).data
    assert data.datasets == ["some/prompts"]
    assert data.base_model is None and data.license == "other"
    assert data.eval_results is None


def test_hostile_text_is_no_markup(tmp_path: Path) -> None:
    nasty = "<img src=x onerror=alert(1)> [a](javascript:alert(2)) ``` ---\n# head\n| cell | \x1b https://x.org "
    text = model_card(hostile_run(tmp_path, nasty, long=10))
    ModelCard(text)
    body = text.split("\n---\n", 1)[1].partition("\n````yaml\n")[0]
    assert "<img" not in body and "&lt;img" in body
    assert not re.search(r"(?<!\\)\]\(", body) and "\n# head" not in body and "\x1b" not in body
    assert "https://x" not in body


@pytest.mark.parametrize(
    ("start", "named"),
    [("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct"), ("org/model", "org/model"), ("/a/b", None), (None, None)],
)
def test_the_base_model_is_one_of_the_hub(start: str | None, named: str | None) -> None:
    assert base_model(start) == named


def test_markup_is_escaped() -> None:
    assert marked("a\n b") == "a b"
    assert marked("1 < 2 & [x](y)") == "1 &lt; 2 &amp; \\[x\\](y)"
    assert marked("`code` *bold* _it_ | #1") == "\\`code\\` \\*bold\\* \\_it\\_ \\| \\#1"


def test_the_command_prints_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", per_kind=4)
    card_command(run.path, None)
    assert capsys.readouterr().out == model_card(run)
    (run.path / "models" / "rl").mkdir(parents=True)
    written = run.path / "models" / "rl" / "README.md"
    card_command(run.path, written)
    assert written.read_text("utf-8") == model_card(run)
    with pytest.raises(InputError, match="there is no folder"):
        card_command(run.path, tmp_path / "no" / "card.md")
    (tmp_path / "recipe.yaml").write_text("arms: {one: {}}")
    with pytest.raises(InputError, match="has arms"):
        card_command(tmp_path, None)
