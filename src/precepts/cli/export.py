"""`precepts export` and `precepts export-model`: what a run made, for other tools."""

from __future__ import annotations

from pathlib import Path

from precepts.cli.run import hush
from precepts.cli.terminal import say
from precepts.errors import InputError
from precepts.exporting.columns import Shape, table
from precepts.exporting.model import find_converter, model_folder, refuse_bilinear, write_gguf, write_model
from precepts.exporting.write import FORMATS, push, write_data_set, write_rows
from precepts.prompts.formats import Format
from precepts.runs.folder import Run
from precepts.settings import read_yaml

_SPLITS = ("train", "held_out", "all")
_DTYPES = ("same", "float32", "bfloat16", "float16")


def export_command(
    folder: Path,
    stage: str,
    output: Path,
    *,
    form: str | None,
    style: str | None,
    split: str,
    messages: bool,
    to: str | None,
    private: bool,
) -> None:
    """Write a stage's rows, and send them to the Hub where that is asked for. Raises PreceptsError."""
    hush()
    _among("--split", split, _SPLITS)
    if not (folder / "recipe.yaml").is_file():
        raise InputError(f"{folder}: this is no run folder (it has no recipe.yaml)")
    own = read_yaml(folder / "recipe.yaml", "a run's recipe").data
    wanted: Format = "raw" if (style or own.get("format")) == "raw" else "chat"
    if style is not None:
        _among("--style", style, ("chat", "raw"))
    one_file = output.suffix in (".parquet", ".jsonl")
    if to and one_file:
        raise InputError(f"--push {to}: the Hub takes a folder; give --output without .parquet or .jsonl")
    form = form or (output.suffix[1:] if one_file else "parquet")
    _among("--format", form, FORMATS)
    if one_file and output.suffix != f".{form}":
        raise InputError(f"--format {form}: {output.name} ends otherwise; change one")
    rows = table(Run(folder), stage, Shape(wanted, messages, split))
    count = write_rows(rows, output) if one_file else write_data_set(rows, output, form, folder, stage)
    say(f"{count} rows: {output}")
    if to:
        say(push(output, to, private=private))


def export_model_command(
    folder: Path, name: str, output: Path, *, dtype: str, gguf: str | None, converter: Path | None
) -> None:
    """Write a run's model, and as GGUF where that is asked for. Raises PreceptsError."""
    hush()
    _among("--dtype", dtype, _DTYPES)
    source = model_folder(Run(folder), name)
    if gguf:
        refuse_bilinear(source)
    program = find_converter(converter) if gguf else None
    write_model(source, output, dtype)
    say(output)
    if program and gguf:
        say(write_gguf(program, output, gguf))


def _among(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise InputError(f"{option} {given}: use one of {', '.join(known)}")
