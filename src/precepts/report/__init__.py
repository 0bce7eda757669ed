"""The report: one page that says what a run did, how far to trust it, and shows the text behind every number.

A view of the run folder: it reads records and writes RUN/report.html, and nothing reads that. Delete this room and no
stage notices.
"""

from precepts.report.transcripts import BeforeAfter, before_after
from precepts.report.write import write_report

__all__ = ["BeforeAfter", "before_after", "write_report"]
