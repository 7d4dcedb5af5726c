"""One notebook executed by papermill in a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

import nbformat

from asglib.data.cores import cores
from asglib.data.workspace import RUNS
from asglib.study import children, report
from asglib.study.cluster import StudyError

AT_ONCE = 2  # notebooks that are executed at a time, each with its share of the cores
# JSON and not papermill's command line: YAML reads 1e-05 as text. What a killed kernel leaves, its
# connection file, goes with the batch's folder. Two kernels that start at once may draw one port;
# the one that dies of it before its first cell is started again.
EXECUTE = """
import json, sys, tempfile, papermill
tempfile.tempdir = sys.argv[2]
order = json.loads(sys.argv[1])
try:
    papermill.execute_notebook(**order)
except RuntimeError as error:
    if "Kernel died before replying" not in str(error):
        raise
    papermill.execute_notebook(**order)
"""


@dataclass(frozen=True)
class Execution:
    """A notebook in execution; its files are temporary until it has succeeded."""

    notebook: Path
    process: Popen
    started: float
    folder: Path

    def path(self, kind: str) -> Path:
        """Of the executed notebook (ipynb), its finding (status) and what papermill says (log)."""
        return self.folder / f"{self.notebook.stem}.{kind}"

    def seconds(self) -> float:
        return time.monotonic() - self.started


def start(
    notebook: Path, parameters: dict[str, Any], folder: Path, environment: dict[str, str]
) -> Execution:
    """Start papermill on a notebook, in the notebook's folder as JupyterLab does."""
    base = folder / notebook.stem
    order = {
        "input_path": str(notebook),
        "output_path": f"{base}.ipynb",
        "parameters": parameters,
        "kernel_name": "python3",
        "cwd": str(notebook.parent),
        "progress_bar": False,
        "autosave_cell_every": 30,
        "extra_arguments": ["--ext=asglib.study.children"],  # the kernel dies with papermill
    }
    threads = max(1, cores() // AT_ONCE)
    environment = environment | {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        "ASG_STATUS": f"{base}.status",
        "ASG_RUNS": str(Path(os.environ.get("ASG_RUNS", RUNS)).resolve()),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not the user's of that name
    }
    with open(f"{base}.log", "wb") as log:
        process = children.start(
            EXECUTE,
            json.dumps(order),
            str(folder),
            environment=environment,
            stdout=log,
            stderr=STDOUT,
        )
    return Execution(notebook, process, time.monotonic(), folder)


def outcome(execution: Execution) -> dict[str, Any]:
    """Return the finding of an ended execution; raises StudyError when it did not reach its end.

    Success is papermill's exit status, the file that report.finding wrote inside the kernel, and
    the finding in the executed notebook; never the cells' statuses, which papermill sets to
    completed when a kernel has died.
    """
    if status := execution.process.returncode:
        text = execution.path("log").read_text(errors="replace")
        lines = re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines()
        raise StudyError((lines or [f"papermill ended with status {status}"])[-1].strip())
    cells = nbformat.read(execution.path("ipynb"), as_version=4).cells
    bundles = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    found = [bundle[report.FINDING] for bundle in bundles if report.FINDING in bundle]
    number = int(execution.notebook.name[:2])
    numbers = [finding["number"] for finding in found]
    if not execution.path("status").is_file() or numbers != [number]:
        raise StudyError(
            f"{execution.notebook.name} has {len(found)} findings; "
            f"its end calls report.finding({number}, ...) once."
        )
    return found[0]
