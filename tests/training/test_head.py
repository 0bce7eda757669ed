"""The spare head gives what TRL's head gives, gradients included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from trl.trainer.utils import add_fused_lm_head

from precepts.training.head import spare_head

IDS = torch.tensor([[5, 6, 7, 8, 9, 10], [0, 0, 11, 12, 13, 14]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]])
LABELS = torch.tensor([[-100, -100, 7, 8, -100, -100], [-100, -100, -100, -100, -100, 14]])


def tiny(kind: str) -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    small = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**small, **heads))
    return Gemma2ForCausalLM(Gemma2Config(**small, **heads, head_dim=8, final_logit_softcapping=0.5))


def asked(kind: str, temperature: float, spare: bool, adapted: bool) -> tuple[Any, list[torch.Tensor]]:
    """TRL's output, and the gradients of a loss that weighs its log-probabilities."""
    from peft import LoraConfig, get_peft_model

    model = inner = tiny(kind)
    if adapted:
        torch.manual_seed(1)
        model = get_peft_model(inner, LoraConfig(target_modules="all-linear", init_lora_weights=False))
    add_fused_lm_head(inner, temperature=temperature, outputs=("log_probs", "entropy", "is_top1"))
    if spare:
        spare_head(SimpleNamespace(model=model, args=SimpleNamespace(device=torch.device("cpu"))), temperature)
    found = model(input_ids=IDS, attention_mask=MASK, labels=LABELS, fused_lm_head=True)
    (found.log_probs * torch.arange(1.0, 6.0)).sum().backward()
    return found, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("adapted", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_it_is_the_same_head(kind: str, temperature: float, adapted: bool) -> None:
    found, gradients = asked(kind, temperature, True, adapted)
    wanted, wanted_gradients = asked(kind, temperature, False, adapted)
    for name in ("log_probs", "entropy", "is_top1", "label_mask"):
        assert getattr(found, name).shape == (2, 5)
        assert torch.allclose(getattr(found, name).float(), getattr(wanted, name).float(), atol=1e-5), name
    assert len(gradients) == len(wanted_gradients) > 3
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(gradients, wanted_gradients, strict=True))
    assert any(gradient.abs().max() > 1e-4 for gradient in gradients)


def test_only_the_positions_before_a_learnt_token_have_logits() -> None:
    model = tiny("llama")
    add_fused_lm_head(model)
    spare_head(SimpleNamespace(model=model, args=SimpleNamespace(device=torch.device("cpu"))))
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda _, given, out: seen.append(out.shape[1]))
    model(input_ids=IDS, attention_mask=MASK, labels=LABELS, fused_lm_head=True)
    assert seen == [3]  # of six
    assert model(input_ids=IDS, attention_mask=MASK).logits.shape == (2, 6, 40)  # as before where logits are asked for


def test_nothing_changes_on_an_accelerator_or_where_positions_cannot_be_chosen() -> None:
    model = tiny("llama")
    add_fused_lm_head(model)
    before = model.forward
    spare_head(SimpleNamespace(model=model, args=SimpleNamespace(device=torch.device("cuda"))))
    assert model.forward == before
    other = torch.nn.Linear(2, 2)
    spare_head(SimpleNamespace(model=other, args=SimpleNamespace(device=torch.device("cpu"))))
    assert "forward" not in vars(other)
