"""The paper's published files drive a run, their demonstrations and principles word for word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from method.small import precepts, small_recipe
from precepts.records import AIPreference, Revision
from precepts.runs.folder import Run

PAPER = Path(__file__).parents[2].parent / "shared" / "data" / "paper_prompts"


@pytest.mark.skipif(not PAPER.is_dir(), reason="needs ../shared/data/paper_prompts")
def test_the_papers_files_drive_a_run(tmp_path: Path, tiny_raw_model: Path) -> None:
    made = tmp_path / "paper.yaml"
    assert precepts("constitution", "import", str(PAPER), "-o", str(made)).returncode == 0
    path = small_recipe(tmp_path, tiny_raw_model, scripted=True, style="raw")
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe |= {"constitution": "paper.yaml", "revise": {"rounds": 2, "shots": 5}, "label": {"shots": 5}}
    del recipe["warm_up"]
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = precepts("run", str(path), "--run", str(tmp_path / "run"), "--until", "label")
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / "run")
    revisions, labels = list(run.read("revise", Revision)), list(run.read("label", AIPreference))
    assert revisions and all(each.principle_id.startswith("harmful") for each in revisions)
    asked = json.loads((PAPER / "CritiqueRevisionInstructions.json").read_text("utf-8"))
    dialogues = json.loads((PAPER / "CritiqueRevisionFewShotPrompts.json").read_text("utf-8"))
    for each in revisions:
        wrapped = asked[each.principle_id]["prompt"][0]
        assert each.critique_sent.endswith(wrapped)
        assert each.critique_sent.startswith(dialogues[0].removesuffix("\n\nHuman:"))
    assert labels and all(name.startswith("choice") for each in labels for name in each.principles)
    items = json.loads((PAPER / "RLMadisonFewShotPrompts.json").read_text("utf-8"))
    sent = labels[0].readings[0].sent
    assert all(item["corrects"][0].strip() in sent for item in items)


@pytest.mark.parametrize(("stage", "missing"), [("critique", "comparison_request"), ("comparison", "critique_request")])
def test_a_stage_without_principles_is_refused_at_once(
    tmp_path: Path, tiny_model: Path, stage: str, missing: str
) -> None:
    asked = {"critique": "    critique_request: Find it.\n    revision_request: Mend it.\n"}
    asked["comparison"] = "    comparison_request: Choose the kinder one.\n"
    text = f"name: c\nversion: '1'\nprinciples:\n  - id: a\n    title: A\n    source: {{work: w}}\n{asked[stage]}"
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    path = small_recipe(tmp_path, tiny_model, scripted=True)
    done = precepts("run", str(path), "--run", str(tmp_path / "run"), "--set", f"constitution={tmp_path / 'c.yaml'}")
    assert done.returncode == 2
    assert f"no principle has a {missing}" in done.stderr
    assert not (tmp_path / "run" / "prompts").exists()
