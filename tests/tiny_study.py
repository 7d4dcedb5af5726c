"""A `reproduce` of seconds for tests that disturb it: python tests/tiny_study.py FOLDER

Two notebooks, of which one needs the runs of two encoders; everything lies under FOLDER.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from asglib.study.children import stoppable

NOTEBOOKS = {"01_table": '"tiny table"', "02_slow": "import time; time.sleep(3)"}


def runs():
    """Two encoders on two tasks each, seconds of work."""
    from asglib.config import Downstream, Evaluation, Frontend, Pretraining
    from asglib.methods import METHODS
    from asglib.methods.contract import change

    settings = change(METHODS["ASG"], head=(32, 16))
    size = {"frames": 32, "encoder": "tiny", "batch": 16, "epochs": 2, "warmup_epochs": 1}
    shape = {"clips_per_epoch": 64, "frontend": Frontend(window=256, n_fft=256)}
    asg = Pretraining("ASG", settings, "toy-a", precision="fp32", **size, **shape)
    quick = Downstream(epochs=3, drop_epoch=2)
    return [
        Evaluation(encoder, "toy-a", task, "frozen", quick, encoder.seed, asg.frontend)
        for encoder in (asg, replace(asg, seed=1))
        for task in ("direction", "order")
    ]


def write_notebooks(folder: Path) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    folder.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name, code in NOTEBOOKS.items():
        end = f"from asglib.study import report\nreport.finding({int(name[:2])}, 'Seen.')"
        cells = [new_markdown_cell(f"# {name}"), new_code_cell(code), new_code_cell(end)]
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")


def main() -> int:
    from asglib.data.workspace import Workspace
    from asglib.study import build
    from asglib.study.plans import PLANS

    folder = Path(sys.argv[1])
    os.environ["ASG_RUNS"] = str(folder / "runs")
    PLANS["tiny table"] = lambda profile: runs()
    write_notebooks(folder / "notebooks")
    workspace = Workspace(None, folder / "runs")
    return build.reproduce("smoke", folder / "notebooks", folder / "html", workspace=workspace)


if __name__ == "__main__":
    sys.exit(stoppable(main))
