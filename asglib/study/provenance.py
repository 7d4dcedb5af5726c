"""Where a number comes from: code, commit, machine, versions."""

from __future__ import annotations

import ast
import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
PRETRAINING = ("audio", "batch", "encoder", "frontend", "sensitivity", "positives", "training")
CONTRASTIVE = PRETRAINING + ("adversaries", "loss", "methods/asg")
SUPERVISED = PRETRAINING + ("methods/supervised",)
EVALUATION = ("audio", "encoder", "evaluation", "frontend")
PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "soundfile",
    "soxr",
    "librosa",
    "pyroomacoustics",
    "pandas",
)


@cache
def code_version(rooms: tuple[str, ...]) -> str:
    """10 hex digits of the rooms' syntax trees: a new comment or docstring is the same code, anything else is not."""
    trees = [
        ast.dump(_without_docstrings(ast.parse((ROOT / f"{room}.py").read_text())))
        for room in rooms
    ]
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()[:10]


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:] or [ast.Pass()]
    return tree


@cache
def commit() -> str:
    """The checked-out commit, with "+" when files of the library differ from it; "unknown" outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        head = git("rev-parse", "--short=10", "HEAD")
        return (head + ("+" if git("status", "--porcelain", "--", str(ROOT)) else "")) or "unknown"
    except FileNotFoundError:
        return "unknown"


@cache
def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        package: version(package) for package in PACKAGES
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or the CPU's with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        if info.exists()
        else []
    )
    return f"CPU {names[0] if names else platform.processor() or platform.machine()}, {len(names) or '?'} cores"
