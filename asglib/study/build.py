"""The batch: every notebook executed by papermill in a process of its own, rendered and put on the index."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import torch

from asglib.data.workspace import RUNS
from asglib.study import profiles, provenance, report

ROOT = Path(__file__).parents[2]
# JSON and not papermill's command line: YAML reads 1e-05 as text.
EXECUTE = "import json, sys, papermill; papermill.execute_notebook(**json.loads(sys.argv[1]))"


class StudyError(ValueError):
    """A request that the batch refuses, or a notebook that did not do its part, in one sentence."""


@dataclass(frozen=True)
class Batch:
    """What the notebooks of one batch share: every notebook's title, those chosen, where pages go, the provenance."""

    titles: dict[str, str]
    chosen: list[Path]
    out_dir: Path
    executed_dir: Path
    about: dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A notebook in execution; `base` + .ipynb, .status and .log are its files, temporary until it has succeeded."""

    notebook: Path
    process: subprocess.Popen
    started: float
    base: Path


def reproduce(
    profile: str,
    notebooks_dir: Path,
    out_dir: Path,
    only: list[str] | None = None,
    parameters: dict[str, Any] | None = None,
    workers: int = 2,
    ensure: Callable[[str], object] | None = None,
    echo: Callable[[str], object] = print,
    executed_dir: Path | None = None,
) -> int:
    """Execute notebooks, render them and the index; return 0, 1 when a notebook failed, 2 when the request is refused.

    `ensure(name)` computes the runs a notebook needs, for all of them before the first is executed; a notebook for
    which it raises has failed.
    """
    folder = Path(
        executed_dir or Path(os.environ.get("ASG_RUNS", RUNS), "executed", profile)
    ).resolve()
    try:
        every, chosen = find(Path(notebooks_dir).resolve(), only)
        orders = {notebook: settings(notebook, profile, parameters or {}) for notebook in chosen}
    except StudyError as error:
        echo(str(error))
        return 2
    titles = {
        path.stem: report.title(nbformat.read(path, as_version=4), path.stem) for path in every
    }
    batch = Batch(
        titles, chosen, Path(out_dir).resolve(), folder, surroundings(profile, parameters or {})
    )
    failures = []
    for notebook in chosen if ensure else []:
        try:
            ensure(notebook.stem)
        except (
            Exception
        ) as error:  # whatever stops the runs of one notebook must not stop the others
            failures.append(notebook)
            echo(_line(batch, publish(batch, notebook, error=error)))
    able = {notebook: order for notebook, order in orders.items() if notebook not in failures}
    failures += execute(batch, able, max(1, workers), echo)
    echo(
        f"{len(chosen) - len(failures)} of {len(chosen)} notebooks done; read {batch.out_dir / 'index.html'}"
    )
    return 1 if failures else 0


def find(notebooks_dir: Path, only: list[str] | None = None) -> tuple[list[Path], list[Path]]:
    """Return all notebooks NN_*.ipynb in order, and those asked for by number or name."""
    every = sorted(notebooks_dir.glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise StudyError(
            f"{notebooks_dir}: no notebook named NN_*.ipynb; give the folder of the study's notebooks."
        )
    for wish in only or []:
        if not any(_is(path, wish) for path in every):
            raise StudyError(
                f"There is no notebook {wish!r}; there are {', '.join(path.stem for path in every)}."
            )
    return every, [path for path in every if not only or any(_is(path, wish) for wish in only)]


def settings(notebook: Path, profile: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters a notebook is run with, PROFILE among them if it has one; an unknown name is refused."""
    from papermill import inspect_notebook

    known = inspect_notebook(str(notebook))
    if unknown := sorted(set(parameters) - set(known)):
        raise StudyError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; it has {', '.join(known) or 'none'}."
        )
    if parameters.get("PROFILE", profile) != profile:
        raise StudyError(
            f"PROFILE={parameters['PROFILE']!r} contradicts the profile {profile!r}; give one of the two."
        )
    return ({"PROFILE": profile} if "PROFILE" in known else {}) | parameters


def literal(text: str) -> Any:
    """A parameter's value as Python writes it; what is no literal is text.

    >>> literal("3"), literal("smoke")
    (3, 'smoke')
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def execute(
    batch: Batch, orders: dict[Path, dict[str, Any]], workers: int, echo: Callable[[str], object]
) -> list[Path]:
    """Execute notebooks, `workers` at a time, publish each as it ends, and return those that failed."""
    waiting, running, failures = list(orders.items()), [], []
    threads = max(1, (os.cpu_count() or 1) // workers)
    progress = report.Progress("notebooks", len(orders), echo)
    batch.executed_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".batch-", dir=batch.executed_dir) as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(start(*waiting.pop(0), Path(scratch), threads))
                now = time.monotonic()
                note = ", ".join(
                    f"{job.notebook.stem} {report.duration(now - job.started)}" for job in running
                )
                progress.update(len(orders) - len(waiting) - len(running), note)
                for job in [job for job in running if job.process.poll() is not None]:
                    running.remove(job)
                    entry = publish(batch, job.notebook, job)
                    failures += [job.notebook] if entry["status"] == "failed" else []
                    progress.say(_line(batch, entry))
                time.sleep(0.05)
        finally:
            for job in running:
                job.process.terminate()
                job.process.wait()
    return failures


def start(notebook: Path, parameters: dict[str, Any], scratch: Path, threads: int) -> Job:
    """Start papermill on a notebook in a child process, in the notebook's folder as JupyterLab does."""
    base = scratch / notebook.stem
    order = {
        "input_path": str(notebook),
        "output_path": f"{base}.ipynb",
        "parameters": parameters,
        "kernel_name": "python3",
        "cwd": str(notebook.parent),
        "progress_bar": False,
        "autosave_cell_every": 30,
    }
    environment = (
        {"OMP_NUM_THREADS": str(threads)}
        | os.environ
        | {
            "ASG_STATUS": f"{base}.status",
            "ASG_RUNS": str(Path(os.environ.get("ASG_RUNS", RUNS)).resolve()),
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "JUPYTER_PREFER_ENV_PATH": "1",
        }
    )  # the kernel of this environment, also if the user has another of that name
    with open(f"{base}.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", EXECUTE, json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    return Job(notebook, process, time.monotonic(), base)


def outcome(job: Job) -> dict[str, Any]:
    """Return the finding of an ended job; raises StudyError when it did not reach its end.

    Success is papermill's exit status, the file that report.finding wrote inside the kernel, and the finding in the
    executed notebook; never the cells' statuses, which papermill sets to completed when a kernel has died.
    """
    if status := job.process.returncode:
        log = re.sub(r"\x1b\[[0-9;]*m", "", Path(f"{job.base}.log").read_text(errors="replace"))
        lines = log.strip().splitlines() or [f"papermill ended with status {status} and no word"]
        raise StudyError(lines[-1].strip())
    cells = nbformat.read(f"{job.base}.ipynb", as_version=4).cells
    bundles = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    found = [bundle[report.FINDING] for bundle in bundles if report.FINDING in bundle]
    number = int(job.notebook.name[:2])
    if not Path(f"{job.base}.status").is_file() or [finding["number"] for finding in found] != [
        number
    ]:
        raise StudyError(
            f"{job.notebook.name} has {len(found)} findings; "
            f"its end calls report.finding({number}, ...) once."
        )
    return found[0]


def publish(
    batch: Batch, notebook: Path, job: Job | None = None, error: Exception | None = None
) -> dict[str, Any]:
    """Write page, entry and index of a notebook that has ended, and return the entry."""
    name, seconds = notebook.stem, round(time.monotonic() - job.started, 1) if job else None
    about = batch.about | {"command": f"{batch.about['command']} --only {name[:2]}"}
    entry = {"name": name, "number": name[:2], "title": batch.titles[name], "seconds": seconds}
    try:
        if error:
            raise error
        entry |= outcome(job) | {"number": name[:2], "status": "ok"}
        about |= entry.pop("provenance") | {"time of the notebook": report.duration(seconds)}
        report.render(
            Path(f"{job.base}.ipynb"),
            batch.out_dir / f"{name}.html",
            _neighbour(batch, name, -1),
            _neighbour(batch, name, 1),
            about,
        )
        os.replace(f"{job.base}.ipynb", batch.executed_dir / f"{name}.ipynb")
    except Exception as problem:  # a page that cannot be made must not stop the others
        entry |= {"status": "failed", "error": str(problem) or type(problem).__name__}
        report.failed(batch.out_dir, entry, about)
        for kind in ("ipynb", "log") if job else ():
            if Path(f"{job.base}.{kind}").exists():
                os.replace(f"{job.base}.{kind}", batch.executed_dir / f"{name}.failed.{kind}")
    report.write_entry(batch.out_dir, entry)
    entries = report.entries(batch.out_dir, batch.titles.items())
    report.index(batch.out_dir, entries, batch.about)
    return entry


def surroundings(profile: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the provenance that holds for a whole batch; a notebook's records add to it."""
    versions = provenance.versions() | {
        name: version(name) for name in ("matplotlib", "papermill", "nbconvert")
    }
    return {
        "profile": profile,
        "differs from the paper": profiles.profile(profile).differs,
        "command": f"python -m asglib reproduce --profile {profile}",
        "commit": provenance.commit(),
        "parameters": [f"{name}={value!r}" for name, value in sorted(parameters.items())],
        "device": provenance.device_name(
            torch.device("cuda" if torch.cuda.is_available() else "cpu")
        ),
        "versions": [f"{name} {number}" for name, number in versions.items()],
    }


def _line(batch: Batch, entry: dict[str, Any]) -> str:
    if entry["status"] == "ok":
        return f"{entry['name']} done in {report.duration(entry['seconds'])}"
    where = (
        f" (see {batch.executed_dir}/{entry['name']}.failed.log)"
        if entry["seconds"] is not None
        else ""
    )
    return f"{entry['name']} failed: {entry['error']}{where}"


def _is(notebook: Path, wish: str) -> bool:
    return notebook.stem == Path(wish).stem or notebook.name[:2] == wish.zfill(2)


def _neighbour(batch: Batch, name: str, step: int) -> tuple[str, str] | None:
    """Return address and title of the page before or after; while there is no such page, its entry on the index."""
    names = list(batch.titles)
    if not 0 <= (place := names.index(name) + step) < len(names):
        return None
    other = names[place]
    there = (batch.out_dir / f"{other}.html").is_file() or other in [
        path.stem for path in batch.chosen
    ]
    return (f"{other}.html" if there else f"index.html#{other}"), batch.titles[other]
