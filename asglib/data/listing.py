"""From what lies in a release's folder to an index: walking, reading lists, checking files, holding clips out."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from asglib.data.sets import DataError

AUDIO = frozenset(
    (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")
)  # what soundfile decodes
LISTS = frozenset((".csv", ".tsv", ".txt", ".json", ".parquet", ""))
PLACES = ("", "metadata", "meta", "csv", "data")  # where users keep a release's lists


class Uncopied(list):
    """A list in `attrs`, which pandas deep-copies at every operation: half a second for two million strings."""

    def __deepcopy__(self, memo) -> Uncopied:
        return self


def walk(folder: Path) -> Iterator[tuple[str, os.DirEntry]]:
    """(path relative to `folder`, entry) of every file below it, in no order; names that begin with "." are skipped."""
    stack = [""]
    while stack:
        prefix = stack.pop()
        with os.scandir(os.path.join(folder, prefix)) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    stack.append(f"{prefix}{entry.name}/")
                else:
                    yield prefix + entry.name, entry


def audio(folder: Path) -> list[str]:
    """Relative paths of all audio files below `folder`, sorted."""
    return sorted(path for path, _ in walk(folder) if os.path.splitext(path)[1].lower() in AUDIO)


def size(path: str | Path) -> int:
    """Bytes of a file, -1 when there is none."""
    try:
        return os.stat(path).st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1


def need(path: Path) -> Path:
    """`path`, or DataError when the release's file or folder is not there."""
    if not path.exists():
        raise DataError(
            f"{path} does not exist: extract the release as published, with its lists, into this folder."
        )
    return path


def place(folder: Path, name: str) -> Path | None:
    """Where the release's list `name` is: in the folder, or in its metadata, meta, csv or data."""
    return next((path for path in (folder / sub / name for sub in PLACES) if path.is_file()), None)


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped; byte order mark and CRLF are no part of them."""
    return [line for line in map(str.strip, need(path).read_text("utf-8-sig").splitlines()) if line]


def records(path: Path, columns: Iterable[str], sep: str = ",") -> list[dict[str, str]]:
    """The rows of a csv with a header, all cells as text ("nan" and "NA" too); DataError without these columns."""
    with open(need(path), encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=sep, restval="")
        lacking = sorted(set(columns) - set(reader.fieldnames or ()))
        if lacking:
            raise DataError(
                f"{path} has no column {', '.join(lacking)}: put the release's own file back."
            )
        return [row for row in reader if any(row.values())]


def held_out(ids: Iterable[str], strata: Iterable[str], share: float) -> set[str]:
    """The ids held out by a rule that any machine repeats: in each stratum those whose SHA-256 comes first.

    A stratum of n gives round(share x n), but at least 1 and at most n - 1 when n is 2 or more.
    """
    members: dict[str, set[str]] = {}
    for name, stratum in zip(ids, strata):
        members.setdefault(stratum, set()).add(name)
    chosen = set()
    for names in members.values():
        count = min(max(round(share * len(names)), 1), len(names) - 1)
        chosen.update(
            sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:count]
        )
    return chosen


def index(
    folder: Path, rows, labels: tuple[str, ...], missing: Iterable[str] = (), sizes=None, **counts
):
    """The index of DataSet from `rows` (dicts, or a dict of columns) with path, split and labels.

    `missing` names what is known to be absent, `sizes` the bytes of each row's file when known; `counts` go to attrs.
    """
    names = ("path", *labels, "split", "fold", "start", "stop", "group")
    defaults = {"fold": -1, "start": np.nan, "stop": np.nan, "group": ""}
    frame = pd.DataFrame(rows, columns=None if len(rows) else names)
    frame = frame.assign(**{key: value for key, value in defaults.items() if key not in frame})[
        list(names)
    ]
    frame = frame.astype(
        dict.fromkeys(("path", *labels, "split", "group"), "str") | {"fold": "int64"}
    )
    if sizes is None:
        known = {path: size(f"{folder}/{path}") for path in frame.path.unique()}
        sizes = [known[path] for path in frame.path]
    sizes = np.asarray(sizes, np.int64)
    lists = {
        "missing": sorted({*missing, *frame.path[sizes < 0]}),
        "empty": sorted({*frame.path[sizes == 0]}),
    }
    frame = frame.astype({"start": "float64", "stop": "float64"})[sizes > 0]
    frame = frame.sort_values(
        ["path", "start"] if frame.start.notna().any() else "path", ignore_index=True
    )
    frame.attrs = {name: Uncopied(paths) for name, paths in lists.items()} | counts
    return frame


def read(path: Path) -> pd.DataFrame:
    """An index that was written as Parquet, attrs included."""
    frame = pd.read_parquet(path)
    attrs = {
        name: Uncopied(value) if isinstance(value, list) else value
        for name, value in frame.attrs.items()
    }
    frame.attrs = attrs | {
        "classes": {label: Uncopied(names) for label, names in attrs["classes"].items()}
    }
    return frame
