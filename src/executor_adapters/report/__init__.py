"""The run report: one page that shows what a run did, why it ended as it did, and whether to keep the index."""

from executor_adapters.report.page import report_page
from executor_adapters.report.subject import Subject

__all__ = ["Subject", "report_page"]
