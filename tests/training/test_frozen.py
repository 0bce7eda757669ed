"""What stays is read once: what is given in place of layers, and when nothing is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from precepts.training import frozen
from precepts.training.frozen import FrozenStates, frozen_states

ROWS = [[5, 6, 7, 8], [9], [10, 11, 12]]


@pytest.fixture
def model(tiny_model: Path) -> Any:
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model).float().eval()
    for layer in loaded.get_decoder().layers[:1]:
        layer.requires_grad_(False)
    return loaded


def kept(model: Any) -> FrozenStates | None:
    with torch.no_grad():
        return frozen_states(model, ROWS, 2, lambda tokens, mask: model(input_ids=tokens, attention_mask=mask))


def logits(model: Any, tokens: list[list[int]], mask: list[list[int]]) -> Any:
    with torch.no_grad():
        return model(input_ids=torch.tensor(tokens), attention_mask=torch.tensor(mask), use_cache=False).logits


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_is_given_is_what_the_layers_make(model: Any, depth: int) -> None:
    states, mask = kept(model), [[1, 1, 1], [1, 0, 0]]
    assert states is not None
    assert (states.untrained, len(states.layers)) == (1, 2)
    as_it_is = logits(model, [ROWS[2], [9, 0, 0]], mask)
    asked = [ROWS[2], [9, 0, 0]] if depth == 0 else [[1, 1, 1], [1, 1, 1]]  # nobody looks at these
    with states.given(depth, [2, 1], torch.tensor(mask)):
        given = logits(model, asked, mask)
    torch.testing.assert_close(given[0], as_it_is[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(given[1, 0], as_it_is[1, 0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits(model, [ROWS[2], [9, 0, 0]], mask), as_it_is)  # all is as it was


def test_the_layers_come_back_whatever_happens(model: Any) -> None:
    states = kept(model)
    assert states is not None
    with pytest.raises(RuntimeError), states.given(2, [0], torch.ones(1, 4)):
        raise RuntimeError
    assert not any("forward" in vars(layer) for layer in states.layers)


def test_nothing_is_kept_of_layers_that_pass_on_more_or_of_too_much(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2 * 8 * model.config.hidden_size * 4  # two states of eight tokens in float32
    monkeypatch.setattr(frozen, "_ROOM", size - 1)
    assert kept(model) is None
    monkeypatch.setattr(frozen, "_ROOM", size)
    assert kept(model) is not None
    last = model.get_decoder().layers[-1]
    last.register_forward_hook(lambda layer, given, states: (states, None))
    model.get_decoder().norm.register_forward_pre_hook(lambda layer, given: (given[0][0],))
    assert kept(model) is None
