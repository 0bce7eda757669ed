"""`precepts constitution`: each command as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from method.small import precepts
from precepts.constitution import load_constitution
from precepts.executors.local import LocalExecutor
from precepts.records import AIPreference, Message
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress


def label(name: str, p_first: float) -> AIPreference:
    asked = (Message("user", name),)
    made = (None, "y", "multiple_choice", "{}", "m", ())
    return AIPreference(name, name, "train", "", asked, "one", "two", *made, p_first, None)


BAD = """\
name: bad
version: "1"
principles:
  - id: kind
    title: Kind
    source: {work: ours}
    comparison_request: Be kind. <script>alert(1)</script>
"""


def ours(*arguments: str) -> tuple[int, str, str]:
    done = precepts("constitution", *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_starter_file_is_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    status, said, _ = ours("new", str(path))
    assert status == 0 and "next: precepts constitution lint" in said
    status, said, _ = ours("lint", str(path))
    assert status == 0 and "0 errors, 0 warnings" in said
    status, _, said = ours("new", str(path))
    assert status == 2 and "there is such a file already" in said


def test_lint_ends_with_1_on_errors(tmp_path: Path) -> None:
    path, out = tmp_path / "bad.yaml", tmp_path / "bad.sarif"
    path.write_text(BAD, encoding="utf-8")
    status, said, _ = ours("lint", str(path))
    assert status == 1 and "[no-choice]" in said and "bad.yaml, line 7" in said
    assert ours("lint", str(path), "--format", "sarif", "-o", str(out))[0] == 1
    assert json.loads(out.read_text("utf-8"))["version"] == "2.1.0"
    status, _, said = ours("lint", str(path), "--format", "xml")
    assert status == 2 and "choose one of text, json, sarif" in said
    assert ours("lint", str(tmp_path / "none.yaml"))[0] == 2


def test_show_and_its_page(tmp_path: Path) -> None:
    path, page = tmp_path / "bad.yaml", tmp_path / "bad.html"
    path.write_text(BAD, encoding="utf-8")
    status, said, _ = ours("show", str(path))
    assert status == 0 and "Be kind. <script>" in said
    assert ours("show", str(path), "--page", str(page))[0] == 0
    text = page.read_text("utf-8")
    assert "<script" not in text and "&lt;script&gt;" in text and "no-choice" in text


def test_import_export_and_diff(tmp_path: Path) -> None:
    listed, out = tmp_path / "rules.txt", tmp_path / "rules.yaml"
    listed.write_text("Choose the kinder response.\nWhich response is truer?\n", encoding="utf-8")
    assert ours("import", str(listed), "-o", str(out), "--name", "mine")[0] == 0
    assert [each.comparison_request for each in load_constitution(str(out)).principles] == [
        "Choose the kinder response.",
        "Which response is truer?",
    ]
    status, _, told = ours("export", str(out), "-o", str(tmp_path / "paper"))
    assert status == 0 and f"so keep {out} too; left out: ids and titles (2), sources (2), tags (2)" in told
    exported = json.loads((tmp_path / "paper" / "RLMadisonInstructions.json").read_text("utf-8"))
    assert exported[0] == "\nChoose the kinder response. Options:"
    status, said, _ = ours("diff", str(out), "one-line")
    assert status == 0 and "removed     rule-1" in said and "added       do-what-is-best" in said
    told = json.loads(ours("diff", str(out), "one-line", "--json")[1])
    assert told["added"] == ["do-what-is-best"]
    assert "no principle differs" in ours("diff", "default", "default")[1]


def test_prose_is_drafted_with_its_lines(tmp_path: Path) -> None:
    prose = tmp_path / "ours.md"
    long = f"The assistant should be {'very ' * 60}kind."
    text = f"# Ours\n\nThe assistant should be kind to people. It is new.\n\n{long}\n"
    prose.write_text(text, encoding="utf-8")
    status, said, told = ours("import", str(prose))
    assert status == 0 and "section: Ours, line 3" in said and "It is new" not in said and "very very" not in said
    assert "left out: 1 of more than 60 words (lines 5)" in told and "drafted: 1 of 2 norms" in told
    prose.write_text("It is new.\n", encoding="utf-8")
    status, _, said = ours("import", str(prose))
    assert status == 2 and "no sentence of it states a norm" in said


def test_the_built_ins_are_listed() -> None:
    status, said, _ = ours("list")
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()] == [
        "default",
        "harmlessness-16",
        "helpfulness",
        "one-line",
    ]


def test_coverage_of_a_tiny_model(tiny_model: Path, tmp_path: Path) -> None:
    page = tmp_path / "coverage.html"
    asked = ["coverage", "one-line", "--model", str(tiny_model), "--limit", "3", "--shots", "0", "--quiet"]
    status, said, error = ours(*asked, "--page", str(page))
    assert status == 0, error
    assert "do-what-is-best" in said and "principles always agree" in said
    assert "<svg" in page.read_text("utf-8")
    told = json.loads(ours(*asked, "--json")[1])
    assert len(told["effects"]) == 1
    assert len(told["effects"][0]) == 3
    status, _, error = ours("coverage", "default", str(tmp_path / "none.jsonl"))
    assert status == 2 and "none.jsonl" in error


def test_lint_with_a_model_names_what_moves_nothing(tiny_model: Path) -> None:
    status, said, _ = ours("lint", "one-line", "--with", str(tiny_model), "--limit", "3", "--format", "json")
    told = json.loads(said)
    assert status == 0
    assert [(each["rule"], each["principle"]) for each in told["findings"]] == [("no-effect", "do-what-is-best")]


def test_labels_of_two_runs(tmp_path: Path) -> None:
    for name, odds in (("a", {"x": 0.2, "y": 0.5}), ("b", {"x": 0.9, "y": 0.52, "z": 0.9})):
        run = Run(tmp_path / name)
        run.path.mkdir()
        (run.path / "recipe.yaml").write_text("{}\n")
        folder = open_stage(run, "label", {}, "label", 7, LocalExecutor(), Progress(quiet=True))
        folder.write_records(AIPreference, [label(key, p) for key, p in odds.items()])
    status, said, _ = ours("diff", str(tmp_path / "a"), str(tmp_path / "b"))
    assert status == 0 and "1 of 2 labels of the same pairs differ" in said and "p_first 0.20 -> 0.90" in said
    told = json.loads(ours("diff", str(tmp_path / "a"), str(tmp_path / "b"), "--json")[1])
    assert (told["compared"], len(told["changed"])) == (2, 1)
    status, _, said = ours("diff", str(tmp_path / "a"), "default")
    assert status == 2 and "two runs or two constitutions" in said


@pytest.mark.parametrize("command", ["lint", "import", "export", "coverage", "diff", "show", "new", "list"])
def test_every_command_has_help(command: str) -> None:
    assert ours(command, "--help")[0] == 0
