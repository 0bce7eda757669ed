"""The stages' names in the method's order, and which of them a recipe does without."""

from __future__ import annotations

from collections.abc import Iterable

STAGES = (
    "prompts",
    "warm_up",
    "audit",
    "respond",
    "revise",
    "sl",
    "pairs",
    "label",
    "pm",
    "rl",
    "evaluate",
    "tournament",
)
FEEDBACK = ("audit", "pairs", "label")  # left out where people's harmlessness labels stand for the feedback model's
OPTIONAL = ("warm_up", "rl", "tournament")  # `null` in a recipe leaves them out


def without(harmless: str, off: Iterable[str]) -> set[str]:
    """The stages that have no part in a method with the labels `harmless` ("ai" or "human") and the stages `off`."""
    return {*off, *(FEEDBACK if harmless == "human" else ())}
