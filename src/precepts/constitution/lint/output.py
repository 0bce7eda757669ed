"""Findings as text, as JSON, and as SARIF 2.1.0 (which code hosts show beside the line).

1. A place is told as file, line and field where the constitution was read from a file.
2. SARIF carries each rule's text, so that a reader needs no other document. A file is named by a URI: relative to the
   working folder where it lies in it, percent-encoded. What ships with the package is in no file of the reader's and
   has no place there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from precepts import __version__
from precepts.constitution.lint import Finding
from precepts.constitution.lint.rules import ALL_RULES
from precepts.constitution.load import BUILT_IN
from precepts.constitution.schema import Constitution
from precepts.settings import Document, KeyPath

_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def as_text(findings: Sequence[Finding], constitution: Constitution, document: Document) -> str:
    """One paragraph a finding, then how many there are of each severity."""
    lines = []
    for each in findings:
        rule = ALL_RULES[each.rule]
        lines.append(f"{document.place(_path(each))}: {each.severity} [{each.rule}] {_said(each, constitution)}")
        lines += [f"    why: {rule.why}", f"    mend: {rule.mend}"]
    return "\n".join([*lines, f"{document.name}: {summary(findings)}"])


def summary(findings: Sequence[Finding]) -> str:
    """`1 error, 2 warnings, 0 notes`."""
    counts = {name: sum(each.severity == name for each in findings) for name in _LEVELS}
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items())


def as_json(findings: Sequence[Finding], constitution: Constitution, document: Document) -> str:
    """All findings with their places, and how many there are of each severity."""
    rows = [
        {
            "rule": each.rule,
            "severity": each.severity,
            "principle": _name(each, constitution),
            "field": each.field,
            "line": _line(document, _path(each)),
            "message": each.message,
            "why": ALL_RULES[each.rule].why,
            "mend": ALL_RULES[each.rule].mend,
        }
        for each in findings
    ]
    counts = {f"{name}s": sum(each.severity == name for each in findings) for name in _LEVELS}
    told = {"constitution": constitution.name, "hash": constitution.hash, **counts, "findings": rows}
    return json.dumps(told, ensure_ascii=False, indent=2)


def as_sarif(findings: Sequence[Finding], constitution: Constitution, document: Document) -> str:
    """The findings as a SARIF log of one run."""
    used = list(dict.fromkeys(each.rule for each in findings))
    rules = [
        {
            "id": name,
            "shortDescription": {"text": ALL_RULES[name].title},
            "fullDescription": {"text": ALL_RULES[name].why},
            "help": {"text": f"{ALL_RULES[name].why} To mend it: {ALL_RULES[name].mend}"},
            "defaultConfiguration": {"level": _LEVELS[ALL_RULES[name].severity]},
        }
        for name in used
    ]
    results: list[dict[str, Any]] = [
        {
            "ruleId": each.rule,
            "ruleIndex": used.index(each.rule),
            "level": _LEVELS[each.severity],
            "message": {"text": f"{_said(each, constitution)}. {ALL_RULES[each.rule].mend}"},
            **_locations(each, document),
        }
        for each in findings
    ]
    driver = {"name": "precepts", "version": __version__, "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, ensure_ascii=False, indent=2)


def _locations(finding: Finding, document: Document) -> dict[str, Any]:
    if document.name.startswith(BUILT_IN):
        return {}
    region = {"startLine": _line(document, _path(finding)) or 1}
    return {"locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(document.name)}, "region": region}}]}


def uri(path: str) -> str:
    """A file's path as a URI reference, relative to the working folder where the file lies in it.

    >>> uri("my rules ü.yaml")
    'my%20rules%20%C3%BC.yaml'
    """
    whole = Path(path).absolute()
    with suppress(ValueError):
        return quote(whole.relative_to(Path.cwd()).as_posix())
    return whole.as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())


def _path(finding: Finding) -> KeyPath:
    if finding.principle is None:
        return ("principles",)
    return ("principles", finding.principle, *([finding.field] if finding.field else []))


def _line(document: Document, path: KeyPath) -> int | None:
    found = (document.lines.get(path[:n]) for n in range(len(path), -1, -1))
    return next((line for line in found if line), None)


def _name(finding: Finding, constitution: Constitution) -> str | None:
    return None if finding.principle is None else constitution.principles[finding.principle].id


def _said(finding: Finding, constitution: Constitution) -> str:
    name = _name(finding, constitution)
    return f"{finding.field or 'principle'} of '{name}' {finding.message}" if name else finding.message
