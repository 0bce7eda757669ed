"""`precepts constitution`: check, import, export, begin one. To show and to compare have files of their own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from precepts.cli.terminal import say
from precepts.cli.writing import check_places, put, writing
from precepts.constitution import Constitution, Source, builtin_constitutions, load_constitution, read_constitution
from precepts.constitution.importing import constitution_yaml, import_constitution
from precepts.constitution.lint import Finding, lint
from precepts.constitution.lint.output import as_json, as_sarif, as_text
from precepts.constitution.prose import MOST_WORDS, draft, norms, spread
from precepts.constitution.published import left_out, write_published
from precepts.errors import InputError
from precepts.report.numbers import counted
from precepts.runs.shards import write_whole
from precepts.settings import is_there, read_text

_PROSE = (".md", ".markdown")
_FORMATS = {"text": as_text, "json": as_json, "sarif": as_sarif}


def lint_command(source: str, form: str, output: Path | None, model: str | None, limit: int) -> int:
    """Print (or write) the findings, a model's among them where one is named; returns 1 where there is an error among
    them. Raises InputError."""
    if form not in _FORMATS:
        raise InputError(f"--format {form}: choose one of {', '.join(_FORMATS)}")
    check_places(output)
    constitution, document = read_constitution(source)
    findings = lint(constitution)
    if model:
        findings += _with_model(constitution, source, model, limit)
    put(_FORMATS[form](findings, constitution, document), output)
    return int(any(each.severity == "error" for each in findings))


def _with_model(constitution: Constitution, source: str, model: str, limit: int) -> list[Finding]:
    from precepts.cli.coverage import check_judging, findings_of, measured
    from precepts.cli.run import hush
    from precepts.engines import make_engine
    from precepts.evals.coverage import LEAST
    from precepts.recipe import recipe_of
    from precepts.sources.read import SourceSettings
    from precepts.stages.audit import labelled

    check_judging(constitution)
    hush()
    recipe = recipe_of({"models": {"start": model}, "constitution": {"source": source}})
    items = list(labelled([SourceSettings(source="builtin:comparisons", limit=limit)]))
    engine = make_engine(recipe.engine, model, model)
    return findings_of(measured(recipe, constitution, engine, items, LEAST, quiet=False), constitution)


def import_command(
    paths: Sequence[Path],
    output: Path | None,
    name: str | None,
    limit: int | None,
    agent: str | None,
    model: str | None,
) -> None:
    """Print (or write) the constitution that is in these files. Raises InputError."""
    check_places(output)
    name = name or paths[0].stem or "imported"
    if any(path.suffix in _PROSE for path in paths):
        if len(paths) > 1:
            raise InputError("import: give a prose document alone, the other files in a call of their own")
        constitution = _from_prose(paths[0], name, limit, agent, model)
    else:
        constitution = import_constitution(paths, name, _note)
    put(constitution_yaml(constitution), output)


def _from_prose(path: Path, name: str, limit: int | None, agent: str | None, model: str | None) -> Constitution:
    found = norms(read_text(path, "a prose constitution"), agent)
    short, long = [each for each in found if each.fits], [each for each in found if not each.fits]
    if long:
        lines = ", ".join(each.passage.lines.split()[-1] for each in long)
        _note(f"left out: {len(long)} of more than {MOST_WORDS} words (lines {lines}); split them to have them")
    try:
        drafted = draft(spread(short, limit), Source(work=path.name), name)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    _note(f"drafted: {len(drafted.principles)} of {len(found)} norms; read each beside the lines it quotes")
    if model is None:
        return drafted
    from precepts.cli.run import hush
    from precepts.engines import EngineSettings, make_engine
    from precepts.feedback.drafting import draft_requests

    hush()
    reworded, count = draft_requests(make_engine(EngineSettings(), model, model), drafted, "chat", 0)
    kept = len(drafted.principles) - count
    _note(f"{count} comparison requests worded by {model}; {kept} quote their norm instead")
    return reworded


def export_command(source: str, folder: Path) -> None:
    """Write a constitution in the paper's published format, and say what that cannot hold. Raises InputError."""
    constitution = load_constitution(source)
    files = write_published(constitution)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {folder}: cannot be made ({error.strerror}); give another folder") from None
    for name, data in files.items():
        with writing(folder / name):
            write_whole(folder / name, data)
        say(folder / name)
    if lost := left_out(constitution):
        _note(f"the published form cannot hold all of it, so keep {source} too; left out: {', '.join(lost)}")


def new_command(path: Path) -> None:
    """Write a commented starter file. Raises InputError where something is there."""
    if is_there(path):
        raise InputError(f"{path}: there is such a file already; give another name")
    text = (resources.files("precepts.constitution") / "starter.yaml").read_bytes()
    check_places(path)
    with writing(path):
        write_whole(path, text)
    say(f"{path}: two principles to begin from; next: precepts constitution lint {path}")


def list_command() -> None:
    """Print the built-in constitutions."""
    for name in builtin_constitutions():
        found = load_constitution(name)
        say(f"{name:<18} {counted(len(found.principles), 'principle'):<14} {found.description}")


def _note(text: str) -> None:
    """A note beside what is printed or written."""
    say(text, error=True)
