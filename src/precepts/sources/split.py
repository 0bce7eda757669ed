"""Training and held-out prompts, parted by hash.

1. A conversation's side depends on its first human turn alone (case and white space aside) and on no seed: the same
   prompt is on the same side in every source, run and year, and dialogues that open alike stay together.
2. `refuse_held_out` stands in front of every training stage.
"""

from __future__ import annotations

from collections.abc import Iterable

from precepts.errors import RunError
from precepts.identity import fraction_of
from precepts.records import Messages


def side_of(messages: Messages, held_out: float) -> str:
    """Which side: held_out for the share `held_out` in [0, 1] of conversations, else train."""
    opening = next((message.content for message in messages if message.role == "user"), "")
    return "held_out" if fraction_of("split " + " ".join(opening.lower().split())) < held_out else "train"


def refuse_held_out(used: Iterable[tuple[str, Messages]], held_out_ids: set[str], held_out: float, stage: str) -> None:
    """Raise RunError if any (prompt id, messages) that `stage` would train on is held out, by list or by hash."""
    for prompt_id, messages in used:
        if prompt_id in held_out_ids or side_of(messages, held_out) == "held_out":
            raise RunError(
                f"{stage}: prompt {prompt_id} is held out for evaluation and must not be trained on: "
                f"{messages[-1].content[:80]!r}"
            )
