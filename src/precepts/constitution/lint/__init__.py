"""Checks a constitution before money is spent on it: what is wrong, where, why it matters, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from precepts.constitution.lint.rules import RULES, Rule, Severity
from precepts.constitution.schema import Constitution

__all__ = ["RULES", "Finding", "Rule", "Severity", "lint"]
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Finding:
    """Something that a rule found: at which principle (its index; None: the whole constitution) and field."""

    rule: str
    severity: Severity
    principle: int | None
    field: str | None
    message: str


def lint(constitution: Constitution) -> list[Finding]:
    """All findings, errors first, in the order of the constitution, none twice."""
    found = [
        Finding(rule.id, rule.severity, *place)
        for rule in RULES.values()
        for place in dict.fromkeys(rule.check(constitution))
    ]
    return sorted(found, key=lambda each: (_ORDER[each.severity], -1 if each.principle is None else each.principle))
