"""The page that compares arms: hand-made arms, whole, begun and hostile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handmade import RECIPE, make_run, write
from precepts.evidence import ScoredComparison
from precepts.report import compared_arms, gist, write_comparison, write_report
from precepts.runs.folder import Run

TAUGHT = {"AI labels": 0, "human helpfulness comparisons": 900, "human harmlessness comparisons": 800}


def comparison(number: int, source: str, right: bool) -> ScoredComparison:
    gap = 1.0 if right else -1.0
    return ScoredComparison(f"c{number}", f"p{number}", source, "word " * (number % 7), "word", 1.0, gap, 0.0)


def scored(harmless: int) -> list[ScoredComparison]:
    """40 comparisons of each source: 30 right on helpfulness, `harmless` on harmlessness."""
    helpful = [comparison(n, "helpful", n < 30) for n in range(40)]
    return [*helpful, *(comparison(100 + n, "harmless", n < harmless) for n in range(40))]


def folder_with(folder: Path, arms: dict[str, dict[str, Any]], **settings: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {**yaml.safe_load(RECIPE), "pm": {"harmless_weight": 1.0, "labels": "soft"}, **settings, "arms": arms}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three arms that differ in one number, all done."""
    names = {f"weight={weight}": {"pm.harmless_weight": weight} for weight in (0.5, 1.0, 2.0)}
    folder = folder_with(tmp_path_factory.mktemp("swept") / "run", names)
    for place, name in enumerate(names):
        run = make_run(folder / "arms" / name, per_kind=20)
        write(run, "pm", {"comparisons": (ScoredComparison, scored(20 + 5 * place))}, counts=TAUGHT)
        write_report(run)
    return folder


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_the_page_shows_each_arms_figures(swept: Path) -> None:
    page = write_comparison(swept).read_text("utf-8")
    shown = text_of(page)
    assert "3 arms of one recipe, which differ in pm.harmless_weight." in shown
    assert "Preference models, on human harmlessness comparisons" in shown
    assert [f"{share}\u00a0%" in page for share in (50, 62, 75)] == [True] * 3
    assert "Harmful compliance" in shown and "Needless refusal, safe-sounding" in shown
    assert "one run with one seed" in shown
    assert 'href="arms/weight%3D0.5/report.html"' in page
    assert write_comparison(swept).read_text("utf-8") == page


def test_arms_are_the_ones_of_the_recipe_with_their_figures(swept: Path) -> None:
    first, _, last = compared_arms(swept)
    assert first.settings == {"pm.harmless_weight": 0.5} and first.waiting == ()
    harmless = last.preference("harmless")
    assert harmless is not None and harmless.accuracy.value == 0.75 and harmless.accuracy.n == 40
    assert last.preference("ai") is None
    assert last.taught("harmless") == 800
    figures = last.figures("rl", "red_team")
    assert figures is not None and figures.scored == 20


def test_the_picture_has_a_point_for_each_arm(swept: Path) -> None:
    page = write_comparison(swept).read_text("utf-8")
    (picture,) = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert [value for value in ("0.5", "1.0", "2.0") if f">{value}</text>" in picture] == ["0.5", "1.0", "2.0"]
    assert "What pm.harmless_weight trades" in page


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [
        ([{"pm.harmless_weight": 0.5, "seed": 1}, {"pm.harmless_weight": 2.0}], True),
        ([{"seed": 1}, {"seed": 2}], True),
        ([{"pm.labels": "hard"}, {}], False),
        ([{"pm.harmless_weight": 0.5}, {"rl.beta": 0.5}], False),
        ([{}, {}], False),
    ],
)
def test_it_is_drawn_where_one_number_differs(changes: list[dict[str, Any]], drawn: bool, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, dict(zip("ab", changes, strict=True)), rl={"beta": 0.1})
    for name in "ab":
        run = Run(folder / "arms" / name)
        run.path.mkdir(parents=True)
        write(run, "pm", {"comparisons": (ScoredComparison, scored(25))}, counts=TAUGHT)
    assert ("<svg" in write_comparison(folder).read_text("utf-8")) is drawn


def test_the_gist_for_a_terminal(swept: Path) -> None:
    columns, rows = gist(compared_arms(swept))
    assert columns[0] == "arm" and len(columns) == 6
    assert [row[0] for row in rows] == ["weight=0.5", "weight=1.0", "weight=2.0"]
    assert rows[2][4] == "human, helpful 75\u00a0% (60 to 86\u00a0%)\nhuman, harmless 75\u00a0% (60 to 86\u00a0%)"
    assert rows[2][5] == "human, helpful 900\nhuman, harmless 800"


def test_unfinished_arms_show_what_there_is(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"done": {}, "begun": {"seed": 8}, "waiting": {"seed": 9}})
    make_run(folder / "arms" / "done", per_kind=5)
    begun = Run(folder / "arms" / "begun")
    begun.path.mkdir()
    write(begun, "prompts", {}, counts={"red_team, train": 60}, shared_from="done")
    shown = text_of(write_comparison(folder).read_text("utf-8"))
    assert "Not finished: begun and waiting." in shown
    assert "1 stage done" in shown and "shared: prompts" in shown
    assert "have not come equally far" in shown
    columns, rows = gist(compared_arms(folder))
    assert rows[1][1:] == [""] * (len(columns) - 1)


def test_nothing_hostile_gets_through(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>\u202e"
    folder = folder_with(
        tmp_path, {"a": {"pm.labels": nasty}, "b": {f"pm.{nasty}": 2}}, description=nasty + "<img src=x>"
    )
    page = write_comparison(folder).read_text("utf-8")
    assert "<script" not in page and "<img" not in page and "\u202e" not in page
    assert "default-src 'none'" in page
    (folder / "recipe.yaml").write_text("arms: {a: 3, b: [x]}")
    assert "2 arms" in write_comparison(folder).read_text("utf-8")
