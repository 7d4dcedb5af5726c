"""The runs that notebooks open, computed together before the first notebook is executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat

from asglib.config import Evaluation
from asglib.data.workspace import Workspace
from asglib.study import pool, report
from asglib.study.plans import PLANS
from asglib.study.profiles import Profile
from asglib.study.runs import record_of


def opened(notebook: Path) -> list[str]:
    """The names of the plans that a notebook's code opens."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return [name for name in PLANS if f'"{name}"' in code]


def needs(notebooks: list[Path], profile: Profile) -> list[Evaluation]:
    """The runs of all plans that the notebooks open, each once."""
    names = dict.fromkeys(name for notebook in notebooks for name in opened(notebook))
    return list(dict.fromkeys(e for name in names for e in PLANS[name](profile)))


def recorded(
    evaluations: list[Evaluation], records: dict[Evaluation, dict], workspace: Workspace
) -> list[dict]:
    """The records that a page shows: of evaluations, and of the encoders that these are of."""
    there = [e for e in evaluations if e in records]
    before = dict.fromkeys(e.pretraining for e in there if e.pretraining)
    encoders = [record_of(one, workspace) for one in before]
    return [*(records[e] for e in there), *filter(None, encoders)]


def with_runs(
    notebooks: list[Path],
    profile: Profile,
    workspace: Workspace,
    workers: int | None = None,
    echo: Callable[[str], object] = print,
) -> tuple[dict[Evaluation, dict], dict[str, str], dict[Path, str]]:
    """Compute all runs that the notebooks need, together: their records, which data are absent and
    which notebooks lack a run, and why.

    A notebook that opens all plans names itself what is missing.
    """
    progress = report.Progress("runs", echo=echo, every=15.0)
    able, absent = pool.available(needs(notebooks, profile), workspace)
    for reason in absent.values():
        progress.say(f"not tested, {reason}")
    records, errors = pool.computed(able, workspace, workers, progress.tell)
    failed = {}
    for notebook in notebooks if workspace.computes else []:
        wanted = needs([notebook], profile)
        lost = [e for e in wanted if e in errors]
        if lost and "all" not in opened(notebook):
            failed[notebook] = pool.failure(lost, len(wanted), errors)
    return records, absent, failed
