"""Both responses of a pair in one row, their common beginning computed once.

1. A packed row is `[shared][rest of the first][rest of the second][padding]`. Positions restart for the second where
   the shared part ends, and it does not see the first, so each response's states are those of its own text up to
   rounding. The score is read at each response's last token.
2. A batch is packed where that is the cheaper layout. Linear layers cost 12 h^2 multiplications a token and attention
   2 h W (h the hidden size, W the row's length), so a layout costs cells x (6 h + W). Packing never has more cells,
   but two long texts with nothing in common pay for a row twice as wide.
3. Not every model can be told who sees whom (sliding windows, recurrent layers, flash kernels, ALiBi). `can_pack` tries
   some pairs in both layouts before a training begins; where they differ by more than rounding, rows are separate.
   (SmolLM2 in bfloat16: layouts differ by up to 0.014 of a state's norm and so do two paddings; a response that sees
   the other, or positions that do not restart, give 0.03 to 0.7.)
4. The scores come out of the model's own `forward`, so whatever wraps a model to spread it over processes sees the
   call, and its hooks work.
How it departs from the paper: the paper says nothing of how a pair is computed; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch

from precepts.training.pairs import PairRow, pair_row
from precepts.training.scores import end_states, head_scores, pad_right

SHARED, FIRST, SECOND, PADDING = range(4)
_TRIED = 4  # pairs


def collate(rows: Sequence[PairRow], pad: int, hidden: int | None) -> dict[str, torch.Tensor]:
    """What the model takes, in the cheaper layout, with p_first and weight (pairs,); `hidden` is the hidden size of a
    model that takes packed rows, else None."""
    inputs = packed(rows, pad) if hidden and packing_pays(rows, hidden) else separate(rows, pad)
    inputs["p_first"] = torch.tensor([row.p_first for row in rows])
    inputs["weight"] = torch.tensor([row.weight for row in rows])
    return inputs


def packing_pays(rows: Sequence[PairRow], hidden: int) -> bool:
    """Whether packed rows cost less than separate ones (see the module's second point)."""
    once, apart = max(row.packed for row in rows), max(row.longest for row in rows)
    return once * (6 * hidden + once) < 2 * apart * (6 * hidden + apart)


def separate(rows: Sequence[PairRow], pad: int) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask (2 x pairs, length), rows first, second, first, ...; ends (2 x pairs, 1)."""
    tokens, mask = pad_right([ids for row in rows for ids in (row.first, row.second)], pad)
    return {"input_ids": tokens, "attention_mask": mask, "ends": mask.sum(dim=1, keepdim=True) - 1}


def packed(rows: Sequence[PairRow], pad: int) -> dict[str, torch.Tensor]:
    """input_ids, position_ids and segments (pairs, length); ends (pairs, 2)."""
    width = max(row.packed for row in rows)
    tokens = [row.first + row.second[row.shared :] for row in rows]
    positions = [[*range(len(row.first)), *range(row.shared, len(row.second))] for row in rows]
    return {
        "input_ids": _filled(tokens, pad, width),
        "position_ids": _filled(positions, 0, width),
        "segments": _filled([_segments(row) for row in rows], PADDING, width),
        "ends": torch.tensor([_ends(row) for row in rows]),
    }


def _filled(rows: Sequence[list[int]], filler: int, width: int) -> torch.Tensor:
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def _segments(row: PairRow) -> list[int]:
    rest = (len(row.first) - row.shared, len(row.second) - row.shared)
    return [SHARED] * row.shared + [FIRST] * rest[0] + [SECOND] * rest[1]


def _ends(row: PairRow) -> tuple[int, int]:
    """Where each response's last token stands; within the shared part where one text is the other's beginning."""
    return len(row.first) - 1, (row.packed if len(row.second) > row.shared else row.shared) - 1


def pair_mask(segments: torch.Tensor) -> torch.Tensor:
    """Which token (third axis) may see which (fourth): (pairs, 1, length, length), boolean, for (pairs, length).

    Each sees what stands before it in its own segment and in the shared one. Padding sees at least itself, so that no
    row of the attention is empty, and nothing real sees it, since it stands last.
    """
    length = segments.shape[1]
    before = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seen, seeing = segments[:, None, :], segments[:, :, None]
    return (before & ((seen == SHARED) | (seen == seeing)))[:, None]


def give_pair_scores(model: Any) -> None:
    """Make `forward` of a stock sequence classifier with one label return the scores (pairs, 2), in float32, of what
    `collate` gives. Its weights, its class and so what is saved of it stay as they are."""
    model.forward = MethodType(_pair_scores, model)


def _pair_scores(model: Any, input_ids: torch.Tensor, ends: torch.Tensor, **inputs: Any) -> torch.Tensor:
    return head_scores(model, _pair_states(model, input_ids, ends, **inputs)).reshape(-1, 2)


def _pair_states(
    model: Any,
    input_ids: torch.Tensor,
    ends: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    position_ids: torch.Tensor | None = None,
    segments: torch.Tensor | None = None,
    **_: Any,  # what PEFT hands on to every classifier
) -> torch.Tensor:
    """The last hidden states at each end, (rows, ends a row, hidden)."""
    if segments is not None:
        attention_mask = _as_taken(pair_mask(segments), model)
    return end_states(model, input_ids, attention_mask, ends, position_ids)


def _as_taken(mask: torch.Tensor, model: Any) -> torch.Tensor:
    """A mask as the model's attention takes it: boolean, or (eager attention) what is added to the logits."""
    if getattr(model.config, "_attn_implementation", None) != "eager":
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, torch.finfo(model.dtype).min)


def can_pack(model: Any, rows: Sequence[PairRow], pad: int) -> bool:
    """Whether this model's states are the same in both layouts, up to rounding: never where it keeps a recurrent state,
    has ALiBi, or has a window shorter than a text, else as the telling ones of the pairs show."""
    if _looks_different(model, max(row.longest for row in rows)):
        return False
    was_training = model.training
    model.eval()
    try:
        return all(_agrees(model, tried, pad) for tried in _telling(rows))
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return False  # this architecture does not take such a mask, or positions
    finally:
        model.train(was_training)


def _looks_different(model: Any, longest: int) -> bool:
    """Whether the model says of itself that a token's state depends on more than positions and who sees whom."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    alibi = getattr(config, "alibi", False) or getattr(getattr(config, "attn_config", None), "alibi", False)
    return bool(getattr(model, "_is_stateful", False) or alibi or (window and window < longest))


def _telling(rows: Sequence[PairRow]) -> list[list[PairRow]]:
    """Pairs that would show a difference, two at a time, so that there is padding: one made of the longest text, with
    much in common, much to be passed over and much to go wrong; and some from all over."""
    text = max((ids for row in rows for ids in (row.first, row.second)), key=len)
    half = len(text) // 2
    tried = [pair_row(text, text[:half] + text[half:][::-1], 0.5, 1.0)]
    tried += [rows[n * len(rows) // (_TRIED - 1)] for n in range(_TRIED - 1)]
    return [tried[n : n + 2] for n in range(0, _TRIED, 2)]


@torch.no_grad()
def _agrees(model: Any, tried: Sequence[PairRow], pad: int) -> bool:
    """Whether the layouts differ by no more than rounding does, of which separate rows in another order and with more
    padding are a measure."""
    apart = separate(tried, pad)
    wider = {name: torch.nn.functional.pad(apart[name], (0, 7)) for name in ("input_ids", "attention_mask")}
    wanted = _states(model, apart)
    rounding = _apart(_states(model, {name: each.flip(0) for name, each in {**apart, **wider}.items()}).flip(0), wanted)
    allowed = max(3 * torch.finfo(model.dtype).eps, 1e-4) + 2 * rounding
    return _apart(_states(model, packed(tried, pad)), wanted) <= allowed


def _states(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    return _pair_states(model, **inputs).double().flatten(0, 1)


def _apart(states: torch.Tensor, wanted: torch.Tensor) -> float:
    """The greatest difference of a state from the wanted one, as a share of its norm."""
    return float(((states - wanted).norm(dim=-1) / wanted.norm(dim=-1)).max())
