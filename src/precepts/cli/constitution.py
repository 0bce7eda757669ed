"""`precepts constitution`: check, import, export, compare, show, begin one."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.text import Text

from precepts.constitution import Constitution, Source, builtin_constitutions, load_constitution, read_constitution
from precepts.constitution.compare import Changes, compare
from precepts.constitution.importing import constitution_yaml, import_constitution
from precepts.constitution.lint import Finding, lint
from precepts.constitution.lint.output import as_json, as_sarif, as_text
from precepts.constitution.prose import MOST_WORDS, draft, norms, spread
from precepts.constitution.published import left_out, write_published
from precepts.errors import InputError
from precepts.inspector.labels import LEAST, changed_labels
from precepts.runs.folder import Run
from precepts.runs.shards import write_whole
from precepts.settings import read_text

_PROSE = (".md", ".markdown")
_FORMATS = {"text": as_text, "json": as_json, "sarif": as_sarif}


def lint_command(source: str, form: str, output: Path | None, model: str | None, limit: int) -> int:
    """Print (or write) the findings, a model's among them where one is named; returns 1 where there is an error among
    them. Raises InputError."""
    if form not in _FORMATS:
        raise InputError(f"--format {form}: choose one of {', '.join(_FORMATS)}")
    constitution, document = read_constitution(source)
    findings = lint(constitution)
    if model:
        findings += _with_model(constitution, source, model, limit)
    _put(_FORMATS[form](findings, constitution, document), output)
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
    name = name or paths[0].stem or "imported"
    if any(path.suffix in _PROSE for path in paths):
        if len(paths) > 1:
            raise InputError("import: give a prose document alone, the other files in a call of their own")
        constitution = _from_prose(paths[0], name, limit, agent, model)
    else:
        constitution = import_constitution(paths, name, _say)
    _put(constitution_yaml(constitution), output)


def _from_prose(path: Path, name: str, limit: int | None, agent: str | None, model: str | None) -> Constitution:
    found = norms(read_text(path, "a prose constitution"), agent)
    short, long = [each for each in found if each.fits], [each for each in found if not each.fits]
    if long:
        lines = ", ".join(each.passage.lines.split()[-1] for each in long)
        _say(f"left out: {len(long)} of more than {MOST_WORDS} words (lines {lines}); split them to have them")
    try:
        drafted = draft(spread(short, limit), Source(work=path.name), name)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    _say(f"drafted: {len(drafted.principles)} of {len(found)} norms; read each beside the lines it quotes")
    if model is None:
        return drafted
    from precepts.cli.run import hush
    from precepts.engines import EngineSettings, make_engine
    from precepts.feedback.drafting import draft_requests

    hush()
    reworded, count = draft_requests(make_engine(EngineSettings(), model, model), drafted, "chat", 0)
    kept = len(drafted.principles) - count
    _say(f"{count} comparison requests worded by {model}; {kept} quote their norm instead")
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
        write_whole(folder / name, data)
        print(folder / name)
    if lost := left_out(constitution):
        _say(f"the published form cannot hold all of it, so keep {source} too; left out: {', '.join(lost)}")


def diff_command(before: str, after: str, *, as_json: bool) -> None:
    """Print what changed between two constitutions, or between the labels of two runs. Raises InputError."""
    runs = [Run(Path(each)) for each in (before, after) if (Path(each) / "recipe.yaml").is_file()]
    if runs:
        if len(runs) < 2:
            raise InputError("diff: one of the two is a run and the other is not; give two runs or two constitutions")
        diff_runs(*runs, as_json=as_json)
        return
    old, new = load_constitution(before), load_constitution(after)
    changes = compare(old, new)
    if as_json:
        told = {
            "before": old.hash,
            "after": new.hash,
            "added": changes.added,
            "removed": changes.removed,
            "renamed": changes.renamed,
            "reworded": [vars(each) for each in changes.reworded],
            "reweighted": changes.reweighted,
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(f"{old.name} {old.version} ({old.hash}) -> {new.name} {new.version} ({new.hash})")
    _print_changes(changes, old, new)


def diff_runs(one: Run, other: Run, *, as_json: bool) -> None:
    """Print which labels differ between two runs, and under which principles."""
    changes, same = changed_labels(one, other)
    if as_json:
        print(json.dumps({"compared": same + len(changes), "changed": [vars(each) for each in changes]}, indent=2))
        return
    print(f"{len(changes)} of {same + len(changes)} labels of the same pairs differ by {LEAST} or more")
    by_principle = Counter(name for each in changes for name in {*each.principles_before, *each.principles_after})
    for name, count in by_principle.most_common():
        print(f"  {count:>4} under {name}")
    for each in changes[:20]:
        drawn = f"{', '.join(each.principles_before)} -> {', '.join(each.principles_after)}"
        print(f"{each.id}  p_first {each.before:.2f} -> {each.after:.2f}  ({drawn})")
    if len(changes) > 20:
        print(f"and {len(changes) - 20} more; --json has all")


def _print_changes(changes: Changes, old: Constitution, new: Constitution) -> None:
    console = Console()
    for name in changes.added:
        console.print(Text(f"added       {name}: {new.principle(name).title}", "green"))
    for name in changes.removed:
        console.print(Text(f"removed     {name}: {old.principle(name).title}", "red"))
    for one, other in changes.renamed:
        console.print(Text(f"renamed     {one} -> {other}"))
    for name, was, now in changes.reweighted:
        console.print(Text(f"reweighted  {name}: {was:g} -> {now:g}"))
    for each in changes.reworded:
        console.print(Text(f"reworded    {each.id}, {each.field}"))
        console.print(Text(f"  - {each.before or '(nothing)'}", "red"))
        console.print(Text(f"  + {each.after or '(nothing)'}", "green"))
    if not changes:
        print("no principle differs")


def show_command(source: str, page: Path | None) -> None:
    """Print a constitution for reading, or write it as a page. Raises InputError."""
    constitution = load_constitution(source)
    if page:
        from precepts.report.constitution_page import write_constitution_page

        write_constitution_page(page, constitution, lint(constitution))
        print(page)
        return
    console = Console()
    head = f"{constitution.name} {constitution.version}, {len(constitution.principles)} principles, {constitution.hash}"
    console.print(Text(head, "bold"))
    if constitution.description:
        console.print(Text(constitution.description))
    for each in constitution.principles:
        weight = "" if each.weight == 1 else f", weight {each.weight:g}"
        console.print(Text(f"\n{each.title}", "bold"), Text(f"({each.id}{weight})", "dim"))
        where = ", ".join(part for part in (each.source.work, each.source.section, each.source.url) if part)
        asked = {
            "from": where,
            "critique": each.critique_request,
            "revision": each.revision_request,
            "comparison": each.comparison_request,
        }
        for label, text in asked.items():
            if text:
                console.print(Text(f"  {label:<11}", "dim"), Text(text))


def new_command(path: Path) -> None:
    """Write a commented starter file. Raises InputError where something is there."""
    if path.exists():
        raise InputError(f"{path}: there is such a file already; give another name")
    text = (resources.files("precepts.constitution") / "starter.yaml").read_bytes()
    try:
        write_whole(path, text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); give another place") from None
    print(f"{path}: two principles to begin from; next: precepts constitution lint {path}")


def list_command() -> None:
    """Print the built-in constitutions."""
    for name in builtin_constitutions():
        found = load_constitution(name)
        print(f"{name:<18} {len(found.principles):>3} principles  {found.description}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _put(text: str, output: Path | None) -> None:
    if output is None:
        print(text.removesuffix("\n"))
        return
    try:
        write_whole(output, text.encode())
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written ({error.strerror}); give another place") from None
    print(output)
