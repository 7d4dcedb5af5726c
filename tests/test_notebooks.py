"""The notebooks: clean in the repository, and each runs from its first cell to its last (nbval)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_notebooks_are_there():
    assert [path.name[:2] for path in NOTEBOOKS] == [
        f"{n:02d}" for n in range(1, len(NOTEBOOKS) + 1)
    ]
    assert len(NOTEBOOKS) >= 9


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped_and_in_style(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert notebook.metadata.kernelspec.name == "python3" and notebook.metadata.title
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "parameters" in code[0].metadata.get("tags", []) and re.search(
        r"^PROFILE: str = \"smoke\"", code[0].source, re.M
    )
    assert (
        sum(cell.source.startswith("# ") or "\n# " in cell.source for cell in text) == 1
    )  # one H1
    for cell in code:
        assert cell.source.count("\n") < 15, cell.source
        assert not re.search(
            r"^class |sys\.path|filterwarnings|/home/|/root/", cell.source, re.M
        ), cell.source
    for cell in text:
        assert not re.search(r"\d\s?%", cell.source), f"a result typed into prose: {cell.source}"


FIRST_SEED = """
from asglib import config
from asglib.data import corpus
from asglib.study import plans
from asglib.study import pool
if __name__ == "__main__":
    wanted = [e for e in plans.everything(config.SMOKE) if e.seed == 0]
    pool.collect(wanted, config.SMOKE, corpus.Workspace.here())
"""


def test_nbval_runs_every_cell(tmp_path):
    """On the runs of the first seed, a third of the study: what is missing the notebooks must name, not fail for.

    With ASG_RUNS unset they go to runs/, where make reproduce finds them and computes the rest.
    """
    environment = os.environ | {
        "ASG_RUNS": os.environ.get("ASG_RUNS", str(ROOT / "runs")),
        "ASG_COMPUTE": "0",
        "PYTHONPATH": str(ROOT),
    }
    (tmp_path / "first_seed.py").write_text(FIRST_SEED)
    made = subprocess.run(
        [sys.executable, tmp_path / "first_seed.py"],
        capture_output=True,
        text=True,
        env={key: value for key, value in environment.items() if key != "ASG_COMPUTE"},
    )
    assert made.returncode == 0, made.stderr[-2000:]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout",
        "600",
        "-p",
        "no:cacheprovider",
        *map(str, NOTEBOOKS),
    ]
    done = subprocess.run(
        command, cwd=ROOT / "notebooks", capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed == sum(
        cell.cell_type == "code" for p in NOTEBOOKS for cell in nbformat.read(p, as_version=4).cells
    )
