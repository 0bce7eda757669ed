"""The page of `precepts audit`: what a feedback model is worth, in one self-contained file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from precepts import __version__
from precepts.evals.audit import Audit
from precepts.report.judge import judge_pictures
from precepts.report.tables import audit_table
from precepts.report.write import environment
from precepts.runs.shards import write_whole


def write_audit_page(path: Path, audit: Audit, facts: Mapping[str, str]) -> None:
    """Write the page to `path`; `facts` are what was audited, by name (model, labeler, ...)."""
    page = (
        environment()
        .get_template("audit.html.j2")
        .render(
            verdict=audit.verdict if audit.accuracy.n else "no usable label",
            text=audit.text,
            facts=facts,
            tables=[audit_table(audit)],
            pictures=judge_pictures(audit),
            version=__version__,
        )
    )
    write_whole(path, page.encode())
