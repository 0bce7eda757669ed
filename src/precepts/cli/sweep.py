"""`precepts sweep`: a recipe's arms made on the command line, one for each point of a grid of settings.

1. A `--set` with several values, parted by commas, spans the grid; one with a single value holds in every arm. Commas
   inside brackets, braces or quotes part nothing.
2. An arm is called after what is set in it: `pm.harmless_weight=0.5`, joined by `+` where several are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from precepts.cli.arms import refuse_a_mix, run_arms
from precepts.cli.run import hush, make_run_folder
from precepts.errors import InputError
from precepts.recipe import Recipe, compared, load_recipe

MOST = 64  # arms
_CLOSES = {"[": "]", "{": "}", '"': '"', "'": "'"}


def sweep_command(
    recipe_source: str,
    folder: Path,
    assignments: list[str],
    *,
    until: str | None,
    begin: str | None,
    redo: bool,
    quiet: bool,
) -> None:
    """Run every arm of the grid, report, compare, print. Raises PreceptsError."""
    hush()
    recipe = swept(recipe_source, assignments)
    make_run_folder(folder)
    refuse_a_mix(recipe, folder)
    run_arms(recipe, folder, until=until, begin=begin, redo=redo, quiet=quiet)


def swept(recipe_source: str, assignments: Sequence[str]) -> Recipe:
    """The recipe with an arm for each point of the grid. Raises InputError."""
    points = grid(assignments)
    base = load_recipe(recipe_source, [each for each in assignments if len(values_of(each)) == 1])
    if base.arms:
        raise InputError(f"recipe '{recipe_source}': it has arms of its own; sweep one without, or use precepts run")
    return compared(base, {name: load_recipe(recipe_source, point) for name, point in points.items()})


def grid(assignments: Sequence[str]) -> dict[str, list[str]]:
    """Each arm's name with its assignments. Raises InputError where they span no grid, or too large a one."""
    keys = [each.partition("=")[0].strip() for each in assignments]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"--set {key}: given twice; give all its values in one, as {key}=1,2")
    values = [values_of(each) for each in assignments]
    several = [key for key, given in zip(keys, values, strict=True) if len(given) > 1]
    if not several:
        raise InputError("sweep: no --set has several values; give one, as --set pm.harmless_weight=0.5,1,2")
    points = [dict(zip(keys, point, strict=True)) for point in product(*values)]
    if len(points) > MOST:
        raise InputError(f"sweep: {len(points)} arms are more than {MOST}; give fewer values")
    named = {_name(several, point): [f"{key}={value}" for key, value in point.items()] for point in points}
    if len(named) < len(points):
        raise InputError("sweep: two arms would have the same name; give each value once, and in plain letters")
    return named


def values_of(assignment: str) -> list[str]:
    """The values of `key=value,value`. Raises InputError for one that is empty among others."""
    text = assignment.partition("=")[2]
    values = [each.strip() for each in _parted(text)]
    if len(values) > 1 and not all(values):
        raise InputError(f"--set {assignment}: a value between commas is empty; take the comma out, or write ''")
    return values


def _parted(text: str) -> list[str]:
    parts, closing = [""], ""
    for letter in text:
        if not closing and letter == ",":
            parts.append("")
            continue
        parts[-1] += letter
        if closing and letter == closing[-1]:
            closing = closing[:-1]
        elif letter in _CLOSES and closing[-1:] not in ("'", '"'):
            closing += _CLOSES[letter]
    return parts


def _name(several: Sequence[str], point: dict[str, str]) -> str:
    words = [f"{key}={re.sub(r'[^A-Za-z0-9_.=,+-]+', '-', _bare(point[key])) or 'nothing'}" for key in several]
    return "+".join(words).lower()


def _bare(value: str) -> str:
    """`value` without the brackets and quotes of YAML."""
    return re.sub(r"[\[\]{}'\"\s]", "", value)
