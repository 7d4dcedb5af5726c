"""The notebooks: clean in the repository, and each runs from its first cell to its last (nbval)."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_notebooks_are_there():
    assert [path.name[:2] for path in NOTEBOOKS] == [
        f"{n:02d}" for n in range(1, len(NOTEBOOKS) + 1)
    ]
    assert len(NOTEBOOKS) >= 12


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped_and_has_its_parameters(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code, text = cells(notebook, "code"), cells(notebook, "markdown")
    assert notebook.metadata.kernelspec.name == "python3" and notebook.metadata.title
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    number = path.stem[:2]
    assert [cell.id for cell in notebook.cells] == [
        f"{number}-{place:02d}" for place in range(len(notebook.cells))
    ]
    assert [cell.metadata.get("tags") for cell in code[:2]] == [["parameters"], ["hide-input"]]
    assert code[0].source.startswith('PROFILE: str = "smoke"')
    assert sum("# " in cell.source.splitlines()[0][:2] for cell in text) == 1, "one first heading"
    assert f"report.finding({int(number)}, " in code[-1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_short_cells_and_plain_words(path):
    found = faults(nbformat.read(path, as_version=4))
    assert not found, found


def cells(notebook, kind):
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def faults(notebook):
    """What makes a notebook hard to read, a sentence each."""
    code, text = cells(notebook, "code"), cells(notebook, "markdown")
    lines = [len(cell.source.splitlines()) for cell in code]
    words = sum(len(cell.source.split()) for cell in text)
    imports = sum(
        len(cell.source.splitlines())
        for cell in code
        if "hide-input" in cell.metadata.get("tags", [])
    )
    found = [f"the median cell has {median(lines)} lines"] * (median(lines) > 4)
    found += [f"{words} words to {sum(lines)} lines"] * (words < 5 * (sum(lines) - imports))
    for cell in notebook.cells:
        wide = [line for line in cell.source.splitlines() if len(line) > 100]
        found += [f"wider than 100 columns: {line}" for line in wide]
    for cell in code:
        found += _code_faults(cell.source)
    for cell in text:
        typed = re.search(r"\d\s?%|\b(ASG|method|mel) less\b", cell.source)
        found += [f"a result typed into prose, or no plain word: {typed[0]}"] if typed else []
    return found


def _code_faults(source):
    lines = len(source.splitlines())
    found = [f"{lines} lines: {source}"] * (lines > 12)
    odd = re.search(r"sys\.path|filterwarnings|/home/|/root/| less (NONE|Sup)", source)
    found += [f"{odd[0]} in {source}"] if odd else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            found.append(f"class {node.name}")
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 5:
            found.append(f"def {node.name} has more than 5 lines")
    return found


LONG_DEF = "def f():\n    a = 1\n    b = 2\n    c = 3\n    d = 4\n    return a"


@pytest.mark.parametrize(
    "kind, source, fault",
    [
        ("code", "x = 1\n" * 13, "13 lines"),
        ("code", "class A:\n    pass", "class A"),
        ("code", LONG_DEF, "def f has more than 5 lines"),
        ("code", "x = 1  # " + "wide " * 20, "wider than 100"),
        ("code", 'name = "ASG less NONE"', "less NONE"),
        ("markdown", "ASG gains 3 % on average", "a result typed into prose"),
        ("markdown", "what ASG less NONE is", "no plain word"),
    ],
)
def test_a_fault_is_found(kind, source, fault):
    cell = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    prose = nbformat.v4.new_markdown_cell("word " * 19 + "\n" + "word " * 60)
    short = [nbformat.v4.new_code_cell("x = 1") for _ in range(2)]
    found = faults(nbformat.v4.new_notebook(cells=[prose, cell, *short]))
    assert any(fault in one for one in found), found


FIRST_SEED = """
from asglib.data.workspace import Workspace
from asglib.study import plans, pool
from asglib.study.profiles import SMOKE
if __name__ == "__main__":
    wanted = [e for e in plans.everything(SMOKE) if e.seed == 0]
    _, errors = pool.computed(wanted, Workspace.here())
    assert not errors, errors
"""


def test_nbval_runs_every_cell(tmp_path):
    """On the runs of the first seed, a third of the study: notebooks must name what is missing.

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
