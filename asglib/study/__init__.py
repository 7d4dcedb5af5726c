"""The study: plans, runs, tables, verdicts, figures, reports."""

from asglib.study.opening import open

__all__ = ["open"]
