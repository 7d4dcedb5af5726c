"""Reports: what notebooks show, and executed notebooks as HTML pages with an index."""

from asglib.study.report.checks import LARGEST, ReportError, check, read_entry
from asglib.study.report.display import FINDING, audio, figure, finding, markdown, provenance, table
from asglib.study.report.pages import entries, failed, index, render, title, write_entry
from asglib.study.report.progress import Progress, duration
from asglib.study.report.site import site
