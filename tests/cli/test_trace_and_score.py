"""`precepts trace` and `precepts score`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import precepts

from handmade import make_run, match, write
from precepts.evidence import LearntRevision, Match
from precepts.inspector.trace import trace
from precepts.records import AIPreference, Prompt, Revision
from precepts.runs.folder import Run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = make_run(tmp_path_factory.mktemp("traced") / "run", per_kind=6)
    first = next(iter(run.read("revise", Revision)))
    prompt = Prompt(first.prompt_id, "red_team", "train", "fraud", "by hand", first.messages)
    write(run, "prompts", {"prompts": (Prompt, [prompt])})
    return run


def test_a_revision_leads_to_its_prompt_principle_and_critique(whole: Run) -> None:
    wanted = [each for each in whole.read("revise", Revision) if each.round == 1][3]
    entries = trace(whole, wanted.id)
    (shown,) = [each for each in entries if each.stage == "revise"]  # round 2 did not make it
    fields = dict(shown.fields)
    assert wanted.principle_id in fields["principle"] and wanted.principle_hash in fields["principle"]
    assert (fields["critique"], fields["revision"], fields["model"]) == (wanted.critique, wanted.text, wanted.model)
    assert not any(each.stage in ("pairs", "label") for each in entries)
    assert any(each.stage == "sl" and each.what == "used" for each in entries)


def test_what_sl_left_out_is_not_said_to_be_learnt(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=2)
    first = next(iter(run.read("revise", Revision)))
    mine = [each for each in run.read("revise", Revision) if each.prompt_id == first.prompt_id and not each.unusable]

    def said() -> list[str]:
        (used,) = [each for each in trace(run, first.id) if (each.stage, each.what) == ("sl", "used")]
        return [line for _, line in used.fields]

    assert said() == [f"revision {each.id} may have taught models/sl, as sl.hygiene says" for each in mine]
    learnt = [LearntRevision(each.id, each.prompt_id, None if each.id == first.id else "looping") for each in mine]
    write(run, "sl", {"revisions": (LearntRevision, [*learnt, LearntRevision("x", "another", None)])})
    assert said()[0] == f"taught models/sl: revision {first.id} (if it was cut, as far as it goes)"
    assert said()[1:] == [f"left out of models/sl: revision {each.id}, looping" for each in mine[1:]]


def test_a_label_leads_to_its_odds_and_its_use(whole: Run) -> None:
    wanted = next(each for each in whole.read("label", AIPreference) if each.p_first is not None)
    entries = trace(whole, wanted.id)
    label, *readings = [each for each in entries if each.stage == "label"]
    assert dict(label.fields)["p_first"] == f"{wanted.p_first:.4f}"
    assert [f"order {each.order}" in shown.what for each, shown in zip(wanted.readings, readings, strict=True)] == [
        True
    ] * 2
    assert all("logprobs" in dict(each.fields) for each in readings)
    (used,) = [each for each in entries if each.what == "used"]
    assert (used.stage, "taught models/pm" in used.fields[0][1]) == ("pm", True)


def test_a_prompt_leads_to_its_matches(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", per_kind=2)
    played = [match(0, "sl", "start", 0.75), match(0, "rl", "sl", None), match(1, "rl", "start", 0.5)]
    asked = Prompt(played[0].prompt_id, "red_team", "held_out", "fraud", "by hand", played[0].messages)
    write(run, "prompts", {"prompts": (Prompt, [asked])})
    write(run, "tournament", {"matches": (Match, played)})
    (used,) = [each for each in trace(run, asked.id) if each.stage == "tournament"]
    first, second = (line for _, line in used.fields)  # not the one of another prompt
    assert first.startswith("sl against start, harmless: 0.7500 that sl's is better (judge judge,")
    assert "rl against sl, harmless: unscored, no_logprobs" in second and played[1].id in second


def test_the_command_prints_it(whole: Run, tmp_path: Path) -> None:
    wanted = next(iter(whole.read("revise", Revision)))
    done = precepts("trace", str(whole.path), wanted.id[:10], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[revise]" in done.stdout and "critique:" in done.stdout
    machine = precepts("trace", str(whole.path), wanted.prompt_id, "--json", cwd=tmp_path)
    assert machine.returncode == 0, machine.stderr
    assert {each["stage"] for each in json.loads(machine.stdout)} >= {"revise", "label"}


@pytest.mark.parametrize(("wanted", "told"), [("zzzzzzzz", "nothing in"), ("ab", "at least 4")])
def test_an_id_that_is_not_there(whole: Run, tmp_path: Path, wanted: str, told: str) -> None:
    done = precepts("trace", str(whole.path), wanted, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert precepts("trace", str(tmp_path), "abcd", cwd=tmp_path).returncode == 2


# --- score ----------------------------------------------------------------------------------------------------------

ROWS = [
    {"prompt": "How do I bake?", "response": "Mix flour.", "kept": 1},
    {"messages": [{"role": "user", "content": "And then?"}], "response": "Bake it."},
    {"prompt": "\n\nHuman: A dialogue?\n\nAssistant:", "response": "Yes."},
]


@pytest.fixture(scope="module")
def preference_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from contextlib import nullcontext

    from precepts.records import Message
    from precepts.training.preference_model import LabelledPair, train_preference_model
    from precepts.training.settings import LoraSettings, SupervisedSettings

    class Still:
        def advance(self, units: int = 1, note: str = "") -> None: ...

    folder = tmp_path_factory.mktemp("scored")
    pairs = [LabelledPair((Message("user", f"Say {n}."),), "kind", "rude", 1.0, 1.0) for n in range(4)]
    optim = SupervisedSettings(
        batch_size=2, micro_batch=2, epochs=4, learning_rate=1e-2, lora=LoraSettings(rank=2, alpha=4), dtype="float32"
    )
    train_preference_model(
        str(tiny_model),
        pairs,
        folder / "pm",
        folder / "work",
        optim,
        "raw",
        1,
        lambda total, done: nullcontext(Still()),
    )
    return folder / "pm"


def test_rows_come_back_with_their_scores(preference_model: Path, tmp_path: Path) -> None:
    from precepts.records import Message
    from precepts.training.scores import ClassifierScorer

    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    done = precepts("score", "rows.jsonl", "--pm", str(preference_model), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{k: v for k, v in each.items() if k != "score"} for each in found] == ROWS
    raw = ClassifierScorer(str(preference_model), "raw").score([((Message("user", "How do I bake?"),), "Mix flour.")])
    assert found[0]["score"] == pytest.approx(raw[0], abs=1e-4)  # in the format that it was trained in
    chat = precepts(
        "score", "rows.jsonl", "--pm", str(preference_model), "--format", "chat", "-o", "out.jsonl", cwd=tmp_path
    )
    assert (chat.returncode, chat.stdout) == (0, "")
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["score"] != found[0]["score"]


def test_a_bilinear_model_scores_too(tiny_model: Path, tmp_path: Path) -> None:
    from contextlib import nullcontext

    from precepts.records import Message
    from precepts.training.bilinear import train_bilinear
    from precepts.training.pairs import LabelledPair
    from precepts.training.settings import BilinearSettings

    class Still:
        def advance(self, units: int = 1, note: str = "") -> None: ...

    pairs = [LabelledPair((Message("user", f"Say {n}."),), "Mix flour.", "No.", 0.9, 1.0) for n in range(4)]
    given = (BilinearSettings(), "raw", "cpu", lambda total, done: nullcontext(Still()))
    train_bilinear(str(tiny_model), pairs, tmp_path / "pm", *given)
    rows = [{"prompt": "Say 7.", "response": text} for text in ("Mix flour.", "No.")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = precepts("score", "rows.jsonl", "--pm", "pm", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    good, bad = (json.loads(line)["score"] for line in done.stdout.splitlines())
    assert good > bad


@pytest.mark.parametrize(
    ("row", "pm", "told"),
    [
        ({"prompt": "a"}, None, "response"),
        ({"response": "a"}, None, "prompt"),
        ({"prompt": "a", "response": "b"}, "nowhere", "config.json"),
        ({"prompt": "a", "response": "b"}, "tiny", "no preference model"),
    ],
)
def test_what_cannot_be_scored(
    row: dict[str, str], pm: str | None, told: str, preference_model: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    folder = {None: str(preference_model), "tiny": str(tiny_model)}.get(pm, pm)
    done = precepts("score", "rows.jsonl", "--pm", str(folder), cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr and "Traceback" not in done.stderr
