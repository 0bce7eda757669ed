"""What all trainings share: the trainer's arguments, what is logged, and how a model is saved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from precepts.errors import InputError
from precepts.records import Message
from precepts.training.fit import _step, lora_config, save_whole, trainer_arguments
from precepts.training.launch import Example
from precepts.training.settings import LoraSettings, OptimSettings, PolicySettings, SupervisedSettings
from precepts.training.sft import lay, train_sft


@pytest.mark.parametrize(
    ("batch_size", "micro_batch", "at_once", "times"), [(16, 16, 16, 1), (16, 4, 4, 4), (8, 16, 8, 1), (1, 16, 1, 1)]
)
def test_a_batch_is_taken_in_micro_batches(
    optim: Callable[..., OptimSettings], batch_size: int, micro_batch: int, at_once: int, times: int
) -> None:
    settings = optim(batch_size=batch_size, micro_batch=micro_batch)
    arguments = trainer_arguments(settings, Path("work"), 2**40 + 7, "cpu", False)
    assert arguments["per_device_train_batch_size"] == at_once
    assert arguments["gradient_accumulation_steps"] == times
    assert arguments["seed"] == arguments["data_seed"] == 7
    assert arguments["output_dir"] == "work/checkpoints"


@pytest.mark.parametrize(
    ("schedule", "warmup", "name"),
    [
        ("constant", 0.0, "constant"),
        ("constant", 0.1, "constant_with_warmup"),
        ("linear", 0.1, "linear"),
        ("cosine", 0.0, "cosine"),
    ],
)
def test_schedules(optim: Callable[..., OptimSettings], schedule: str, warmup: float, name: str) -> None:
    arguments = trainer_arguments(optim(schedule=schedule, warmup=warmup), Path("work"), 1, "cpu", False)
    assert arguments["lr_scheduler_type"] == name
    assert arguments["warmup_steps"] == warmup


@pytest.mark.parametrize(("every", "strategy"), [(None, "no"), (3, "steps")])
def test_checkpoints_are_kept_as_often_as_asked(
    optim: Callable[..., OptimSettings], every: int | None, strategy: str
) -> None:
    arguments = trainer_arguments(optim(checkpoint_steps=every), Path("work"), 1, "cpu", False)
    assert arguments["save_strategy"] == strategy
    assert every in (None, arguments["save_steps"])


@pytest.mark.parametrize(
    ("settings", "changed", "message"),
    [
        (OptimSettings, {"batch_size": 24, "micro_batch": 16}, "24 is not a multiple of micro_batch 16"),
        (PolicySettings, {"batch_size": 24, "micro_batch": 16}, "24 is not a multiple of micro_batch 16"),
        (PolicySettings, {"batch_size": 6, "group": 4}, "6 is not a multiple of group 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: type[Any], changed: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**changed)


def test_a_logged_step_keeps_what_the_trainer_says_and_nothing_else() -> None:
    step = _step({"step": 3, "epoch": 0.5, "loss": 1, "kl": 0.25, "completions/mean_length": 7.5, "other": 1})
    assert (step.step, step.epoch, step.loss, step.kl, step.length) == (3, 0.5, 1.0, 0.25, 7.5)
    assert step.learning_rate is step.grad_norm is step.reward is None


def test_a_model_is_saved_whole_over_what_was_there(tmp_path: Path) -> None:
    def save(folder: Path) -> None:
        (folder / "saved").write_text("new")

    target = tmp_path / "models" / "sl"
    for old in (target, tmp_path / "models" / ".sl.part"):  # an older model, and what a kill left half-written
        old.mkdir(parents=True)
        (old / "old").touch()
    model = SimpleNamespace(float=lambda: SimpleNamespace(save_pretrained=save))
    save_whole(model, SimpleNamespace(save_pretrained=lambda folder: None), target, lambda: None)
    assert [path.name for path in target.parent.iterdir()] == ["sl"]
    assert [path.name for path in target.iterdir()] == ["saved"]


def test_an_update_too_small_for_bfloat16_is_saved(tiny_model: Path, tmp_path: Path) -> None:
    from peft import get_peft_model

    def base(dtype: torch.dtype) -> Any:
        return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=dtype)

    half = base(torch.bfloat16)
    adapted = get_peft_model(half, lora_config(LoraSettings(rank=2, alpha=2), "CAUSAL_LM", half))
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.constant_(weight, 1e-3)
    tokenizer = SimpleNamespace(save_pretrained=lambda folder: None)
    save_whole(adapted, tokenizer, tmp_path / "model", lambda: base(torch.float32))
    before, after = (
        AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).model.layers[0].mlp.down_proj.weight
        for path in (tiny_model, tmp_path / "model")
    )
    assert torch.allclose(after - before, torch.full_like(after, 2e-6), atol=1e-7)  # alpha / rank * 2 * 1e-3 * 1e-3


def test_an_adapter_laid_over_the_same_model_gives_the_same_weights(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    examples, settings = [Example((Message("user", "Name a fruit."),), "A pear.")] * 4, optim(lora=LoraSettings(rank=2))
    train_sft(str(tiny_model), examples, tmp_path / "one", tmp_path, settings, "chat", 1, show)
    lay(str(tiny_model), tmp_path / "one" / "adapter", tmp_path / "two")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], start[key].float()) for key in one if key in start)
    (tmp_path / "one" / "adapter" / "adapter_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="it does not fit this model"):
        lay(str(tiny_model), tmp_path / "one" / "adapter", tmp_path / "three")


def test_the_last_layers_alone_can_be_adapted(
    tiny_model: Path, tmp_path: Path, optim: Callable[..., SupervisedSettings], show: Any
) -> None:
    examples = [Example((Message("user", "Name a fruit."),), "A pear.")]
    settings = optim(lora=LoraSettings(rank=2, layers=1), epochs=2.0)
    train_sft(str(tiny_model), examples, tmp_path / "one", tmp_path, settings, "chat", 1, show)
    after, before = load_file(tmp_path / "one" / "model.safetensors"), AutoModelForCausalLM.from_pretrained(tiny_model)
    moved = {name for name, weight in before.named_parameters() if not torch.equal(weight.float(), after[name])}
    linear = {name for name in after if ".layers.1." in name and "_proj" in name}
    assert moved == linear != set()
    for layers, problem in ((3, "lora.layers: 3 layers of a model that has 2"), (2, None)):
        settings = optim(lora=LoraSettings(layers=layers))
        with pytest.raises(InputError, match=problem) if problem else nullcontext():
            train_sft(str(tiny_model), examples, tmp_path / "two", tmp_path, settings, "chat", 1, show)
