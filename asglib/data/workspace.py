"""Where data lie, where runs go, and on what they are computed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from asglib.data.cores import cores

# of this clone, wherever a command or a notebook's kernel is started
RUNS = Path(__file__).parents[2] / "runs"


@dataclass(frozen=True)
class Workspace:
    """Where data are, runs go and what computes them; no part of a run's identity, but for the
    number of processes on CPUs and `compiled`."""

    data: Path | None = None
    runs: Path = RUNS
    device: str = "cpu"
    workers: int = 0  # processes that read audio for one run; the same bits with any number
    processes: int = 1  # that share a pretraining, each with a GPU or core of its own (D16)
    compiled: bool = False  # pretrain with torch.compile (D64)
    computes: bool = True  # what is missing; else only what is there is shown

    def __post_init__(self) -> None:
        """Folders become absolute: notebooks run elsewhere than the command that starts them."""
        for name in ("data", "runs"):
            folder = getattr(self, name)
            if folder is not None:
                object.__setattr__(self, name, Path(folder).absolute())

    @property
    def cache(self) -> Path:
        """What can be made again: indexes, decoded waves, impulse responses, embedded corpora."""
        return self.runs / "cache"

    @classmethod
    def here(cls, **changes) -> Workspace:
        """From ASG_DATA, ASG_RUNS, ASG_DEVICE, ASG_LOADERS, ASG_PROCESSES, ASG_COMPILE and
        ASG_COMPUTE; on the GPU when there is one.

        Then other processes read the audio for it.
        """
        data = os.environ.get("ASG_DATA")
        device = os.environ.get("ASG_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
        loaders = min(8, cores() - 1) if device.startswith("cuda") else 0
        found = cls(
            data=Path(data) if data else None,
            runs=Path(os.environ.get("ASG_RUNS", RUNS)),
            device=device,
            workers=int(os.environ.get("ASG_LOADERS", loaders)),
            processes=int(os.environ.get("ASG_PROCESSES", 1)),
            compiled=int(os.environ.get("ASG_COMPILE", 0)) > 0,
            computes=int(os.environ.get("ASG_COMPUTE", 1)) > 0,
        )
        return replace(found, **changes)
