"""The study: plans, runs, tables, verdicts, figures, reports."""

from asglib.study.opened import open

__all__ = ["open"]
