"""What the commands print and write: nothing that a terminal obeys, one place to print, one message about a file."""

from __future__ import annotations

import ast
import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import precepts.cli
from handmade import make_run, preference, write
from hostile import hostile_run
from method.small import precepts as run_precepts
from precepts.cli.constitution import export_command, import_command, lint_command, new_command
from precepts.cli.coverage import coverage_command
from precepts.cli.diff import diff_command
from precepts.cli.eval import eval_command
from precepts.cli.figures import figures_command
from precepts.cli.grade import grade_command
from precepts.cli.report import card_command
from precepts.cli.run import _show
from precepts.cli.score import score_command
from precepts.cli.show import show_command
from precepts.cli.status import status_command
from precepts.cli.terminal import say, say_json, show
from precepts.cli.trace import trace_command
from precepts.cli.writing import check_places, put, writing
from precepts.errors import InputError
from precepts.recipe import recipe_of
from precepts.records import AIPreference, Message, Prompt
from precepts.texts import CONTROL

NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\rover \u202e \ud83d [bold]x[/bold] [/]"
SHOWN = "\ufffd]0;owned\ufffd\ufffd[2J\ufffd31m\ufffdover \ufffd \ufffd [bold]x[/bold] [/]"
FILES = [path for path in Path(precepts.cli.__file__).parent.glob("*.py") if path.name != "terminal.py"]


def prints(path: Path) -> Iterator[int]:
    """The lines of a file that print in a way of their own."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        named = isinstance(node, ast.Name) and node.id in ("print", "Console")
        if named or (isinstance(node, ast.ImportFrom) and node.module == "rich.console"):
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_print_in_one_place(path: Path) -> None:
    assert list(prints(path)) == []


def test_a_text_is_shown_with_marks(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    say(NASTY)
    assert capsys.readouterr().out == SHOWN + "\n"
    say(NASTY, error=True)
    assert capsys.readouterr().err == SHOWN + "\n"
    show(NASTY, "bold")
    assert not CONTROL.search(capsys.readouterr().out)
    table = Table(title=Text(NASTY))
    table.add_column(Text(NASTY))
    table.add_row(Text(NASTY))
    show(table)
    assert not CONTROL.search(capsys.readouterr().out)
    say_json({"v": NASTY})
    told = capsys.readouterr().out
    assert not CONTROL.search(told) and json.loads(told) == {"v": NASTY}


def test_nothing_of_a_run_reaches_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = hostile_run(tmp_path, NASTY, long=10)
    asked = (Message("user", NASTY),)
    write(run, "prompts", {"prompts": (Prompt, [Prompt("abcdef", "red_team", "train", NASTY, NASTY, asked)])})
    labels = [preference(n, 0.5, 0.9, messages=asked, first=NASTY, second="b", principle_id=NASTY) for n in range(3)]
    unit = {"done": 1, "total": 2, "unit": NASTY}
    write(run, "label", {"records": (AIPreference, labels)}, done=False, progress=unit, stopped=NASTY)
    trace_command(run.path, "abcdef", as_json=False)
    trace_command(run.path, "abcdef", as_json=True)
    status_command(run.path, None, [], as_json=False)
    status_command(run.path, None, [], as_json=True)
    _show(run)
    diff_command(str(run.path), str(run.path), as_json=False)
    card_command(run.path, None)
    told = capsys.readouterr()
    assert "owned" in told.out
    assert not CONTROL.search(told.out + told.err)


def test_a_mistake_in_a_file_is_told_without_its_control_characters(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text('name: a\nversion: "1"\n"\\e[2Jx": 1\nprinciples: []\n')
    done = run_precepts("constitution", "show", "c.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "c.yaml, line 3" in done.stderr
    assert not CONTROL.search(done.stdout + done.stderr)


# --- files to write -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/where/page.html", "no/where/page.html: there is no folder no/where; make it, or write elsewhere"),
        ("file/page.html", "file/page.html: there is no folder file; make it, or write elsewhere"),
        ("folder", "folder: this is a folder; name a file in it"),
        (".", ".: this is a folder; name a file in it"),
        ("x" * 5000, "cannot be written (File name too long); write elsewhere"),
        ("page.html", ""),
        ("folder/page.html", ""),
    ],
)
def test_a_place_is_looked_at_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    check_places(None)
    if not said:
        check_places(Path(name))
        put("text", Path(name))
        assert Path(name).read_text() == "text"
        return
    for refuse in (check_places, lambda path: put("text", path)):
        with pytest.raises(InputError) as caught:
            refuse(Path(name))
        assert str(caught.value).endswith(said)


def test_a_full_disk_is_nobodys_typing() -> None:
    with pytest.raises(OSError, match="No space left"), writing(Path("x")):
        raise OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(InputError, match=r"x: cannot be written \(Permission denied\); write elsewhere"),
        writing(Path("x")),
    ):
        raise OSError(errno.EACCES, "Permission denied")


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("the work had begun")


GONE = Path("/nonexistent/x.html")
WRITES: dict[str, Callable[[Path], Any]] = {
    "show": lambda _: show_command("default", GONE),
    "coverage": lambda _: coverage_command(
        recipe_of({}, []), "builtin:comparisons", 3, least=0.05, as_text=True, page=GONE, quiet=True
    ),
    "eval": lambda _: eval_command(
        "any", recipe_of({}, []), [], against=None, robustness=False, as_text=True, page=None, output=GONE, quiet=True
    ),
    "lint": lambda _: lint_command("default", "text", GONE, "any", 3),
    "import": lambda folder: import_command([folder / "rules.txt"], GONE, None, None, None, None),
    "new": lambda _: new_command(GONE),
    "grade": lambda folder: grade_command(
        str(folder / "rows.jsonl"), "length", GONE, model="m", style="chat", quiet=True
    ),
    "score": lambda folder: score_command(str(folder / "rows.jsonl"), folder, GONE, style=None, quiet=True),
    "card": lambda folder: card_command(make_run(folder / "run", per_kind=2).path, GONE),
    "export": lambda folder: export_command("default", folder / "rules.txt"),
    "figures": lambda folder: figures_command(make_run(folder / "run", per_kind=2).path, folder / "rules.txt"),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_command_says_in_one_message_that_it_cannot_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.txt").write_text("Choose the kinder response.\n")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    for module in ("coverage", "eval", "grade"):
        for work in ("make_engine", "ask_model"):
            monkeypatch.setattr(f"precepts.cli.{module}.{work}", never, raising=False)
    monkeypatch.setattr("precepts.cli.constitution._with_model", never)
    with pytest.raises(InputError) as caught:
        WRITES[name](tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "rules.txt" if name in ("export", "figures") else GONE) in str(caught.value)
