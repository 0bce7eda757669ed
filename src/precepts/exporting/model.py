"""A run's model for others to run: adapters merged, safetensors, and GGUF where a converter is at hand.

1. Models that Precepts trains are whole already; a folder that holds an adapter is merged into the base model it names.
2. The GGUF converter is llama.cpp's `convert_hf_to_gguf.py`: on the PATH, or where `--converter` says. It is run as a
   program of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from precepts.engines.models import BILINEAR_FILE
from precepts.errors import InputError, RunError, nearest
from precepts.runs.folder import Run

_CONVERTER = "convert_hf_to_gguf.py"
_INSTALL = (
    "git clone --depth 1 https://github.com/ggml-org/llama.cpp && pip install -r "
    "llama.cpp/requirements/requirements-convert_hf_to_gguf.txt, and give --converter llama.cpp/convert_hf_to_gguf.py"
)


def model_folder(run: Run, name: str) -> Path:
    """The folder of a run's model. Raises InputError where the run has none of this name."""
    there = sorted(path.name for path in (run.path / "models").glob("*") if (path / "config.json").is_file())
    there += sorted(path.parent.name for path in (run.path / "models").glob("*/adapter_config.json"))
    if name not in there:
        raise InputError(f"model '{name}': {run.path} has no such model; {nearest(name, there)}")
    return run.model(name)


def write_model(source: Path, target: Path, dtype: str) -> None:
    """Write the whole model, adapter merged, as safetensors in `dtype` (as it is, or a torch type's name)."""
    if target.exists():
        raise InputError(f"--output {target}: this is there already; give a new folder")
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        if (source / "adapter_config.json").is_file() or dtype != "same":
            _save(source, beside, dtype)
        else:
            shutil.copytree(source, beside)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _save(source: Path, target: Path, dtype: str) -> None:
    import torch

    from precepts.engines.models import model_path
    from precepts.engines.transformers import load_tokenizer

    precision = torch.float32 if dtype == "same" else getattr(torch, dtype)
    adapter = source / "adapter_config.json"
    if adapter.is_file():
        from peft import PeftModel

        base = model_path(str(json.loads(adapter.read_text("utf-8"))["base_model_name_or_path"]))
        model = PeftModel.from_pretrained(_loaded(Path(base), torch.float32), str(source)).merge_and_unload()
        tokenizer = load_tokenizer(str(source) if (source / "tokenizer_config.json").is_file() else base)
    else:
        model, tokenizer = _loaded(source, precision), load_tokenizer(str(source))
    model.to(precision).save_pretrained(target)
    tokenizer.save_pretrained(target)
    if (source / BILINEAR_FILE).is_file():  # in the precision that it was fitted in
        (target / BILINEAR_FILE).parent.mkdir()
        shutil.copyfile(source / BILINEAR_FILE, target / BILINEAR_FILE)


def _loaded(folder: Path, dtype: Any) -> Any:
    """A causal model, or the classifier that a preference model is."""
    import transformers

    settings = json.loads((folder / "config.json").read_text("utf-8")) if folder.is_dir() else {}
    scores = any("SequenceClassification" in name for name in settings.get("architectures") or [])
    kind = transformers.AutoModelForSequenceClassification if scores else transformers.AutoModelForCausalLM
    return kind.from_pretrained(str(folder), dtype=dtype, use_safetensors=True, trust_remote_code=False)


def find_converter(given: Path | None) -> Path:
    """The GGUF converter. Raises InputError, with what to install, where there is none."""
    found = given or shutil.which(_CONVERTER)
    if found is None or not Path(found).is_file():
        where = f"{given}: there is no such file" if given else f"no {_CONVERTER} on the PATH"
        raise InputError(f"--gguf: {where}; run: {_INSTALL}")
    return Path(found)


def refuse_bilinear(folder: Path) -> None:
    """Raise InputError for a preference model of which GGUF would keep the start model alone."""
    if (folder / BILINEAR_FILE).is_file():
        raise InputError(
            f"--gguf: {folder} is a bilinear preference model, and GGUF has no place for its head; leave it out"
        )


def write_gguf(converter: Path, folder: Path, kind: str) -> Path:
    """Convert a model's folder to GGUF, in it. Raises RunError where the converter fails."""
    target = folder / f"{folder.name}-{kind}.gguf"
    command = [sys.executable, str(converter), str(folder), "--outfile", str(target), "--outtype", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it wrote no file"]
        raise RunError(f"--gguf: {converter.name} failed: {said[0]} (the model is in {folder})")
    return target
