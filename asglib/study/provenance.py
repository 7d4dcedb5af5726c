"""Where a number comes from: commit, machine, versions."""

from __future__ import annotations

import platform
import subprocess
import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "torch torchaudio torchvision timm numpy scipy scikit-learn soundfile soxr pyroomacoustics "
    "pandas"
).split()


def made_by(device: torch.device, began: float) -> dict:
    """What every record says of the machine and the moment; `began` as time.monotonic() said."""
    return {
        "commit": commit(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "seconds": round(time.monotonic() - began, 2),
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def commit() -> str:
    """The checked-out commit, with "+" when files of the library differ; "unknown" without one.

    Never that of a repository around this one.
    """

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if Path(git("rev-parse", "--show-toplevel") or "/nowhere").resolve() != ROOT.resolve():
            return "unknown"
        changed = git("status", "--porcelain", "--", str(ROOT / "asglib"))
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except FileNotFoundError:
        return "unknown"


@cache
def versions() -> dict[str, str]:
    """Of Python and of the packages that decide numbers."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def device_name(device: torch.device) -> str:
    """The GPU's name, or the CPU's with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"CPU {name}, {len(names) or '?'} cores"


def surroundings(profile: str, differs: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What holds for all notebooks of a batch; the records of one say more."""
    shown = versions() | {name: version(name) for name in ("matplotlib", "papermill", "nbconvert")}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "profile": profile,
        "differs from the paper": differs,
        "command": f"python -m asglib reproduce --profile {profile}",
        "commit": commit(),
        "parameters": [f"{name}={value!r}" for name, value in sorted(parameters.items())],
        "device": device_name(device),
        "versions": [f"{name} {number}" for name, number in shown.items()],
    }
