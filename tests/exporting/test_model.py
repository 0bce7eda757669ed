"""A run's models for others: whole, in the type that was asked for, and as GGUF where a converter is at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from precepts.cli.export import export_model_command
from precepts.errors import InputError, RunError
from precepts.exporting.model import find_converter, model_folder, write_gguf, write_model
from precepts.runs.folder import Run


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path) -> Run:
    """A run whose SL-CAI model is the tiny one."""
    shutil.copytree(tiny_model, tmp_path / "run" / "models" / "sl")
    return Run(tmp_path / "run")


def test_a_whole_model_is_copied(run: Run, tmp_path: Path) -> None:
    write_model(model_folder(run, "sl"), tmp_path / "out", "same")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {path.name for path in run.model("sl").iterdir()}
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (run.model("sl") / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="is there already"):
        write_model(run.model("sl"), tmp_path / "out", "same")


def test_another_type_halves_the_weights(run: Run, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    write_model(run.model("sl"), tmp_path / "out", "bfloat16")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.bfloat16}
    assert (tmp_path / "out" / "tokenizer.json").is_file()


@pytest.mark.parametrize("dtype", ["same", "bfloat16"])
def test_a_bilinear_head_goes_with_its_model(run: Run, tmp_path: Path, dtype: str) -> None:
    head = run.model("sl") / "head" / "bilinear.safetensors"
    head.parent.mkdir()
    head.write_bytes(b"a head")
    write_model(run.model("sl"), tmp_path / "out", dtype)
    assert (tmp_path / "out" / "head" / "bilinear.safetensors").read_bytes() == b"a head"
    with pytest.raises(InputError, match="GGUF has no place for its head"):
        export_model_command(run.path, "sl", tmp_path / "gguf", dtype=dtype, gguf="f16", converter=None)


def test_an_adapter_is_merged_into_its_base(tmp_path: Path, tiny_model: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "run" / "models" / "sl")
    ids = torch.tensor([[5, 6, 7, 8]])
    expected = adapted(ids).logits
    write_model(model_folder(Run(tmp_path / "run"), "sl"), tmp_path / "out", "same")
    assert not (tmp_path / "out" / "adapter_config.json").exists()
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    torch.testing.assert_close(whole(ids).logits, expected, atol=1e-4, rtol=1e-4)
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_a_model_that_is_not_there(run: Run) -> None:
    with pytest.raises(InputError, match="has no such model; known: sl"):
        model_folder(run, "preferences")
    with pytest.raises(InputError, match="has no such model; known: sl"):
        model_folder(run, "../models/sl")


CONVERTER = """
import sys
folder, target, kind = sys.argv[1], sys.argv[sys.argv.index("--outfile") + 1], sys.argv[sys.argv.index("--outtype") + 1]
if kind == "q9":
    sys.exit("unknown type q9")
open(target, "wb").write(b"GGUF" + kind.encode())
"""


def test_gguf_comes_from_a_converter(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(CONVERTER)
    export_model_command(run.path, "sl", tmp_path / "out", dtype="same", gguf="f16", converter=script)
    assert (tmp_path / "out" / "out-f16.gguf").read_bytes() == b"GGUFf16"
    assert "out-f16.gguf" in capsys.readouterr().out
    with pytest.raises(RunError, match="unknown type q9"):
        write_gguf(script, tmp_path / "out", "q9")


def test_without_a_converter_the_install_line_is_told_first(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"git clone .*llama\.cpp"):
        export_model_command(run.path, "sl", tmp_path / "out", dtype="same", gguf="f16", converter=None)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="there is no such file"):
        find_converter(tmp_path / "missing.py")
