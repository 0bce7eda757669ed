"""`precepts constitution`: each command as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from method.small import precepts
from precepts.cli.coverage import _show
from precepts.constitution import load_constitution
from precepts.evals.coverage import coverage
from precepts.executors.local import LocalExecutor
from precepts.records import AIPreference, Message
from precepts.runs.folder import Run, open_stage
from precepts.runs.progress import Progress


def labelled(folder: Path, **odds: float | None) -> None:
    """A run with a label for each pair."""
    run = Run(folder)
    run.path.mkdir()
    (run.path / "recipe.yaml").write_text("{}\n")
    stage = open_stage(run, "label", {}, "label", 7, LocalExecutor(), Progress(quiet=True))
    stage.write_records(AIPreference, [label(key, p) for key, p in odds.items()])


def label(name: str, p_first: float | None) -> AIPreference:
    asked = (Message("user", name),)
    made = (None, "y", "multiple_choice", "{}", "m", ())
    return AIPreference(
        name, name, "train", "", asked, "one", "two", *made, p_first, None if p_first else "no_logprobs"
    )


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
    assert "nothing differs" in ours("diff", "default", "default")[1]


WHOLE = """\
name: whole
version: "1"
principles:
  - id: kind
    title: Kind
    source: {work: ours, section: "§ 2", quote: "Be kind to all."}
    comparison_request: Choose the kinder response.
    tags: [tone, care]
demonstrations:
  rounds: [{prompt: Hi., response: Fool., critique_request: Say why., critique: It insults., revision_request: Mend.,
            revision: Hello.}]
  comparisons: [{prompt: And now., first: Good., second: Bad., reasoning: Kinder., answer: first}]
"""


def test_all_of_a_constitution_is_shown(tmp_path: Path) -> None:
    path, page = tmp_path / "whole.yaml", tmp_path / "whole.html"
    path.write_text(WHOLE, encoding="utf-8")
    shown = ours("show", str(path))[1]
    assert ours("show", str(path), "--page", str(page))[0] == 0
    parts = ["1 principle", "§ 2", "Be kind to all.", "tone, care", "Hi.", "Fool.", "It insults.", "Mend.", "Hello."]
    for text in (shown, page.read_text("utf-8")):
        assert [each for each in [*parts, "Say why.", "And now.", "Good.", "Bad.", "Kinder."] if each not in text] == []
        assert "1 principles" not in text
    assert "one-line           1 principle  " in ours("list")[1]


def test_a_difference_outside_of_the_principles_is_told(tmp_path: Path) -> None:
    for name, text in (
        ("a", WHOLE),
        ("b", WHOLE.replace("Kinder.", "It is kinder.").replace("name", "licence: X\nname")),
    ):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    said = ours("diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))[1]
    assert "shown       comparisons[0], reasoning\n  - Kinder.\n  + It is kinder.\n" in said
    assert "reworded    constitution, licence\n  - (nothing)\n  + X\n" in said
    assert said.endswith("no principle differs\n")


@pytest.mark.parametrize(("text", "said"), [("a\\u0000", "U+0000 has no place"), ("a\\ud83d", "U+D83D is half a char")])
def test_what_is_imported_holds_no_control_characters(tmp_path: Path, text: str, said: str) -> None:
    listed = tmp_path / "rules.json"
    listed.write_text(f'["Choose the kinder response {text}."]', encoding="utf-8")
    status, _, error = ours("import", str(listed))
    assert status == 2 and "rules.json" in error and said in error and "take it out" in error


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
    printed = ours(*asked, "--json")[1]
    told = json.loads(printed)
    assert len(told["effects"]) == 1
    assert len(told["effects"][0]) == len(told["comparisons"]) == 3
    assert told["source"] == "builtin:comparisons" and told["tokens_in"] > 0 and "\u202f" not in printed
    status, _, error = ours(*asked, "--least", "0")
    assert status == 2 and "--least" in error
    status, _, error = ours(*asked, "--page", "/nonexistent/x.html")
    assert status == 2 and error.count("\n") == 1 and "there is no folder /nonexistent" in error
    status, _, error = ours("coverage", "default", str(tmp_path / "none.jsonl"))
    assert status == 2 and "none.jsonl" in error


def test_lint_with_a_model_names_what_moves_nothing(tiny_model: Path) -> None:
    status, said, _ = ours("lint", "one-line", "--with", str(tiny_model), "--limit", "3", "--format", "json")
    told = json.loads(said)
    assert status == 0
    assert [(each["rule"], each["principle"]) for each in told["findings"]] == [("no-effect", "do-what-is-best")]


def test_labels_of_two_runs(tmp_path: Path) -> None:
    labelled(tmp_path / "a", x=0.2, y=0.5, flips=0.49, only=0.5, none=0.5)
    labelled(tmp_path / "b", x=0.9, y=0.52, flips=0.51, z=0.9, z2=0.9, none=None)
    status, said, _ = ours("diff", str(tmp_path / "a"), str(tmp_path / "b"))
    first, left_out, *rows = said.splitlines()
    assert status == 0 and first.startswith("2 of 3 labels of the same pairs differ")
    assert first.endswith("2 now prefer the other response")
    assert left_out == (
        "left out: 1 pair that only the first run has, 2 that only the second has, 1 without a label in one of them"
    )
    assert "x  p_first 0.20 -> 0.90, the other is preferred" in rows[0]
    assert "flips  p_first 0.4900 -> 0.5100, the other is preferred" in rows[1]
    told = json.loads(ours("diff", str(tmp_path / "a"), str(tmp_path / "b"), "--json")[1])
    assert [each["id"] for each in told.pop("changed")] == ["x", "flips"]
    assert told == {"compared": 3, "flipped": 2, "only_before": 1, "only_after": 2, "unlabelled": 1}
    status, _, said = ours("diff", str(tmp_path / "a"), "default")
    assert status == 2 and "two runs or two constitutions" in said


def test_runs_without_labels_say_so(tmp_path: Path) -> None:
    labelled(tmp_path / "a", x=0.2)
    labelled(tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "recipe.yaml").write_text("{}\n")
    for name in ("b", "c"):
        status, _, said = ours("diff", str(tmp_path / "a"), str(tmp_path / name))
        assert status == 2 and f"{tmp_path / name}: this run has no labels; run its stage label first" in said


@pytest.mark.parametrize("command", ["lint", "import", "export", "coverage", "diff", "show", "new", "list"])
def test_every_command_has_help(command: str) -> None:
    assert ours(command, "--help")[0] == 0


def test_a_row_of_coverage_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    constitution = load_constitution("default")
    long = constitution.judging[0].model_copy(update={"id": "-".join(["long"] * 20)})
    constitution = constitution.model_copy(update={"principles": [long, *constitution.principles[1:]]})
    found = coverage([[0.9, 0.9]] * len(constitution.judging), [0.5, 0.5])
    _show(found, constitution, ["A claim."], {"feedback model": "m"})
    rows = [line for line in capsys.readouterr().out.splitlines() if "mean effect" in line]
    assert len(rows) == len(constitution.judging)
    assert max(map(len, rows)) < 80 and rows[0].startswith("long-long-") and "…" in rows[0]
