"""The pages in a real browser: they fit, they can be read, they fetch nothing, and hostile text stays text.

PRECEPTS_SCREENSHOTS=DIR keeps the pictures that are taken, to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium drives the browser: pip install 'precepts[dev]'")

from boards import write_board, write_coverage
from browser import CHROMIUM, DRIVER, Browser, chromium
from handmade import make_run, match, write
from hostile import hostile_run
from precepts.constitution import load_constitution
from precepts.evidence import Match
from precepts.report import write_figures, write_report
from precepts.report.constitution_page import write_constitution_page
from precepts.runs.folder import Run

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="there is no Chromium with its driver here (Debian: chromium, chromium-driver)"
)
READABLE = 4.5  # the contrast ratio that WCAG 2 asks of text
PAYLOADS = (
    "<script>window.hit = 1; document.title = 'hit'</script>",
    "<img src=x onerror=\"window.hit = 2; document.title = 'hit'\">",
    '<img src="https://example.org/hit.png">',
    "<svg onload=\"window.hit = 3; document.title = 'hit'\"><script>window.hit = 4</script></svg>",
    "<a href=\"javascript:document.title='hit'\">a link</a>",
    "<iframe srcdoc=\"<script>parent.document.title = 'hit'</script>\"></iframe>",
    "<details open ontoggle=\"document.title = 'hit'\">x</details>",
    "<style>body { display: none }</style>",
    '"><b autofocus tabindex=0 onfocus="document.title = \'hit\'">b</b>',
    "</p></div></script></style></textarea></title><!-- <![CDATA[ ]]>",
    "<meta http-equiv=refresh content='0;url=https://example.org/hit'>",
    "{{ 7 * 7 }} \ud800 \x00 \u202e txt ",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each page by its name."""
    run = make_run(tmp_path_factory.mktemp("whole") / "run")
    matches = [match(n, *models, 0.6) for n in range(12) for models in combinations(("start", "sl", "rl"), 2)]
    write(run, "tournament", {"matches": (Match, matches)})
    (figures, *_), _ = write_figures(run.path, run.path / "figures")
    board = write_board(run.path / "eval.html", models=("runs/mine/models/rl", "smollm2-135m"))
    covered = write_coverage(run.path / "coverage.html", load_constitution("default"), 24)
    named = run.path / "constitution.html"
    write_constitution_page(named, load_constitution("default"), [])
    return {"report": write_report(run), "figures": figures, "eval": board, "coverage": covered, "constitution": named}


@pytest.fixture(scope="module")
def page(pages: dict[str, Path]) -> Path:
    return pages["report"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("PRECEPTS_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def brightness(path: Path) -> float:
    from matplotlib.image import imread

    return float(imread(path)[..., :3].mean())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", ["report", "figures", "eval", "coverage", "constitution"])
def test_a_page_fits_and_can_be_read(
    browser: Browser, pages: dict[str, Path], pictures: Path, name: str, width: int, dark: bool
) -> None:
    browser.look(width, dark=dark)
    browser.open(pages[name])
    look = f"{name}-{'wide' if width > 800 else 'narrow'}-{'dark' if dark else 'light'}.png"
    assert (brightness(browser.screenshot(pictures / look)) < 0.3) == dark
    browser.unfold()
    assert browser.overflow() <= 0
    assert {what: ratio for what, ratio in browser.contrasts().items() if ratio < READABLE} == {}
    assert browser.requests() == [pages[name].as_uri()]


@pytest.mark.parametrize("width", [1280, 500, 390])
def test_the_heat_map_can_be_read_at_any_width(browser: Browser, pages: dict[str, Path], width: int) -> None:
    browser.look(width)
    browser.open(pages["coverage"])
    heights = "return [...document.querySelectorAll('.wide svg text')].map(each => each.getBoundingClientRect().height)"
    assert min(browser.ask(heights)) >= 11  # pixels of a line of text
    names: str = browser.ask("return document.querySelector('.wide svg').textContent")
    assert [each.id for each in load_constitution("default").principles if each.id not in names] == []
    if width > 800:
        assert browser.ask("return document.querySelector('.wide svg').getBoundingClientRect().width") > 800


def test_an_svg_file_takes_the_colour_scheme(browser: Browser, pages: dict[str, Path], pictures: Path) -> None:
    path = pages["figures"].with_name("figure-4.svg")
    for dark in (False, True):
        browser.look(600, dark=dark)
        browser.open(path)
        assert (brightness(browser.screenshot(pictures / f"figure-4-{dark}.png")) < 0.5) == dark


def test_transcripts_are_paged_and_filtered(browser: Browser, page: Path) -> None:
    browser.look(1280)
    browser.open(page)
    listed = "const list = document.querySelector('#before-after .paged');"
    shown = listed + "return [...list.querySelectorAll(':scope > details')].filter(each => !each.hidden).length"
    choose = """const select = list.querySelectorAll('select')[arguments[1]];
        select.value = arguments[0]; select.dispatchEvent(new Event('change'));"""
    assert browser.ask(shown) == 8
    assert browser.ask(listed + "return list.querySelector('output').value") == "1–8 of 100"
    browser.ask(listed + "list.querySelectorAll('button')[1].click()")
    assert browser.ask(listed + "return list.querySelector('output').value") == "9–16 of 100"
    browser.ask(listed + choose, "worse-rl", 2)
    tagged = "return [...list.querySelectorAll(':scope > details:not([hidden])')].map(each => each.dataset.tags)"
    tags = browser.ask(listed + tagged)
    assert tags and all("worse-rl" in each.split(" ") for each in tags)
    rounds = "const list = document.querySelector('#revisions .paged');"
    browser.ask(rounds + choose, "round-2", 1)
    seen = "return [...list.querySelectorAll('.round:not([hidden])')].map(each => each.dataset.tags.split(' ')[0])"
    assert set(browser.ask(rounds + seen)) == {"round-2"}


def test_the_payloads_would_run_if_they_were_let(browser: Browser, tmp_path: Path) -> None:
    for number, payload in enumerate(PAYLOADS[:2] + PAYLOADS[3:4]):
        bare = tmp_path / f"{number}.html"
        bare.write_text(f"<!doctype html><title>page</title>{payload}")
        browser.open(bare)
        assert browser.ask("return [document.title, typeof window.hit]") == ["hit", "number"], payload


def test_hostile_text_stays_text_and_nothing_runs(browser: Browser, tmp_path: Path) -> None:
    run = hostile_run(tmp_path, "".join(PAYLOADS), long=1_000_000)
    (figures, *_), _ = write_figures(run.path, tmp_path / "figures")
    browser.open(figures)
    assert browser.ask("return [typeof window.hit, document.title]") == ["undefined", "<b>run · Precepts figures"]
    assert browser.requests() == [figures.as_uri()]
    page = write_report(run)
    assert page.stat().st_size < 2_000_000
    for width in (1280, 390):
        browser.look(width)
        browser.open(page)
        browser.unfold()
        browser.ask("document.querySelectorAll('a, [tabindex]').forEach(each => each.focus());")
        assert browser.ask("return [typeof window.hit, document.title]") == ["undefined", "<b>run · Precepts report"]
        assert (
            browser.ask("return document.querySelectorAll('img, iframe, [srcdoc], meta[http-equiv=refresh]').length")
            == 0
        )
        assert browser.ask("return document.querySelectorAll('a[href^=\"javascript\" i]').length") == 0
        shown: str = browser.ask("return document.body.innerText")
        missing = [each for each in PAYLOADS[:-1] if each not in shown]
        assert missing == []
        assert browser.requests() == [page.as_uri()]
        assert browser.overflow() <= 0


def test_hostile_names_stay_text_on_a_board(browser: Browser, tmp_path: Path) -> None:
    nasty = "".join(PAYLOADS)
    page = write_board(tmp_path / "eval.html", models=(nasty, nasty + "2"), name=nasty)
    browser.look(390)
    browser.open(page)
    browser.unfold()
    assert browser.ask("return typeof window.hit") == "undefined"
    assert all(each in browser.ask("return document.body.innerText") for each in PAYLOADS[:-1])
    assert browser.ask("return document.querySelectorAll('img, iframe, meta[http-equiv=refresh]').length") == 0
    assert browser.requests() == [page.as_uri()] and browser.overflow() <= 0


def test_an_empty_run_fits(browser: Browser, tmp_path: Path) -> None:
    page = write_report(Run(tmp_path))
    browser.look(390)
    browser.open(page)
    assert browser.overflow() <= 0 and browser.requests() == [page.as_uri()]
