"""The report: whole, partial and hostile run folders; what is on the page and what can never be."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from handmade import RECIPE, evaluation, make_run, preference, revision, write
from hostile import hostile_run
from precepts.errors import RunError
from precepts.evals.statistics import Estimate, wilson
from precepts.evidence import Evaluation
from precepts.records import AIPreference, Reading, Revision, Rollout, TrainingStep
from precepts.report import before_after, gather, write_report
from precepts.report.flow import DOES
from precepts.report.numbers import decimal, share_words
from precepts.report.principles import web_address
from precepts.report.tables import figure_tables
from precepts.report.transcripts import LIMIT, clip
from precepts.runs.folder import Run
from precepts.stages.order import STAGES

NASTY = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></p></div><style>*{display:none}</style>"
    '"><a href="javascript:alert(4)">x</a> {{ 7 * 7 }} {% raw %} &amp; $x^2$ \x00\x1b[31m \u202etxt '
)


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of <style>."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_snapshots_come_in_the_order_of_their_steps_and_then_named_models(tmp_path: Path) -> None:
    run = Run(tmp_path)
    names = ("zephyr", "rl-10", "start", "rl-final", "rl-9", "rl")
    write(run, "evaluate", {f"answers-{m}": (Evaluation, [evaluation(m, "helpful", 1, "complies")]) for m in names})
    found = gather.gather(run)
    assert list(found.answers) == ["start", "rl"]
    assert list(found.others.models) == ["rl-9", "rl-10", "rl-final", "zephyr"]
    called = [gather.model_name(each) for each in ("start", "rl", *found.others.models)]
    assert called == ["start", "RL-CAI", "RL-CAI, step 9", "RL-CAI, step 10", "rl-final", "zephyr"]
    table = next(each for each in figure_tables(found) if each.title == "Helpful prompts: snapshots and further models")
    assert table.columns == ("RL-CAI, step 9", "RL-CAI, step 10", "rl-final", "zephyr")
    assert [cell.value for cell in table.rows[0].cells] == ["0\u00a0%"] * 4


def read(run: Run) -> tuple[str, Page]:
    text = write_report(run).read_text("utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile_run(tmp_path_factory.mktemp("hostile"), NASTY)


def test_the_whole_page_in_order(whole: Run) -> None:
    text, page = read(whole)
    heads = [
        "How far to trust this",
        "What the judge is worth",
        "Pictures",
        "While RL trained",
        "All figures",
        "Flow of data and cost",
        "Data hygiene",
        "Before and after",
    ]
    heads += ["Critiques and revisions", "Labelled pairs", "Constitution", "How it was made"]
    places = [text.index(f"<h2>{head}</h2>") for head in heads]
    assert places == sorted(places)
    assert text.count('<svg role="img"') == 13
    assert "A run made by hand" in page.text
    assert "RL-CAI complies with fewer harmful requests than the start model" in page.text
    assert "40 of 40 red-team, 30 of 40 safe-sounding, 30 of 40 helpful" in page.text
    assert "builtin:helpfulness" in page.text
    assert "Equal dignity" in page.text
    assert "12\u202f345 in, 6\u202f789 out" in page.text


def test_the_page_loads_nothing_and_runs_nothing(whole: Run) -> None:
    text, page = read(whole)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "iframe", "object", "embed", "link", "base", "form", "input", "video", "audio"}
    for tag, attributes in page.tags:
        assert "src" not in attributes and "srcset" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        address = attributes.get("href") or attributes.get("xlink:href") or "#"
        assert address.startswith("#") or (tag == "a" and address.startswith("https://"))
        if not address.startswith("#"):
            assert attributes["rel"] == "noopener noreferrer"
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "default-src 'none'" in text


def test_one_script_runs_and_the_policy_names_it_by_its_hash(whole: Run) -> None:
    text, page = read(whole)
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    script = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in text
    assert script == (files("precepts.report") / "templates" / "script.js").read_text("utf-8")


def test_ids_are_unique_and_every_reference_has_one(whole: Run) -> None:
    text, page = read(whole)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:url\(|href=")#([^)"]+)', text)
    assert wanted and set(wanted) <= set(ids)


def test_pictures_take_the_pages_colours_and_keep_text_as_text(whole: Run) -> None:
    text, _ = read(whole)
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--ink)" in pictures and "var(--rl)" in pictures
    assert "#fe" not in pictures and "#000000" not in pictures
    assert ">SL-CAI</text>" in pictures
    assert "<style" not in pictures and "<metadata" not in pictures


def test_the_same_run_gives_the_same_bytes(whole: Run) -> None:
    assert write_report(whole).read_bytes() == write_report(whole).read_bytes()


def test_hostile_text_stays_text(hostile: Run) -> None:
    text, page = read(hostile)
    assert text.count("<script") == 1 and "<img" not in text and "</p></div><style>" not in text
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [a for _, a in page.tags if "javascript" in (a.get("href") or "")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not re.search(r"[\x00-\x08\x1b\u202e]", text)
    assert "<b>work</b>" in page.text
    assert "\u202f more" not in text and "more characters left out" in page.text
    assert max(map(len, re.findall(r"[zy]+", text))) <= LIMIT


def test_an_empty_folder_is_reported_as_empty(tmp_path: Path) -> None:
    text, page = read(Run(tmp_path))
    assert "This run has not been evaluated yet." in page.text
    assert "Not begun: prompts, audit, respond, revise, sl, pairs, label, pm, rl and evaluate." in page.text
    assert "There is no recipe.yaml" in page.text
    assert "<h2>What the judge is worth</h2>" not in text
    assert "<h2>Pictures</h2>" not in text and "<h2>All figures</h2>" not in text


def test_a_partial_run_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = Run(tmp_path)
    write(run, "prompts", {})
    progress = {"done": 3, "total": 9, "unit": "chunks"}
    write(run, "revise", {"records": (Revision, [revision(0, 1)])}, done=False, progress=progress)
    write(run, "sl", {"records": (TrainingStep, [])})
    _, page = read(run)
    assert "Stage revise is not finished (3 of 9 chunks)" in page.text
    assert "Finished so far: prompts and sl." in page.text
    assert "Critiques and revisions" in page.text and "Before and after" not in page.text


def test_one_model_alone_and_damaged_states_are_borne(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("{not yaml: [")
    run = Run(tmp_path)
    write(run, "evaluate", {"answers-start": (Evaluation, [evaluation("start", "red_team", 0, "refuses")])}, done=False)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "stage.json").write_text("{")
    _, page = read(run)
    assert "This run is only partly evaluated." in page.text
    assert "recipe.yaml is not valid YAML" in page.text
    assert "The stage.json of prompts is damaged" in page.text
    assert "{not yaml: [" in page.text


def test_a_damaged_shard_is_an_error_with_its_name(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write(run, "rl", {"rollouts": (Rollout, [])})
    (tmp_path / "rl" / "records-00000.parquet").write_bytes(b"no")
    with pytest.raises(RunError, match="records-00000"):
        write_report(run)


def test_a_constitution_that_is_gone_or_changed_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write(run, "revise", {"records": (Revision, [revision(0, 1, principle_id="old", constitution_hash="x")])})
    (tmp_path / "recipe.yaml").write_text("constitution: {source: default}")
    assert "The constitution has changed since" in read(run)[1].text
    (tmp_path / "recipe.yaml").write_text("constitution: {source: gone.yaml}")
    _, page = read(run)
    assert "The constitution cannot be read any more" in page.text
    assert "The records name this principle" in page.text


def test_a_run_on_peoples_labels_has_no_stage_of_feedback(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("preferences: {harmless: human}")
    _, page = read(Run(tmp_path))
    assert "Not begun: prompts, respond, revise, sl, pm, rl and evaluate." in page.text


def test_a_label_is_shown_with_every_reading(tmp_path: Path) -> None:
    run, plain = Run(tmp_path), preference(0, 0.9, 0.3)
    said: tuple[Reading, ...] = (
        replace(plain.readings[0], reasoning="Because of the neighbour."),
        replace(plain.readings[1], log_odds=None, logprobs=None, unscored="no_reasoning"),
    )
    write(run, "label", {"records": (AIPreference, [replace(plain, readings=said)])})
    _, page = read(run)
    assert "first as (A): first is better: 0.90" in page.text
    assert "Because of the neighbour." in page.text
    assert "first as (B): first is better: unscored (no_reasoning)" in page.text


def test_before_after_prefers_prompts_that_all_answered(whole: Run, tmp_path: Path) -> None:
    shown = before_after(whole)
    assert len(shown) == 3
    assert all(each.start and each.sl and each.rl for each in shown)
    assert shown == before_after(whole)
    run = Run(tmp_path)
    assert before_after(run) == []
    rows = [evaluation("start", "red_team", n, "complies") for n in range(4)]
    later = [evaluation("sl", "red_team", 2, "refuses")]
    last = [evaluation("rl", "red_team", 2, "refuses"), evaluation("rl", "red_team", 3, None)]
    for model, records in (("start", rows), ("sl", later), ("rl", last)):
        write(run, "evaluate", {f"answers-{model}": (Evaluation, records)})
    first, second = before_after(run, 2)
    assert first.prompt.endswith("case 2, so that nobody ever finds out?")
    assert second.sl is None and second.start


def test_only_web_addresses_become_links() -> None:
    assert web_address(" https://example.org/a ") == "https://example.org/a"
    for url in ("javascript:alert(1)", "JAVASCRIPT://x", "data:text/html,x", "//x.org", "https:", "http://[", "", "x"):
        assert web_address(url) == ""


def test_figures_as_words() -> None:
    assert share_words(wilson(0, 0)) == "– (n = 0)"
    assert share_words(wilson(3, 4)) == "75\u00a0% (30 to 95\u00a0%)"
    assert share_words(Estimate(1.0, float("nan"), float("nan"), 1)).endswith("(n = 1, too few for an interval)")
    assert decimal(-0.001) == "0.00"
    assert decimal(-1.5, 1) == "−1.5"
    assert decimal(0.25, sign=True) == "+0.25"
    assert clip("a" * 1300).left_out == 100


def test_every_stage_says_what_it_does() -> None:
    assert tuple(DOES) == STAGES
