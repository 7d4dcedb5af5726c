"""The study: plans, runs, tables, verdicts, figures, reports."""
