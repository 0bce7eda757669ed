"""The report: one page that says what a run did, how far to trust it, and shows the text behind every number.

A view of the run folder: it reads records and writes RUN/report.html, and nothing reads that. Delete this room and no
stage notices.
"""

from precepts.report.arm_figures import gist
from precepts.report.arms import write_comparison
from precepts.report.figure_page import write_figures
from precepts.report.gather_arms import compared_arms
from precepts.report.model_card import model_card
from precepts.report.transcripts import BeforeAfter, before_after
from precepts.report.write import write_report

__all__ = [
    "BeforeAfter",
    "before_after",
    "compared_arms",
    "gist",
    "model_card",
    "write_comparison",
    "write_figures",
    "write_report",
]
