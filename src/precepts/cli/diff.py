"""`precepts constitution diff`: what changed between two constitutions, or between the labels of two runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from precepts.cli.terminal import say, say_json, show
from precepts.constitution import Constitution, load_constitution
from precepts.constitution.compare import Changes, Reworded, compare
from precepts.errors import InputError
from precepts.inspector.labels import LEAST, ChangedLabel, ComparedLabels, compare_labels
from precepts.report.numbers import counted
from precepts.runs.folder import Run

_SHOWN = 20  # labels
_LONG = 200  # characters of a demonstration that came or went


def diff_command(before: str, after: str, *, as_json: bool) -> None:
    """Print what changed between two constitutions, or between the labels of two runs. Raises InputError."""
    runs = [Run(Path(each)) for each in (before, after) if (Path(each) / "recipe.yaml").is_file()]
    if runs:
        if len(runs) < 2:
            raise InputError("diff: one of the two is a run and the other is not; give two runs or two constitutions")
        _show_labels(compare_labels(*runs), as_json=as_json)
        return
    old, new = load_constitution(before), load_constitution(after)
    changes = compare(old, new)
    if as_json:
        say_json({"before": old.hash, "after": new.hash, **asdict(changes)}, indent=2)
        return
    say(f"{old.name} {old.version} ({old.hash}) -> {new.name} {new.version} ({new.hash})")
    _show_changes(changes, old, new)


def _show_changes(changes: Changes, old: Constitution, new: Constitution) -> None:
    for name in changes.added:
        show(f"added       {name}: {new.principle(name).title}", "green")
    for name in changes.removed:
        show(f"removed     {name}: {old.principle(name).title}", "red")
    for one, other in changes.renamed:
        show(f"renamed     {one} -> {other}")
    for name, was, now in changes.reweighted:
        show(f"reweighted  {name}: {was:g} -> {now:g}")
    if changes.reordered:
        stand = "stands" if len(changes.reordered) == 1 else "stand"
        show(f"order       differs: {', '.join(changes.reordered)} {stand} elsewhere")
    for each in (*changes.reworded, *changes.about):
        _show_reworded("reworded", each)
    for each in changes.demonstrations:
        _show_reworded("shown", each)
    if not changes:
        show("nothing differs")
    elif not changes.principles:
        show("no principle differs")


def _show_reworded(what: str, each: Reworded) -> None:
    """What a field was and is; of a whole demonstration that came or went, how it begins."""
    word = what if each.field else "added" if each.after else "removed"
    show(f"{word:<12}{each.id}{f', {each.field}' if each.field else ''}")
    for sign, text, style in (("-", each.before, "red"), ("+", each.after, "green")):
        if each.field:
            show(f"  {sign} {text or '(nothing)'}", style)
        elif text:
            line = " ".join(text.split())
            show(f"  {sign} {line if len(line) <= _LONG else f'{line[:_LONG]}…'}", style)


def _show_labels(found: ComparedLabels, *, as_json: bool) -> None:
    """Print which labels differ between two runs, and under which principles."""
    compared = found.same + len(found.changed)
    apart = {"only_before": found.only_before, "only_after": found.only_after, "unlabelled": found.unlabelled}
    if as_json:
        rows = [vars(each) for each in found.changed]
        say_json({"compared": compared, "flipped": found.flipped, **apart, "changed": rows}, indent=2)
        return
    differ = f"{len(found.changed)} of {compared} labels of the same pairs differ"
    say(f"{differ} (by {LEAST} or more, or in what they prefer); {found.flipped} now prefer the other response")
    if any(apart.values()):
        say(
            f"left out: {counted(found.only_before, 'pair')} that only the first run has, {found.only_after} that only "
            f"the second has, {found.unlabelled} without a label in one of them"
        )
    by_principle = Counter(name for each in found.changed for name in {*each.principles_before, *each.principles_after})
    for name, count in sorted(by_principle.items(), key=lambda entry: (-entry[1], entry[0])):
        say(f"  {count:>4} under {name}")
    for each in found.changed[:_SHOWN]:
        say(_line(each))
    if len(found.changed) > _SHOWN:
        say(f"and {len(found.changed) - _SHOWN} more; --json has all")


def _line(each: ChangedLabel) -> str:
    drawn = f"{', '.join(each.principles_before)} -> {', '.join(each.principles_after)}"
    digits = 2 if abs(each.after - each.before) >= LEAST else 4  # a small change over one half must be seen
    change = f"{each.before:.{digits}f} -> {each.after:.{digits}f}"
    return f"{each.id}  p_first {change}{', the other is preferred' if each.flipped else ''}  ({drawn})"
