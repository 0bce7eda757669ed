"""The start model is kept: the divergence, its place in the loss, and what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from precepts.records import Message
from precepts.training import frozen
from precepts.training.keeping import divergence
from precepts.training.launch import Example
from precepts.training.settings import SupervisedSettings
from precepts.training.sft import train_sft

BREAD, KIND = ((Message("user", text),) for text in ("How do I bake bread?", "Are you kind?"))
TAUGHT, OWN = Example(BREAD, "Mix flour, water and salt."), Example(KIND, "Bake it. Water and salt.", False)


@pytest.mark.parametrize(
    ("start", "model", "nats"),
    [
        ([0.5, 0.5], [0.25, 0.75], 0.1438),
        ([0.25, 0.75], [0.5, 0.5], 0.1308),
        ([0.2, 0.8], [0.2, 0.8], 0.0),
    ],
)
def test_divergence_in_numbers(start: list[float], model: list[float], nats: float) -> None:
    found = divergence(torch.tensor([start]).log(), torch.tensor([model]).log() + 3.0)  # logits need not be normalised
    assert found.shape == (1,)
    assert float(found) == pytest.approx(nats, abs=1e-4)


def asked(folder: Path, prompt: tuple[Message, ...], text: str) -> torch.Tensor:
    """Log-probabilities (tokens, vocabulary) of what follows the prompt, at each token of `text`."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).float()
    told = [{"role": each.role, "content": each.content} for each in prompt]
    before = tokenizer.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
    first = len(tokenizer(before)["input_ids"])
    with torch.inference_mode():
        logits = model(torch.tensor([tokenizer(before + text)["input_ids"]])).logits[0]
    return log_softmax(logits[first - 1 : -1], dim=-1)


Train = Callable[[Sequence[Example]], tuple[list[float], int, Path]]


@pytest.fixture
def train(tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any) -> Train:
    def go(examples: Sequence[Example]) -> tuple[list[float], int, Path]:
        settings = optim(epochs=12.0, batch_size=2)
        steps, tokens = train_sft(str(tiny_model), examples, tmp_path / "sl", tmp_path, settings, "chat", 1, show)
        return [each.loss or 0.0 for each in steps], tokens, tmp_path / "sl"

    return go


def test_a_loss_is_the_mean_over_what_is_taught_and_what_is_kept(train: Train, tiny_model: Path) -> None:
    """At first nothing has moved, so what is taught is all of it, shared out over all tokens."""
    (mixed, tokens, _), (alone, *_) = train([TAUGHT, OWN._replace(keep=1.0)]), train([TAUGHT, TAUGHT])
    assert tokens > 0
    count = [len(asked(tiny_model, each.prompt, each.text)) for each in (TAUGHT, OWN)]  # type: ignore[arg-type]
    taught = count[0] + 2  # and its end of turn
    assert mixed[0] == pytest.approx(alone[0] * taught / (taught + count[1]), rel=1e-3)


def test_it_keeps_what_learning_the_text_does_not(train: Train, tiny_model: Path) -> None:
    before, moved = asked(tiny_model, KIND, OWN.text), {}
    for weight in (0.0, 0.5, 8.0):
        losses, _, folder = train([TAUGHT, OWN._replace(keep=weight)])
        after = asked(folder, KIND, OWN.text)
        moved[weight] = float((before.exp() * (before - after)).sum(dim=-1).mean())
        assert losses[-1] < losses[0] / 2
    assert moved[8.0] < moved[0.5] < moved[0.0] / 4


@pytest.mark.parametrize("lora", [{}, {"layers": 1}])
def test_what_was_read_once_is_what_is_computed_anew(
    tiny_model: Path,
    tmp_path: Path,
    optim: Callable[..., SupervisedSettings],
    show: Any,
    monkeypatch: pytest.MonkeyPatch,
    lora: dict[str, int],
) -> None:
    """The same losses and models, whether what no training changes is kept or not; and far fewer layers are run."""
    examples = [TAUGHT, OWN._replace(keep=0.5), Example(KIND, "Yes."), Example(BREAD, "Knead", False, 2.0)]
    settings = optim(epochs=6.0, batch_size=4, micro_batch=2, lora=lora)
    run, losses, saved = Counter[bool](), {}, {}
    whole_layer = LlamaDecoderLayer.forward
    monkeypatch.setattr(frozen, "_ROOM", frozen._ROOM)
    for kept in (True, False):

        def counted(layer: Any, *args: Any, kept: bool = kept, **kwargs: Any) -> Any:
            run[kept] += 1
            return whole_layer(layer, *args, **kwargs)

        monkeypatch.setattr(LlamaDecoderLayer, "forward", counted)
        target = tmp_path / str(kept)
        steps, _ = train_sft(str(tiny_model), examples, target, tmp_path / "work", settings, "chat", 1, show)
        losses[kept] = [each.loss or 0.0 for each in steps]
        saved[kept] = AutoModelForCausalLM.from_pretrained(target).state_dict()
        monkeypatch.setattr(frozen, "_ROOM", 0)
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
    assert losses[True][-1] < losses[True][0] * 2 / 3
    for name, weight in saved[True].items():
        torch.testing.assert_close(weight, saved[False][name], rtol=1e-3, atol=1e-4)
    layers = AutoModelForCausalLM.from_pretrained(tiny_model).config.num_hidden_layers
    passes = 2  # of four examples, two at a time
    assert run[True] == passes * (layers + len(losses[True]) * lora.get("layers", layers))
    assert run[False] > passes * len(losses[False]) * layers
