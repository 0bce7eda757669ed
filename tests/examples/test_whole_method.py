"""The example runs whole on the tiny model, and agrees with the library where both compute the same."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "whole_method.py"
SIZES = {"prompts": 2, "rounds": 1, "max-tokens": 8, "group": 3, "rl-steps": 2, "rate": 1e-3, "rl-rate": 1e-3}


@pytest.fixture(scope="module")
def bare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("whole_method", EXAMPLE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_whole_method_runs_and_repeats(bare, tiny_raw_model, tmp_path, capsys):
    def means(seed: int, out: Path) -> dict[str, float]:
        given = {"model": tiny_raw_model, "out": out, "seed": seed, **SIZES}
        return bare.run(bare.arguments([word for name, value in given.items() for word in (f"--{name}", str(value))]))

    one, again, other = means(1, tmp_path / "a"), means(1, tmp_path / "b"), means(2, tmp_path / "c")
    assert list(one) == ["start", "SL-CAI", "RL-CAI"] and all(map(math.isfinite, one.values()))
    assert one == again != other
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]
    assert weights[0] != (tiny_raw_model / "model.safetensors").read_bytes()
    assert "RL-CAI: mean score" in capsys.readouterr().out


def test_it_imports_nothing_of_the_library():
    assert "precepts" not in EXAMPLE.read_text("utf-8")


def test_soft_label_loss_agrees(bare):
    import torch

    from precepts.training.losses import soft_preference_loss

    first, second, p = torch.tensor([1.0, 0.0, -3.0]), torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.7, 0.2, 0.9])
    assert bare.soft_label_loss(first, second, p) == pytest.approx(float(soft_preference_loss(first, second, p).mean()))
    assert float(bare.soft_label_loss(first[:1], second[:1], p[:1])) == pytest.approx(0.6133, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "swapped"),
    [((-1.0, -2.5), (-3.0, -0.5)), ((-1.0, -2.0), (-1.0, -2.0)), ((-9.0, -0.1), (-0.2, -7.0)), ((-4.0, -4.0),) * 2],
)
def test_labels_agree(bare, first, swapped):
    from precepts.odds import Rules, combine, odds_of_first
    from precepts.records import Reading

    def reading(order: str, log_odds: float) -> Reading:
        return Reading("p", "h", (), 1.0, order, "", "", (), log_odds, None)

    readings = [reading("first", odds_of_first(first)), reading("swapped", -odds_of_first(swapped))]
    assert bare.label_from_logprobs(first, swapped) == pytest.approx(combine(readings, Rules())[0])


def test_a_place_alone_decides_nothing(bare):
    assert bare.label_from_logprobs((-1.0, -2.0), (-1.0, -2.0)) == pytest.approx(0.5)


def test_group_advantages(bare):
    import torch

    assert bare.group_advantages(torch.tensor([1.0, 2.0, 3.0])).tolist() == pytest.approx([-1, 0, 1], abs=1e-3)
    assert bare.group_advantages(torch.tensor([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_kl_estimate_is_the_divergence_on_average(bare):
    import torch

    policy, reference = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    each = bare.kl_estimate(policy.log(), reference.log())
    assert float((policy * each).sum()) == pytest.approx(float((policy * (policy / reference).log()).sum()), abs=1e-6)
    assert each.min() >= 0 and float(each[1]) == pytest.approx(0, abs=1e-6)


def test_written_ends_with_the_first_end(bare):
    import torch

    assert bare.written(torch.tensor([[5, 2, 0], [2, 2, 2], [5, 6, 7]]), 2).tolist() == [
        [1, 1, 0],
        [1, 0, 0],
        [1, 1, 1],
    ]


@pytest.mark.parametrize("answers", [(" (A)", " (B)"), (" Mix flour and water.", " I can't help.")])
def test_log_probabilities_of_answers_agree(bare, tiny_raw_model, answers):
    from transformers import AutoTokenizer

    from precepts.engines.base import ChoiceRequest
    from precepts.engines.transformers import TransformersEngine

    prompt = bare.comparison_prompt("How do I bake bread?", "In an oven.", "No.", bare.PRINCIPLES[0][2])
    engine = TransformersEngine(str(tiny_raw_model), dtype="float32", device="cpu")
    [expected] = engine.choose([ChoiceRequest(prompt, answers)])
    tokenizer = AutoTokenizer.from_pretrained(tiny_raw_model)
    found = bare.answer_logprobs(bare.load(str(tiny_raw_model)), tokenizer, prompt, answers)
    assert found == pytest.approx(expected, abs=1e-3)


def test_prompts_agree(bare):
    from precepts.constitution import Principle
    from precepts.feedback.critique_revision import critique_prompt, revision_prompt
    from precepts.prompts.formats import plain
    from precepts.prompts.render import fill, template
    from precepts.records import Message

    critique, revision, comparison = bare.PRINCIPLES[0]
    asked, said = (Message("user", "Hello?"),), "Go away."
    principle = Principle.model_construct(critique_request=critique, revision_request=revision)
    assert bare.critique_prompt("Hello?", said, critique) == critique_prompt(asked, said, principle, "raw")
    expected = revision_prompt(asked, said, principle, "It is rude.", "raw")
    assert bare.revision_prompt("Hello?", said, critique, "It is rude.", revision) == expected
    values = {"conversation": plain(asked), "comparison_request": comparison, "first": said, "second": "Hi."}
    question = fill(template("comparison"), **values) + "\n\n" + template("comparison_answer")
    assert bare.comparison_prompt("Hello?", said, "Hi.", comparison) == question


@pytest.mark.parametrize(
    ("text", "kept"), [(" Yes.\n\nHuman: more", "Yes."), ("a\n\nCritique: b", "a"), ("\n\nc", "c")]
)
def test_an_answer_ends_at_the_next_label(bare, text, kept):
    assert bare.until_label(text) == kept


def test_a_model_is_required(bare, capsys):
    with pytest.raises(SystemExit, match="2"):
        bare.arguments([])
    assert "--model" in capsys.readouterr().err
