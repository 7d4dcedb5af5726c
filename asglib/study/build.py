"""The batch: every notebook executed by papermill, rendered, and put on the index."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from asglib.data.places import locked
from asglib.data.workspace import RUNS, Workspace
from asglib.study import children, current, needed, profiles, provenance, report
from asglib.study.cluster import StudyError
from asglib.study.execution import AT_ONCE, Execution, outcome, start

Echo = Callable[[str], object]


@dataclass(frozen=True)
class Batch:
    """What the notebooks of a batch share: all titles, the chosen ones, folders, provenance."""

    titles: dict[str, str]
    chosen: list[Path]
    out_dir: Path
    executed_dir: Path
    about: dict[str, Any]
    inputs: dict[Path, str]  # of a chosen notebook: the hash of what its page is made from


def reproduce(
    profile: str,
    notebooks_dir: Path,
    out_dir: Path,
    only: list[str] | None = None,
    parameters: dict[str, Any] | None = None,
    workspace: Workspace | None = None,
    workers: int | None = None,
    echo: Echo = print,
    again: bool = False,
) -> int:
    """Compute the runs, execute notebooks, render them and the index; return 1 if one failed.

    A page whose sources and runs are as they were stays, if not asked for `again`. StudyError when
    the request is refused. Without a workspace no run is computed.
    """
    given, named = parameters or {}, profiles.profile(profile)
    every, chosen = find(Path(notebooks_dir).resolve(), only)
    orders = {notebook: settings(notebook, profile, given) for notebook in chosen}
    titles = {path.stem: report.title(nbformat.read(path, 4), path.stem) for path in every}
    about = provenance.surroundings(profile, named.differs, given)
    out_dir = Path(out_dir).resolve()
    batch = Batch(titles, chosen, out_dir, _executed(profile, out_dir), about, {})
    lacking = {}
    if workspace:
        records, absent, lacking = needed.with_runs(chosen, named, workspace, workers, echo)
        for notebook in chosen:
            mine = needed.recorded(needed.needs([notebook], named), records, workspace)
            shown = about | {"absent": absent, "beside": _neighbours(batch, notebook.stem)}
            batch.inputs[notebook] = current.inputs(notebook, orders[notebook], shown, mine)
    for notebook, reason in lacking.items():
        echo(_line(batch, publish(batch, notebook, None, reason)))
        del orders[notebook]
    for notebook, inputs in batch.inputs.items():
        if notebook in orders and not again and current.is_current(out_dir, notebook.stem, inputs):
            echo(f"{notebook.stem} is up to date")
            del orders[notebook]
    _index(batch)
    more = {"ASG_COMPUTE": "0"} if lacking else {}  # what has just failed is not tried again
    failed = len(lacking) + execute(batch, orders, more, echo)
    done = f"{len(chosen) - failed} of {len(chosen)} notebooks done"
    echo(f"{done}; read {out_dir / 'index.html'}")
    return 1 if failed else 0


def find(notebooks_dir: Path, only: list[str] | None = None) -> tuple[list[Path], list[Path]]:
    """Return all notebooks NN_*.ipynb in order, and those asked for by number or name."""
    every = sorted(notebooks_dir.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise StudyError(
            f"{notebooks_dir}: no notebook named NN_*.ipynb; "
            "give the folder of the study's notebooks."
        )
    chosen = []
    for wish in only or []:
        meant = [p for p in every if p.stem == Path(wish).stem or p.name[:2] == wish.zfill(2)]
        if not meant:
            have = ", ".join(path.stem for path in every)
            raise StudyError(f"There is no notebook {wish!r}; there are {have}.")
        chosen += meant
    return every, [path for path in every if not only or path in chosen]


def settings(notebook: Path, profile: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that a notebook is run with; an unknown name is refused."""
    from papermill import inspect_notebook

    known = inspect_notebook(str(notebook))
    if unknown := sorted(set(parameters) - set(known)):
        raise StudyError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}."
        )
    if parameters.get("PROFILE", profile) != profile:
        raise StudyError(
            f"PROFILE={parameters['PROFILE']!r} contradicts the profile {profile!r}; "
            "give one of the two."
        )
    return ({"PROFILE": profile} if "PROFILE" in known else {}) | parameters


def execute(
    batch: Batch, orders: dict[Path, dict[str, Any]], environment: dict[str, str], echo: Echo
) -> int:
    """Execute notebooks, AT_ONCE at a time, publish each as it ends; return how many failed."""
    waiting, running, failed = list(orders.items()), [], 0
    progress = report.Progress("notebooks", len(orders), echo)
    with scratch(batch.executed_dir) as folder:
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    running.append(start(*waiting.pop(0), folder, environment))
                names = [f"{job.notebook.stem} {report.duration(job.seconds())}" for job in running]
                progress.update(len(orders) - len(waiting) - len(running), ", ".join(names))
                for job in [job for job in running if job.process.poll() is not None]:
                    running.remove(job)
                    entry = publish(batch, job.notebook, job)
                    failed += entry["status"] == "failed"
                    progress.say(_line(batch, entry))
                time.sleep(0.05)
        finally:
            children.end(job.process for job in running)
    return failed


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`; those of batches that were killed are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with locked(folder / ".lock"):
            for old in folder.glob(".batch-*"):
                with suppress(BlockingIOError), locked(old / "lock", wait=False):
                    shutil.rmtree(old)
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix=".batch-", dir=folder))
            stack.enter_context(locked(Path(made, "lock")))
        yield Path(made)


def publish(
    batch: Batch, notebook: Path, execution: Execution | None, error: str = ""
) -> dict[str, Any]:
    """Write page, entry and index of a notebook that has ended or cannot be executed."""
    name = notebook.stem
    about = batch.about | {"command": f"{batch.about['command']} --only {name[:2]}"}
    entry = {"name": name, "number": name[:2], "title": batch.titles[name], "seconds": None}
    try:
        if execution is None:
            raise StudyError(error)
        entry |= {"seconds": round(execution.seconds(), 1)}
        entry |= outcome(execution) | {"number": name[:2], "status": "ok"}
        about |= entry.pop("provenance")
        about |= {"time of the notebook": report.duration(entry["seconds"])}
        page = batch.out_dir / f"{name}.html"
        report.render(execution.path("ipynb"), page, *_neighbours(batch, name), about)
        own = {"inputs": batch.inputs.get(notebook)}
        entry |= own | {"page_sum": current.page_sum(batch.out_dir, name)}
        os.replace(execution.path("ipynb"), batch.executed_dir / f"{name}.ipynb")
    except Exception as problem:  # a page that cannot be made must not stop the others
        entry |= {"status": "failed", "error": str(problem) or type(problem).__name__}
        report.failed(batch.out_dir, entry, about)
        for kind in ("ipynb", "log") if execution else ():
            if execution.path(kind).exists():
                os.replace(execution.path(kind), batch.executed_dir / f"{name}.failed.{kind}")
    report.write_entry(batch.out_dir, entry)
    _index(batch)
    return entry


def _index(batch: Batch) -> None:
    entries = report.entries(batch.out_dir, batch.titles.items())
    report.index(batch.out_dir, entries, batch.about)


def _executed(profile: str, out_dir: Path) -> Path:
    """Where executed notebooks go: to the runs, or beside the pages where those are read-only."""
    runs = Path(os.environ.get("ASG_RUNS", RUNS)).resolve()
    writable = os.access(runs if runs.exists() else runs.parent, os.W_OK)
    return runs / "executed" / profile if writable else out_dir / "executed"


def _line(batch: Batch, entry: dict[str, Any]) -> str:
    if entry["status"] == "ok":
        return f"{entry['name']} done in {report.duration(entry['seconds'])}"
    log = f"{batch.executed_dir}/{entry['name']}.failed.log"
    where = f" (see {log})" if entry["seconds"] is not None else ""
    return f"{entry['name']} failed: {entry['error']}{where}"


def _neighbours(batch: Batch, name: str) -> tuple:
    return _neighbour(batch, name, -1), _neighbour(batch, name, 1)


def _neighbour(batch: Batch, name: str, step: int) -> tuple[str, str] | None:
    """Return address and title of the page before or after, or of its entry on the index."""
    names = list(batch.titles)
    position = names.index(name) + step
    if not 0 <= position < len(names):
        return None
    other = names[position]
    coming = other in [path.stem for path in batch.chosen]
    there = coming or (batch.out_dir / f"{other}.html").is_file()
    return (f"{other}.html" if there else f"index.html#{other}"), batch.titles[other]
