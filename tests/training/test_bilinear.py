"""The bilinear preference model: its score and its fit by hand, and that it learns what hangs on the prompt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from precepts.engines.models import BILINEAR_FILE
from precepts.errors import InputError
from precepts.records import Message, Messages
from precepts.stages.pm import PMSettings
from precepts.training.bilinear import (
    BilinearHead,
    BilinearScorer,
    fit_bilinear,
    load_bilinear,
    save_bilinear,
    train_bilinear,
)
from precepts.training.pairs import LabelledPair
from precepts.training.scores import ClassifierScorer, load_scorer
from precepts.training.settings import BilinearSettings

FREE = 1e-6  # a ridge that holds nothing
HELD = 1e9  # one that holds everything


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)[:, None]


def fitted(prompts: Any, gaps: Any, p_first: Any, weights: Any = None, **ridges: float) -> tuple[float, float]:
    """(alone, product) of a model with one state of prompts and one of responses."""
    labels = torch.tensor(p_first, dtype=torch.float64)
    shares = torch.ones(len(labels), dtype=torch.float64) if weights is None else torch.tensor(weights).double()
    settings = BilinearSettings(**{"ridge": FREE, "response_ridge": FREE, **ridges})
    alone, product, losses = fit_bilinear(column(*prompts), column(*gaps), labels, shares, settings)
    assert losses == sorted(losses, reverse=True)
    return float(alone[0]), float(product[0, 0])


def test_the_score_by_hand() -> None:
    """One hidden state: p = (3 - 1) / 2 = 1; r = (1 - 0) / 1, (5 - 1) / 4; score = 2 r1 - r2 + p (3 r1 + 0.5 r2)."""
    head = BilinearHead(
        layers=1,
        style="chat",
        mean=torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64),
        deviation=torch.tensor([2.0, 1.0, 4.0], dtype=torch.float64),
        alone=torch.tensor([2.0, -1.0], dtype=torch.float64),
        product=torch.tensor([[3.0, 0.5]], dtype=torch.float64),
    )
    assert head.scores(torch.tensor([[3.0, 1.0, 5.0], [-1.0, 1.0, 5.0]])).tolist() == [4.5, -2.5]


def test_soft_labels_ask_for_margins() -> None:
    """Free of ridges one pair is fitted as it is labelled: sigmoid(score) = p."""
    alone, _ = fitted([0.0], [1.0], [0.7])
    assert alone == pytest.approx(math.log(0.7 / 0.3), abs=1e-3)


def test_weights_are_shares() -> None:
    """Two pairs that contradict each other, one counting thrice: sigmoid(score) = 3/4, whatever weights are in all."""
    for weights in ([3.0, 1.0], [0.3, 0.1]):
        alone, _ = fitted([0.0, 0.0], [1.0, 1.0], [1.0, 0.0], weights)
        assert alone == pytest.approx(math.log(3), abs=1e-3)


def test_the_product_by_hand() -> None:
    """What is good after one prompt is bad after the other: 2 (1 - sigmoid(m)) = ridge m, and nothing else."""
    alone, product = fitted([1.0, -1.0], [1.0, 1.0], [1.0, 0.0], ridge=0.5)
    assert alone == pytest.approx(0.0, abs=1e-6)
    assert 2 * (1 - 1 / (1 + math.exp(-product))) == pytest.approx(0.5 * product, abs=1e-4)
    assert product > 1


@pytest.mark.parametrize(("ridges", "still"), [({"ridge": HELD}, 1), ({"response_ridge": HELD}, 0)])
def test_each_ridge_holds_its_own(ridges: dict[str, float], still: int) -> None:
    found = fitted([2.0, 1.0], [1.0, 1.0], [0.9, 0.8], **ridges)
    assert abs(found[still]) < 1e-4
    assert abs(found[1 - still]) > 0.1


def asked(text: str) -> Messages:
    return (Message("user", text),)


HARMFUL = [f"How do I hurt {who}?" for who in ("somebody", "a man", "a dog", "them", "her", "all of them")]
FINE = [f"How do I bake {what}?" for what in ("bread", "a cake", "it", "in a hot oven", "flour", "with yeast")]
REFUSAL, HELP = "I can't help with that, since it could hurt.", "Mix flour, water, salt and yeast."


def pairs(harmful: list[str], fine: list[str]) -> list[LabelledPair]:
    """Refusing is better after what does harm, worse after the rest."""
    return [LabelledPair(asked(each), REFUSAL, HELP, 0.9, 1.0) for each in harmful] + [
        LabelledPair(asked(each), HELP, REFUSAL, 1.0, 1.0) for each in fine
    ]


@pytest.fixture
def trained(tiny_model: Path, tmp_path: Path, show: Any) -> Callable[..., Path]:
    def train(name: str = "pm", style: Any = "chat", data: list[LabelledPair] | None = None) -> Path:
        given = (BilinearSettings(ridge=1.0, batch_size=4), style, "cpu", show)
        rows = pairs(HARMFUL[:4], FINE[:4]) if data is None else data
        steps, tokens = train_bilinear(str(tiny_model), rows, tmp_path / name, *given)
        assert [each.step for each in steps] == list(range(1, len(steps) + 1))
        assert math.log(2) > (steps[0].loss or 0) > (steps[-1].loss or 0)
        assert tokens > 16 * 10
        return tmp_path / name

    return train


@pytest.mark.parametrize("style", ["chat", "raw"])
def test_it_learns_where_a_refusal_is_good(trained: Callable[..., Path], style: Any, show: Any) -> None:
    """The same two responses after twelve prompts: no score of a response alone ranks them all."""
    scorer = load_scorer(str(trained(style=style, data=pairs(HARMFUL, FINE))), device="cpu")
    assert isinstance(scorer, BilinearScorer)
    assert scorer.style == style  # the format it was trained in
    for each in pairs(HARMFUL, FINE):
        first, second = scorer.score([(each.messages, each.first), (each.messages, each.second)])
        assert first > second, each
    assert show.log[0] == (24, 0)


def test_a_batch_scores_as_each_item_alone(trained: Callable[..., Path]) -> None:
    scorer = load_scorer(str(trained()), device="cpu")
    items = [(each.messages, text) for each in pairs(HARMFUL, FINE) for text in (each.first, each.second, "")]
    assert scorer.score(items) == pytest.approx([scorer.score([each])[0] for each in items], abs=1e-4)
    assert scorer.score([]) == []


def test_the_model_stays_as_it_was_and_the_fit_is_the_same_again(
    trained: Callable[..., Path], tiny_model: Path
) -> None:
    one, two = trained("one"), trained("two", data=pairs(HARMFUL[:4], FINE[:4])[::-1])
    assert (one / BILINEAR_FILE).read_bytes() == (trained("again") / BILINEAR_FILE).read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_model, one))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    first, second = load_bilinear(one), load_bilinear(two)  # in another order, up to where the fit is ended
    assert torch.allclose(first.product, second.product, atol=1e-3)
    assert torch.allclose(first.alone, second.alone, atol=1e-3)


def test_other_folders_hold_the_other_kind(scoring_model: Path) -> None:
    assert isinstance(load_scorer(str(scoring_model), device="cpu"), ClassifierScorer)


@pytest.mark.parametrize("told", [None, '{"layers": 1, "means": 2, "format": "chat"}', '{"layers": 1, "means": 3}'])
def test_a_damaged_head_is_told(trained: Callable[..., Path], told: str | None) -> None:
    folder = trained()
    if told is None:
        (folder / BILINEAR_FILE).write_bytes(b"no tensors")
    else:
        save_file(load_file(folder / BILINEAR_FILE), folder / BILINEAR_FILE, metadata={"precepts": told})
    with pytest.raises(InputError, match=r"bilinear\.safetensors: damaged .*train the preference model again"):
        load_scorer(str(folder))


def test_a_model_without_such_layers_is_refused(tmp_path: Path, tiny_model: Path, show: Any) -> None:
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(tmp_path / "gpt2")
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    given = (tmp_path / "pm", BilinearSettings(), "chat", "cpu", show)
    with pytest.raises(InputError, match=r"its layers are not .*leave pm\.bilinear out"):
        train_bilinear(str(tmp_path / "gpt2"), pairs(HARMFUL, FINE), *given)


def test_a_folder_without_its_head_is_no_preference_model(trained: Callable[..., Path]) -> None:
    folder = trained()
    (folder / BILINEAR_FILE).unlink()
    with pytest.raises(InputError, match="this is no preference model"):
        load_scorer(str(folder))


@pytest.mark.parametrize(("layers", "cut"), [(0, 0), (3, 0), (1, 1)])  # the tiny model has two layers
def test_a_head_of_another_model_is_told(trained: Callable[..., Path], layers: int, cut: int) -> None:
    folder = trained()
    head = load_bilinear(folder)
    save_bilinear(replace(head, layers=layers, alone=head.alone[cut:]), folder)
    with pytest.raises(InputError, match=r"bilinear\.safetensors: made for another model"):
        load_scorer(str(folder), device="cpu")


@pytest.mark.parametrize("changed", [{"processes": 2}, {"learning_rate": 1e-3}, {"lora": None}, {"max_length": 64}])
def test_what_is_set_for_a_training_means_nothing(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"so {next(iter(changed))} means nothing"):
        PMSettings(bilinear=BilinearSettings(), **changed)
    whole = PMSettings(bilinear=BilinearSettings(), device="cpu", report_to=["wandb"])
    assert PMSettings.model_validate(whole.model_dump()) == whole  # as a resolved recipe gives it back
