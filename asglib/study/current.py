"""Which pages still say what the study says: all that they are made from is as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from asglib.study.paper import PAPERS
from asglib.study.report import read_entry

LIBRARY = Path(__file__).parents[1]


def inputs(
    notebook: Path, order: Mapping[str, Any], about: Mapping[str, Any], records: Iterable[Mapping]
) -> str:
    """One hash of a page's sources: the notebook, its parameters and the files that these name,
    what the page says of the batch, the runs as they were recorded, and every file of the library
    and of the papers."""
    runs = sorted(f"{record['run']} {record.get('finished')}" for record in records)
    own = [_sum(Path(value)) for value in order.values() if isinstance(value, str)]
    told = json.dumps([dict(order), own, dict(about), runs, _files()], sort_keys=True, default=str)
    return hashlib.sha256(notebook.read_bytes() + told.encode()).hexdigest()


def _sum(path: Path) -> str:
    """The SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@cache
def _files() -> str:
    found = hashlib.sha256()
    for folder in (LIBRARY, PAPERS):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode())
                found.update(path.read_bytes())
    return found.hexdigest()


def page_sum(out_dir: Path, name: str) -> str:
    """The SHA-256 of a notebook's page; "" where there is none."""
    return _sum(out_dir / f"{name}.html")


def is_current(out_dir: Path, name: str, wanted: str) -> bool:
    """Whether a notebook's page is whole and was made from what has the hash `wanted`."""
    entry = read_entry(out_dir / "entries" / f"{name}.json") or {}
    there, known = page_sum(out_dir, name), (entry.get("inputs"), entry.get("page_sum"))
    return bool(there) and entry.get("status") == "ok" and known == (wanted, there)
