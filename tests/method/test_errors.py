"""What a person is told: one message with the place and the mend, the right exit status, and an unharmed run."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from small import contents, precepts, small_recipe

BAD_CONSTITUTION = """\
name: short
version: "1"
principles:
  - id: kind
    title: Kindness
    source: {work: our own}
    critique_request: Point out what is unkind in the response.
    comparison_request: Choose the kinder response.
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with a recipe and a run of its first two stages."""
    folder = tmp_path_factory.mktemp("begun")
    recipe = small_recipe(folder, tiny_model, scripted=True)
    done = precepts("run", str(recipe), "--run", str(folder / "run"), "--until", "respond")
    assert done.returncode == 0, done.stderr
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a run but the lock."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def changed_recipe(folder: Path, **changes: object) -> str:
    """The fixture's recipe with top-level changes, in a file of its own."""
    recipe = {**yaml.safe_load((folder / "recipe.yaml").read_text()), **changes}
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return str(path)


def refused(folder: Path, *arguments: str, status: int = 2, **environment: str) -> str:
    """Run with these arguments; check the status, one message, no traceback, an unharmed run; return the message."""
    before = snapshot(folder / "run")
    done = precepts("run", *arguments, "--run", str(folder / "run"), cwd=folder, **environment)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("error:") == 1
    assert snapshot(folder / "run") == before
    return done.stderr


def test_unknown_key_names_line_and_nearest(begun: Path) -> None:
    recipe = changed_recipe(begun, revize={"rounds": 1})
    message = refused(begun, recipe)
    assert "changed.yaml, line" in message and "unknown key 'revize'" in message and "'revise'" in message


def test_unknown_key_of_a_stage(begun: Path) -> None:
    assert "did you mean 'beta'" in refused(begun, str(begun / "recipe.yaml"), "--set", "rl.betta=0.05")


def test_missing_recipe(begun: Path) -> None:
    assert "nowhere.yaml: there is no such file" in refused(begun, "nowhere.yaml")


def test_mistyped_builtin_recipe(begun: Path) -> None:
    assert "did you mean 'demo'" in refused(begun, "dmeo")


def test_missing_prompt_file(begun: Path) -> None:
    message = refused(begun, str(begun / "recipe.yaml"), "--set", "prompts.red_team=[nowhere.jsonl]")
    assert "nowhere.jsonl" in message and "no such file" in message


def test_constitution_without_revision_request(begun: Path) -> None:
    (begun / "short.yaml").write_text(BAD_CONSTITUTION)
    message = refused(begun, changed_recipe(begun, constitution="short.yaml"))
    assert (
        "short.yaml, line 4, principles[0]: a critique goes with a revision, and there is no revision_request"
        in message
    )


def test_model_that_does_not_exist(begun: Path) -> None:
    message = refused(begun, str(begun / "recipe.yaml"), "--set", "models.start=no such model")
    assert "no such model" in message and "correct the name" in message


def test_hub_model_that_cannot_be_had(tmp_path: Path, tiny_model: Path) -> None:
    recipe = small_recipe(tmp_path, tiny_model)
    arguments = ["run", str(recipe), "--run", str(tmp_path / "run"), "--set", "models.start=nobody/nothing"]
    done = precepts(*arguments, HF_HUB_OFFLINE="1")
    assert done.returncode == 2, done.stderr
    assert "model 'nobody/nothing'" in done.stderr and "Traceback" not in done.stderr


def test_unreadable_prompt_row(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "How?"}\n{"prompt": 3}\n')
    recipe = small_recipe(tmp_path, tiny_model, scripted=True)
    arguments = ["run", str(recipe), "--run", str(tmp_path / "run"), "--set", "prompts.red_team=[rows.jsonl]"]
    done = precepts(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "rows.jsonl, line 2, prompt: expected text" in done.stderr
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"prompt": "How {n}?"}}\n' for n in range(20)))
    mended = precepts(*arguments, "--until", "respond", cwd=tmp_path)
    assert mended.returncode == 0, mended.stderr


def test_run_folder_in_use(begun: Path) -> None:
    with (begun / "run" / ".lock").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        message = refused(begun, str(begun / "recipe.yaml"))
    assert "in use by" in message and "--run" in message


def test_folder_that_is_no_run(tmp_path: Path, begun: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = precepts("run", str(begun / "recipe.yaml"), "--run", str(tmp_path))
    assert done.returncode == 2 and "is no run" in done.stderr


def test_unknown_stage(begun: Path) -> None:
    assert "did you mean 'revise'" in refused(begun, str(begun / "recipe.yaml"), "--until", "revis")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few hundred KiB; skips where one cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (it needs root)")
    yield place
    subprocess.run(["umount", str(place)], check=False)


@pytest.mark.skipif(os.name != "posix", reason="mounts a file system")
def test_full_disk_stops_with_status_1_and_the_run_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, tiny_model: Path
) -> None:
    recipe, run = small_recipe(tmp_path, tiny_model, scripted=True), small_disk / "run"
    full = precepts("run", str(recipe), "--run", str(run), cwd=tmp_path)
    assert full.returncode == 1, full.stderr
    assert "no space left" in full.stderr and "Traceback" not in full.stderr
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert precepts("run", str(recipe), "--run", str(run), cwd=tmp_path).returncode == 0
    undisturbed = tmp_path / "undisturbed"
    assert precepts("run", str(recipe), "--run", str(undisturbed), cwd=tmp_path).returncode == 0
    assert contents(run) == contents(undisturbed)
