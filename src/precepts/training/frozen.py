"""What does not change is computed once: the states of layers that a training leaves as they are.

1. With LoRA on the last layers, what the layers before them make of an example is the same in every epoch; and the
   start model, to which a training may be held (`keeping.py`), is the same in all its layers. Both are read before the
   first step and given in place of those layers in every step.
2. Examples are read in an order and in batches that do not depend on the training's, so that a resumed training meets
   the same numbers.
3. States stay in memory, as they were computed. Where they would take more than two gibibytes, or the layers pass on
   more than one tensor of states, nothing is kept, and a training computes everything anew.
How it departs from the paper: the paper trains every weight, so nothing stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from precepts.engines.states import can_be_read, padded

_ROOM = 2 << 30  # bytes
Rows = Sequence[Sequence[int]]  # token ids
Reading = Callable[[torch.Tensor, torch.Tensor], Any]  # (token ids, attention mask) -> the model was run on them


class FrozenStates:
    """States of examples after the layers before the first that is trained, and after all layers of the start model."""

    def __init__(self, layers: Sequence[Any], untrained: int) -> None:
        self.layers, self.untrained = layers, untrained
        self._states: dict[int, list[torch.Tensor]] = {each: [] for each in (untrained, len(layers)) if each}

    def read(self, rows: Rows, batch_size: int, device: Any, reading: Reading) -> bool:
        """Read all examples with the start model; whether its layers' states can be kept."""
        order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
        for start in range(0, len(order), batch_size):
            tokens, mask = padded([rows[n] for n in order[start : start + batch_size]])
            with self._heard() as heard:
                reading(tokens.to(device), mask.to(device))
            for depth, states in heard.items():
                if not isinstance(states, torch.Tensor) or states.shape[:2] != mask.shape:
                    return False
                self._states[depth] += [state[each.bool()].cpu() for state, each in zip(states, mask, strict=True)]
        place = {n: at for at, n in enumerate(order)}
        self._states = {depth: [found[place[n]] for n in range(len(rows))] for depth, found in self._states.items()}
        return True

    @contextmanager
    def _heard(self) -> Iterator[dict[int, Any]]:
        """What the last layer of each depth puts out while it lasts."""
        heard: dict[int, Any] = {}

        def hear(depth: int) -> Any:
            return self.layers[depth - 1].register_forward_hook(lambda *passed: heard.update({depth: passed[-1]}))

        hooks = [hear(depth) for depth in self._states]
        try:
            yield heard
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def given(self, depth: int, examples: Sequence[int], mask: torch.Tensor) -> Iterator[None]:
        """While it lasts, the first `depth` layers give the states of these examples, laid out as the attention `mask`
        (examples, length) says, whatever is put into them."""
        layers = self.layers[:depth]
        if depth:
            found = torch.cat([self._states[depth][n] for n in examples]).to(mask.device)
            states = found.new_zeros((*mask.shape, found.shape[-1]))
            states[mask.bool()] = found
        for layer in layers:
            layer.forward = lambda *args, **kwargs: states  # shadows the class's own until it is deleted
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward


def frozen_states(model: Any, rows: Rows, batch_size: int, reading: Reading) -> FrozenStates | None:
    """The states of all examples, or None where they cannot be kept. `reading` runs the start model."""
    if not can_be_read(model):
        return None
    layers = list(model.get_decoder().layers)
    trained = [n for n, layer in enumerate(layers) if any(each.requires_grad for each in layer.parameters())]
    size = 2 * sum(len(row) for row in rows) * model.config.get_text_config().hidden_size * model.dtype.itemsize
    if size > _ROOM or any("forward" in vars(layer) for layer in layers):
        return None
    found = FrozenStates(layers, min(trained, default=len(layers)))
    return found if found.read(rows, batch_size, model.device, reading) else None
