"""`rl: null`: the method ends with SL-CAI, and everything after it does without the policy."""

from __future__ import annotations

import json
from pathlib import Path

from small import precepts, small_recipe

from precepts.report.gather import gather
from precepts.runs.folder import Run


def test_the_method_without_rl(tmp_path: Path, tiny_model: Path) -> None:
    recipe, run = small_recipe(tmp_path, tiny_model), tmp_path / "run"
    done = precepts("run", str(recipe), "--run", str(run), "--set", "rl=null", "--set", "warm_up=null")
    assert done.returncode == 0, done.stderr
    assert "SL-CAI: " in done.stdout and "RL-CAI" not in done.stdout
    found = gather(Run(run))
    assert list(found.answers) == ["start", "sl"] and found.others.models == ("again",)
    assert "rl" not in found.stages() and not found.looks and not (run / "rl").exists()
    assert sorted(path.name for path in (run / "models").iterdir()) == ["pm", "sl"]
    page = (run / "report.html").read_text("utf-8")
    assert "Not begun" not in page and "While RL trained" not in page
    assert Run(run).count("tournament", "matches") > 0
    shown = precepts("status", str(run), "--json")
    states = {line["stage"]: line["state"] for line in json.loads(shown.stdout)}
    assert {stage for stage, state in states.items() if state != "done"} == {"rl", "warm_up"}
    assert states["rl"] == "not needed"
