"""Records as a trainer's columns: what is in them, what is left out, and that they load where they are to be used."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small import precepts, small_recipe

from handmade import make_run, write
from precepts.errors import InputError, RunError
from precepts.evidence import LearntRevision
from precepts.exporting.columns import Row, Shape, table
from precepts.exporting.write import push, write_data_set, write_rows
from precepts.method import execute
from precepts.recipe import load_recipe
from precepts.records import AIPreference, HumanComparison, Prompt, Response, Revision
from precepts.runs.folder import Run
from precepts.runs.progress import Progress
from precepts.settings import parse_yaml
from precepts.stages.prompts import read_split

CHAT = Shape("chat")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small recipe's run up to its labels, with the scripted engine: no model is trained."""
    folder = tmp_path_factory.mktemp("export")
    path = small_recipe(folder, Path("org/none"), scripted=True)
    more = [
        "warm_up=null",
        "models.start=org/none",
        "pairs.take=comparisons",
        "prompts.held_out=0.3",
        "revise.max_tokens=5",
    ]
    more += ["preferences.harmless_comparisons=[{source: builtin:comparisons, limit: 20}]"]
    found = Run(folder / "run")
    found.path.mkdir()
    for until in ("revise", "label"):
        execute(load_recipe(str(path), more), found, Progress(quiet=True), until=until)
    return found


def rows(run: Run, stage: str, shape: Shape = CHAT) -> list[Row]:
    found = table(run, stage, shape)
    kept = list(found.rows)
    assert all(list(row) and set(row) == set(found.columns) for row in kept)
    return kept


def test_finetuning_columns(run: Run) -> None:
    usable = {each.id: each for each in run.read("revise", Revision) if each.unusable is None}
    found = rows(run, "revise")
    assert [row["id"] for row in found] == list(usable)
    first = usable[found[0]["id"]]
    assert found[0]["prompt"] == [{"role": "user", "content": first.messages[0].content}]
    assert found[0]["completion"] == [{"role": "assistant", "content": first.text}]
    assert {row["round"] for row in found} == {1, 2}
    joined = rows(run, "revise", Shape("chat", messages=True))
    assert joined[0]["messages"] == found[0]["prompt"] + found[0]["completion"]
    raw = rows(run, "revise", Shape("raw"))
    assert raw[0]["prompt"].startswith("\n\nHuman: ") and raw[0]["prompt"].endswith("\n\nAssistant:")
    assert raw[0]["completion"] == f" {first.text}"
    assert rows(run, "revise", Shape("raw", messages=True))[0]["messages"] == raw[0]["prompt"] + raw[0]["completion"]


def test_what_sl_learns_ends_with_whole_sentences(run: Run) -> None:
    found = rows(run, "sl")
    cut = [each for each in run.read("revise", Revision) if each.finish == "length"]
    assert cut and not {each.id for each in cut} & {row["id"] for row in found}  # none of them has a whole sentence
    assert {row["kind"] for row in found} <= {"red_team", "helpful"}
    assert all(
        row["completion"][0]["content"].rstrip("\"')]")[-1] in ".!?" for row in found if row["kind"] != "helpful"
    )
    assert len(rows(run, "respond")) == sum(1 for each in run.read("respond", Response) if each.unusable is None)


def test_what_sl_left_out_is_not_exported(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", per_kind=2)
    before = [row["id"] for row in rows(made, "sl")]
    assert len(before) > 1
    learnt = [LearntRevision(before[0], "p", "looping"), *(LearntRevision(each, "p", None) for each in before[1:])]
    write(made, "sl", {"revisions": (LearntRevision, learnt)})
    assert [row["id"] for row in rows(made, "sl")] == before[1:]


def test_preference_columns(run: Run) -> None:
    labels = {each.id: each for each in run.read("label", AIPreference)}
    found = rows(run, "label", Shape("chat", split="all"))
    assert len(found) == sum(each.p_first is not None for each in labels.values()) > 0
    for row in found:
        p_first = labels[row["id"]].p_first
        assert p_first is not None and 0.5 <= row["p_chosen"] == max(p_first, 1 - p_first)
        assert row["margin"] == pytest.approx(math.log(row["p_chosen"] / (1 - row["p_chosen"])))
        better = labels[row["id"]].first if p_first >= 0.5 else labels[row["id"]].second
        assert row["chosen"] == [{"role": "assistant", "content": better}]
        assert row["chosen"] != row["rejected"]


def test_a_certain_label_has_a_finite_margin(run: Run) -> None:
    people = [row for row in rows(run, "pm") if row["source"] == "helpful"]
    kept = [each for each in run.read("prompts", HumanComparison, "comparisons") if each.split == "train"]
    assert len(people) == sum(each.aim == "helpful" for each in kept) > 0
    assert {row["p_chosen"] for row in people} == {1.0}
    assert people[0]["margin"] == pytest.approx(math.log((1 - 1e-6) / 1e-6))
    assert people[0]["chosen"][0]["content"] == next(each.chosen for each in kept if each.id == people[0]["id"])


@pytest.mark.parametrize("stage", ["prompts", "respond", "revise", "sl", "pairs", "label", "pm", "rl"])
def test_nothing_held_out_is_exported_unless_asked_for(run: Run, stage: str) -> None:
    held_out = {p.messages[-1].content for p in run.read("prompts", Prompt, "prompts") if p.split == "held_out"}
    assert held_out
    asked = {row["prompt"][-1]["content"] for row in rows(run, stage)}
    assert asked and not asked & held_out
    every = {row["prompt"][-1]["content"] for row in rows(run, stage, Shape("chat", split="all"))}
    assert every >= asked


def test_prompts_for_rl_are_the_training_ones(run: Run) -> None:
    wanted = [each.id for each in read_split(run, ("red_team", "helpful"), "train")]
    assert [row["id"] for row in rows(run, "rl")] == wanted


def test_answers_come_with_verdict_and_score(tmp_path: Path) -> None:
    found = rows(make_run(tmp_path / "run"), "evaluate")
    assert {row["model"] for row in found} == {"start", "sl", "rl"}
    assert len({row["id"] for row in found}) == len(found)
    assert {row["verdict"] for row in found} >= {"complies", "refuses"}


@pytest.mark.parametrize(
    ("stage", "shape", "said"),
    [
        ("revize", CHAT, "did you mean 'revise'"),
        ("evaluate", CHAT, "stage evaluate is not done"),
        ("label", Shape("chat", messages=True), "stage label has no completions"),
    ],
)
def test_what_cannot_be_exported(run: Run, stage: str, shape: Shape, said: str) -> None:
    with pytest.raises(InputError, match=said):
        table(run, stage, shape)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_a_file_holds_the_rows(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"labels{suffix}"
    assert write_rows(table(run, "label", CHAT), path) == len(rows(run, "label"))
    text = path.read_text() if suffix == ".jsonl" else ""
    back = [json.loads(line) for line in text.splitlines()] if text else pq.read_table(path).to_pylist()
    assert back == rows(run, "label")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_rows_are_read_as_they_are_written(run: Run, tmp_path: Path) -> None:
    found = table(run, "label", CHAT)

    def broken() -> object:
        yield next(found.rows)
        raise RunError("the disk went away")

    with pytest.raises(RunError):
        write_rows(type(found)(found.columns, broken()), tmp_path / "x.jsonl")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_table_keeps_its_columns(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    assert write_rows(table(run, "revise", Shape("chat", split="held_out")), path) == 0
    assert pq.read_schema(path).names == ["id", "prompt", "completion", "kind", "round"]


def test_a_data_set_loads_as_its_card_says(run: Run, tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "set"
    count = write_data_set(table(run, "label", CHAT), folder, "parquet", run.path, "label")
    loaded = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == count and {"prompt", "chosen", "rejected", "p_chosen", "margin"} <= set(loaded.column_names)
    _, top, body = (folder / "README.md").read_text().split("---\n", 2)
    assert parse_yaml(top, "card").data["configs"][0]["data_files"][0]["path"] == "data/train.parquet"
    state = run.state("label")
    assert state is not None and state.fingerprint in body and f"rows: {count}" in body and "`p\\_chosen`" not in body


class StandInHub:
    """Takes what the Hub would take."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []

    def create_repo(self, name: str, **how: object) -> None:
        self.calls.append((name, how))

    def upload_folder(self, **how: object) -> None:
        if how["repo_id"] == "org/closed":
            raise PermissionError("403 Forbidden\nlong story")
        self.calls.append((str(how["repo_id"]), how))


def test_a_push_makes_the_data_set_and_sends_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = StandInHub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    assert push(tmp_path, "org/mine", private=True) == "https://huggingface.co/datasets/org/mine"
    assert [call[0] for call in hub.calls] == ["org/mine", "org/mine"]
    assert hub.calls[0][1] == {"repo_type": "dataset", "private": True, "exist_ok": True}
    assert hub.calls[1][1]["folder_path"] == str(tmp_path)
    with pytest.raises(RunError, match="403 Forbidden"):
        push(tmp_path, "org/closed", private=False)


def test_the_command(run: Run, tmp_path: Path) -> None:
    done = precepts("export", str(run.path), "label", "-o", "out.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{len(rows(run, 'label'))} rows: out.jsonl\n")
    for words, said in (
        (["-o", "x.jsonl", "--format", "parquet"], "ends otherwise"),
        (["-o", "x.jsonl", "--push", "a/b"], "takes a folder"),
        (["-o", "x", "--split", "some"], "use one of train, held_out, all"),
    ):
        done = precepts("export", str(run.path), "label", *words, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr
    assert precepts("export", str(tmp_path), "label", "-o", "x", cwd=tmp_path).returncode == 2
