"""The page of an audit: what stands first, what is left out, and that hostile names stay text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from handmade import preference, reading
from precepts.evals.audit import audit
from precepts.records import AIPreference
from precepts.report.audit_page import write_audit_page

NASTY = "<script>alert(1)</script><b> {{ 7 * 7 }} $x^2$ \x1b \u202e " + "long " * 40
FACTS = {"feedback model": "a-model", "labeler": "contrastive"}


def page_of(path: Path, labels: Sequence[AIPreference]) -> str:
    write_audit_page(path / "page.html", audit(labels), FACTS)
    return (path / "page.html").read_text("utf-8")


def known(number: int, right: bool, principles: Sequence[str] = ("one", "two")) -> AIPreference:
    """A label without order under several principles, of which the first is always right."""
    odds = [1.0, 1.0 if right else -2.0]
    readings = tuple(
        reading("none", each, principle_id=name, weight=0.5) for each, name in zip(odds, principles, strict=True)
    )
    p_first = 0.7 if right else 0.4
    changes = {"readings": readings, "p_first": p_first, "unscored": None, "category": "harm: fraud"}
    return preference(number, None, None, human="first", **changes)


def test_the_verdict_and_the_sentence_come_first(tmp_path: Path) -> None:
    text = page_of(tmp_path, [known(n, n % 10 > 0) for n in range(50)])
    places = [
        text.index(each) for each in ("a-model: above chance", "agrees with people on 90 %", "<h2>Figures", "<svg")
    ]
    assert places == sorted(places)
    assert text.count('<svg role="img"') == 4
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text
    assert ">harm: fraud (50)</text>" in text and ">two (50)</text>" in text
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)


def test_without_anything_to_show(tmp_path: Path) -> None:
    for labels in ([], [preference(0, None, None, human="first")]):
        text = page_of(tmp_path, labels)
        assert "a-model: no usable label" in text
        assert "<h2>Pictures" not in text and "<svg" not in text


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path) -> None:
    labels = [known(n, n % 3 > 0) for n in range(20)]
    assert page_of(tmp_path, labels) == page_of(tmp_path, labels)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    labels = [known(n, n % 3 > 0, (NASTY, "b" + NASTY)) for n in range(20)]
    write_audit_page(tmp_path / "page.html", audit(labels), {"feedback model": NASTY, NASTY: NASTY})
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in text and "<b>" not in text and "{{ 7 * 7 }}" in text
    assert not re.search(r"[\x00-\x08\x1b\u202e]", text)
