"""Findings as text, JSON and SARIF; how many are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from precepts.constitution import Constitution, Principle, Source
from precepts.constitution.lint import lint
from precepts.constitution.lint.output import as_json, as_sarif, as_text
from precepts.constitution.lint.words import MOST, capped
from precepts.constitution.load import read_constitution

TEXT = """\
name: c
version: '1'
principles:
  - id: kind
    title: Kind
    source: {work: ours}
    comparison_request: Be kind to all people.
"""
# What RFC 3986 allows in a URI reference; SARIF 2.1.0, 3.4.3 and 3.49.12 ask for one, and for an absolute one.
URI = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-F]{2})+")


def test_findings_as_text_and_json(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT, encoding="utf-8")
    constitution, document = read_constitution(str(path))
    found = lint(constitution)
    assert found[0].rule == "no-choice"
    text = as_text(found, constitution, document)
    assert text.startswith(f"{path}, line 7, principles[0].comparison_request: error [no-choice] ")
    assert "why: " in text and "mend: " in text and "1 error, " in text
    told = json.loads(as_json(found, constitution, document))
    assert (told["errors"], told["findings"][0]["line"], told["findings"][0]["principle"]) == (1, 7, "kind")


def sarif(source: str) -> dict[str, Any]:
    """The run in the SARIF log of a constitution."""
    constitution, document = read_constitution(source)
    log = json.loads(as_sarif(lint(constitution), constitution, document))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        assert (
            rule["help"]["text"].startswith(rule["fullDescription"]["text"]) and "To mend it: " in rule["help"]["text"]
        )
        assert urlsplit(rule.get("helpUri", "https://a.example")).scheme == "https", "absolute, or not there"
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
    return dict(run)


@pytest.mark.parametrize("name", ["c.yaml", "my bad ü.yaml", "50% [new] #1.yaml", "a:b.yaml", "in/a folder/c.yaml"])
def test_sarif_names_a_file_by_a_relative_uri(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(TEXT, encoding="utf-8")
    for source in (name, str(tmp_path / name)):
        first = sarif(source)["results"][0]
        place = first["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert (first["ruleId"], first["level"], place["region"]) == ("no-choice", "error", {"startLine": 7})
        assert URI.fullmatch(uri) and unquote(uri) == name
        assert (urlsplit(uri).scheme, urlsplit(uri).query, urlsplit(uri).fragment) == ("", "", "")


def test_sarif_names_a_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "ü.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    uris = [
        sarif(source)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for source in ("../ü.yaml", str(tmp_path / "ü.yaml"))
    ]
    assert uris == ["../%C3%BC.yaml", (tmp_path / "ü.yaml").as_uri()]


def test_a_built_in_has_no_place_in_sarif() -> None:
    results = sarif("default")["results"]
    assert results and not any("locations" in each for each in results)


@pytest.mark.parametrize(("given", "told", "last"), [(3, 3, "2"), (MOST, MOST, str(MOST - 1))])
def test_few_findings_are_all_told(given: int, told: int, last: str) -> None:
    found = list(capped((n, None, str(n)) for n in range(given)))
    assert (len(found), found[-1][2]) == (told, last)


def test_of_many_pairs_the_first_are_told_and_the_rest_counted() -> None:
    principles = [
        Principle(
            id=f"p{n}",
            title="T",
            source=Source(work="this test"),
            comparison_request="Choose the response that keeps all eight of the promises made, number "
            + "abcde"[n % 5],
        )
        for n in range(100)
    ]
    found = lint(Constitution(name="test", version="1", principles=principles))
    for rule, count in (("duplicate", 95), ("near-duplicate", 99)):
        told = [each for each in found if each.rule == rule]
        assert len(told) == MOST + 1
        assert told[0].principle is None and told[0].message == f"and {count - MOST} more such places, not listed"
