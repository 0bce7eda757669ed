r"""Whole dialogues in the raw `\n\nHuman: ... \n\nAssistant: ...` text that hh-rlhf and the paper's files use.

A turn begins where a blank line is followed by its label; a label inside a line is what somebody said.
"""

from __future__ import annotations

import re

from precepts.records import Message, Messages

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):[ ]?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def is_dialogue(text: str) -> bool:
    """Whether `text` begins with a human's labelled turn."""
    return text.lstrip().startswith("Human:")


def parse_dialogue(text: str) -> Messages:
    """The turns of a raw dialogue. Raises ValueError where it has none or begins with other words."""
    parts = _TURN.split(text.strip())
    if parts[0] or parts[1:2] != ["Human"]:
        raise ValueError("not a dialogue: it does not begin with 'Human:'")
    turns = zip(parts[1::2], parts[2::2], strict=True)
    return tuple(Message(_ROLES[label], said.strip()) for label, said in turns)


def shared_prompt(chosen: Messages, rejected: Messages) -> tuple[Messages, str, str] | None:
    """(prompt, chosen response, rejected response) of two dialogues that part at the last turn; None where they
    part earlier (a few rows of hh-rlhf do)."""
    ends = [[message.role for message in dialogue[-2:]] for dialogue in (chosen, rejected)]
    if chosen[:-1] != rejected[:-1] or ends != [["user", "assistant"]] * 2:
        return None
    return chosen[:-1], chosen[-1].content, rejected[-1].content
