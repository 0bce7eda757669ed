"""A verdict head: its numbers by hand, its states as a plain pass gives them, and an engine that runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from precepts.engines import ScriptedEngine, model_fingerprint
from precepts.engines.base import VerdictRequest, verdicts_of
from precepts.engines.rendering import verdict_rows
from precepts.engines.states import response_states
from precepts.engines.transformers import TransformersEngine
from precepts.engines.verdicts import FILE, VerdictHead, load_head, save_head
from precepts.errors import InputError
from precepts.records import Message
from precepts.training.verdicts import fit_logistic, train_head

ASKED = (Message("user", "How do I bake bread?"),)
REQUESTS = [
    VerdictRequest(ASKED, "Mix flour and water."),
    VerdictRequest(ASKED, ""),
    VerdictRequest("\n\nHuman: Hello.\n\nAssistant:", "I can't help with that, since it could hurt somebody."),
]


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny_model), batch_size=2, dtype="float32", device="cpu")


def head(size: int = 1) -> VerdictHead:
    """Two verdicts by the first of `size` states: odds of e for each deviation of 2 above 1."""
    weight = torch.zeros(2, size, dtype=torch.float64)
    weight[0, 0] = 1.0
    ones = torch.ones(size, dtype=torch.float64)
    return VerdictHead(("Yes.", "No."), 1, ones, 2 * ones, weight, torch.zeros(2, dtype=torch.float64))


def test_logprobs_by_hand() -> None:
    found = head().logprobs(torch.tensor([[1.0], [3.0]]))
    e = float(np.e)
    assert torch.allclose(found.exp(), torch.tensor([[0.5, 0.5], [e / (1 + e), 1 / (1 + e)]], dtype=torch.float64))


def test_the_fit_by_hand() -> None:
    """Without room for weights the biases are the classes' shares; with one feature, weight and ridge balance."""
    x, y = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([0, 0, 1, 1])
    weight, bias = fit_logistic(x, np.array([0, 0, 0, 1]), 2, ridge=1e4)
    assert np.abs(weight).max() < 1e-3
    assert bias[0] - bias[1] == pytest.approx(np.log(3), abs=1e-2)
    weight, _ = fit_logistic(x, y, 2, ridge=1.0)
    # four rows, each wrong by s = 1 - sigmoid(2 w): 4 s = w where the two weights are w and -w
    w = weight[0, 0]
    assert weight[1, 0] == pytest.approx(-w, abs=1e-4)
    assert 4 * (1 - 1 / (1 + np.exp(-2 * w))) == pytest.approx(w, abs=1e-3)


@torch.inference_mode()
def test_states_are_those_of_a_plain_pass(engine: TransformersEngine) -> None:
    rows = verdict_rows(engine.tokenizer, REQUESTS, "tiny")
    found = response_states(engine.model, rows, 1, 2)
    whole = len(engine.model.model.layers)
    for (prompt, response), states in zip(rows, found, strict=True):
        inner = engine.model.model
        plain = inner(torch.tensor([[*prompt, *response]]), output_hidden_states=True, use_cache=False)
        after = inner.norm(plain.hidden_states[1])[0]
        of_prompt = after[: len(prompt)].mean(dim=0)
        of_response, of_opening = of_prompt, of_prompt
        if response:
            of_response = after[len(prompt) :].mean(dim=0)
            of_opening = after[len(prompt) : len(prompt) + 12].mean(dim=0)
        assert torch.allclose(states, torch.cat([of_prompt, of_response, of_opening]), atol=1e-5)
    assert len(engine.model.model.layers) == whole == 2


def test_a_head_lies_beside_the_model(engine: TransformersEngine, tiny_model: Path, tmp_path: Path) -> None:
    words = ("Yes.", "No.", "Perhaps.")
    assert engine.verdicts(REQUESTS, words) is None
    assert verdicts_of(ScriptedEngine([]), REQUESTS, words) is None
    folder = tmp_path / "critic"
    shutil.copytree(tiny_model, folder)
    rows = verdict_rows(engine.tokenizer, REQUESTS, "tiny")
    trained = train_head(engine.model, rows, [0, 1, 1], words, 2)
    assert trained is not None
    before = model_fingerprint(str(folder))
    save_head(trained, folder)
    assert model_fingerprint(str(folder)) != before
    asked = TransformersEngine(str(folder), batch_size=3, dtype="float32", device="cpu")
    found = asked.verdicts(REQUESTS, words)
    assert found is not None and asked.verdicts([], words) == []
    with pytest.raises(InputError, match=r"knows other verdicts \(Yes\.; No\.; Perhaps\.\)"):
        asked.verdicts(REQUESTS, words[:2])
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0)
    assert asked.usage.tokens_in == sum(len(prompt) + len(response) for prompt, response in rows)
    expected = trained.logprobs(response_states(engine.model, rows, trained.layers, 1))
    assert np.asarray(found) == pytest.approx(expected.numpy(), abs=1e-4)
    (folder / FILE).write_bytes(b"no head")
    with pytest.raises(InputError, match=r"verdict_head\.safetensors: damaged .* train the model again"):
        load_head(folder)


def test_a_head_for_other_states_is_refused(tmp_path: Path) -> None:
    save_head(head(), tmp_path)
    tensors = load_file(tmp_path / FILE)
    save_file(tensors, tmp_path / FILE, metadata={"precepts": '{"layers": 1, "means": 2, "verdicts": ["Yes."]}'})
    with pytest.raises(InputError, match="made for 2 means of states, not 3"):
        load_head(tmp_path)
