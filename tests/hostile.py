"""A run folder whose every text tries to break out of the page: answer, reason, principle, category, name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from handmade import RECIPE, evaluation, preference, revision, write
from precepts.evidence import Evaluation, ScoredComparison
from precepts.records import AIPreference, Message, Revision
from precepts.runs.folder import Run

CONSTITUTION = """\
name: "<script>alert(5)</script>"
version: "1"
principles:
- id: only
  title: "<img src=x onerror=alert(6)>"
  source: {work: "<b>work</b>", section: "", url: "javascript:alert(7)"}
  critique_request: "<script>alert(8)</script>"
  revision_request: "r"
  comparison_request: "c"
"""


def hostile_run(folder: Path, nasty: str, long: int = 99_999) -> Run:
    """A run in `folder` with `nasty` wherever text can stand, `long` characters after it in prompts and answers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nasty.yaml").write_text(CONSTITUTION)
    run = Run(folder / "<b>run")
    run.path.mkdir()
    printable = repr("".join(each for each in nasty if each.isprintable()))
    recipe = RECIPE.replace("A run made by hand", printable)
    (run.path / "recipe.yaml").write_text(recipe.replace("default", str(folder / "nasty.yaml")))
    said = {"messages": (Message("user", nasty), Message("assistant", nasty), Message("user", nasty + "y" * long))}
    answer = {**said, "text": nasty + "z" * long, "category": nasty, "reason": nasty, "score": float("nan")}
    rows = [evaluation("rl", kind, 0, "partly", **answer) for kind in ("red_team", "helpful")]
    rows.append(evaluation("rl", "red_team", 1, None, **{**answer, "unscored": nasty}))
    write(run, "evaluate", {"answers-rl": (Evaluation, rows), "answers-start": (Evaluation, rows)}, counts={nasty: 1})
    labels = [preference(n, 0.5, 0.9, **said, first=nasty, second=nasty, principle_id=nasty) for n in range(3)]
    write(run, "label", {"records": (AIPreference, labels)}, done=False, progress={nasty: nasty})
    known = [replace(each, human="first", category=f"{nasty}: {nasty}") for each in labels]
    write(run, "audit", {"records": (AIPreference, known)})
    apart = [ScoredComparison(f"c{n}", f"p{n}", nasty, nasty, "short", 1.0, n % 2, 0.5) for n in range(4)]
    write(run, "pm", {"comparisons": (ScoredComparison, apart)})
    rounds = [revision(0, 1, **said, previous=nasty, critique=nasty, text=nasty, unusable=nasty, principle_id="only")]
    write(run, "revise", {"records": (Revision, rounds)}, fingerprint=nasty)
    return run
