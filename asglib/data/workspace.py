"""Where data lie, where runs go, and on what they are computed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

RUNS = Path(__file__).parents[2] / "runs"  # of this clone, wherever a command is started


@dataclass(frozen=True)
class Workspace:
    """Where data are and runs go, and on what they are computed; none of it changes a result's identity."""

    data: Path | None = None
    runs: Path = RUNS
    device: str = "cpu"
    workers: int = 0  # processes that read audio for one run; the same bits with any number

    @property
    def cache(self) -> Path:
        return self.runs / "cache"

    @classmethod
    def here(cls, **changes) -> Workspace:
        """From ASG_DATA, ASG_RUNS and ASG_LOADERS, on the GPU when there is one, which other processes then feed."""
        data = os.environ.get("ASG_DATA")
        device = os.environ.get("ASG_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
        loaders = min(8, (os.cpu_count() or 1) - 1) if device.startswith("cuda") else 0
        found = cls(
            Path(data) if data else None,
            Path(os.environ.get("ASG_RUNS", RUNS)),
            device,
            int(os.environ.get("ASG_LOADERS", loaders)),
        )
        return replace(found, **changes)
