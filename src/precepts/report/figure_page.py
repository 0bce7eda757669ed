"""`precepts figures`: each of the paper's figures as an SVG of its own, and a page of them all."""

from __future__ import annotations

import re
from pathlib import Path

from precepts import __version__
from precepts.report.drawing import Picture
from precepts.report.figure_data import figure_data
from precepts.report.figures import FIGURES
from precepts.report.write import environment
from precepts.runs.shards import write_whole

_LOOK = "background: var(--card); font-family: var(--sans);"


def write_figures(folder: Path, out: Path) -> tuple[list[Path], list[str]]:
    """Draw what the run in `folder` has data for into `out`: `figure-N.svg` and `index.html`; returns the files, the
    page first, and a sentence for each figure that is missing. Raises InputError where nothing has begun."""
    data = figure_data(folder)
    drawn = {each: picture for each in FIGURES if (picture := each.draw(data))}
    missing = [f"figure {e.number} ({e.name}) needs {e.needs}" for e in FIGURES if e not in drawn]
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "index.html", *(out / f"figure-{each.number}.svg" for each in drawn)]
    for path, picture in zip(files[1:], drawn.values(), strict=True):
        write_whole(path, standalone(picture).encode())
    page = environment().get_template("figures.html.j2")
    of = f", from its arm {data.own.name}" if len(data.arms) > 1 else ""
    text = page.render(name=folder.resolve().name, of=of, pictures=drawn.values(), missing=missing, version=__version__)
    write_whole(files[0], text.encode("utf-8", "replace"))
    return files, missing


def standalone(picture: Picture) -> str:
    """A picture as an SVG file: with the pages' colours in it, light and dark."""
    style = environment().get_template("palette.css.j2").render()
    svg = re.sub(r"(<svg [^>]*>)", rf"\1<style>{style}svg {{ {_LOOK} }}</style>", str(picture.svg), count=1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'
