"""What the workers of test_crew.py compute: nothing, their own death, or runs that note steps."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from asglib.config import Evaluation, Pretraining


@dataclass(frozen=True)
class NoSettings:
    """Of a method that needs no torch, so that workers start at once."""

    def check(self, config: Pretraining) -> None:
        pass


def compute(runs, workspace, tell):
    """Notes when each run began and ended; what has ended is found, as a record is.

    A run of seed 9 kills its process, of seed 8 once, of 7 fails; one of seed 6 takes a minute.
    """
    for run in runs:
        name = "encoder" if isinstance(run, Pretraining) else run.task
        note = workspace.runs / f"{name}-{run.seed}"
        words = note.read_text().split() if note.exists() else []
        if len(words) != 2:
            with open(note, "a") as file:
                file.write(f"{time.monotonic()} ")
            tell({"run": note.name})
            if run.seed == 9 or (run.seed == 8 and not words):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60 if run.seed == 6 else 0.7)
            with open(note, "a") as file:
                file.write(f"{time.monotonic()}\n")
        yield run, "ValueError: seven" if isinstance(run, Evaluation) and run.seed == 7 else None


def noted(runs, workspace, tell):
    """pool.compute, a checkpoint a step; notes each step, and step 5 kills its process once."""
    from asglib import training
    from asglib.study import pool

    training.CHECKPOINT_SECONDS = -1.0

    def told(row):
        if "step" in row:
            with open(workspace.runs / f"steps-{row['run']}", "a") as file:
                file.write(f"{row['step']} ")
            killed = workspace.runs / "killed"
            if row["step"] == 5 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        tell(row)

    return pool.compute(runs, workspace, told)
