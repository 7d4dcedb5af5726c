"""Any folder as a data set: by its index.csv, or without one as a corpus of all its sounds."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

import pandas as pd

from asglib.counting import counted
from asglib.data import lists
from asglib.data.listing import FIXED, SPLITS, DataError, audio, index

INDEX = "index.csv"
NEEDED = ("path", "split", "group")
OPTIONAL = ("fold", "seconds")
TAKEN = {"start", "stop", "file", "data_set", "content"}  # columns that the library makes itself


def build(
    folder: Path, labels: tuple[str, ...] | None = None, groups_cross: bool = False
) -> pd.DataFrame:
    """The index of a folder by its index.csv; without one all sounds are train, one group a file.

    Columns of index.csv: path, split, group, labels; fold and seconds where known. `labels` None:
    all other columns are labels. DataError: a column is missing, or a file or (unless
    `groups_cross`) a group is in two splits.
    """
    path = folder / INDEX
    if labels is None and not has_index(folder):
        rows = [(name, "train", name) for name in audio(folder)]
        return index(folder, rows, NEEDED)
    rows = lists.records(path, (*NEEDED, *(labels or ())), own=labels is None)
    if labels is None:
        labels = _labels(path, rows)
    columns = ("path", *labels, "split", "fold", "group")
    if not rows:
        raise DataError(f"{path} has no rows: name the folder's files in it, or remove it.")
    table = pd.DataFrame(rows, dtype="str").assign(
        path=[posixpath.normpath(row["path"]) for row in rows],
        split=[_split(row) for row in rows],
        fold=[_fold(row) for row in rows],
    )
    _one_split(path, table, "path", "file")
    if not groups_cross:
        _one_split(path, table[table.group != ""], "group", "group")
    return index(folder, table[list(columns)], columns)


def has_index(folder: Path) -> bool:
    """Whether a folder has an index.csv; DataError: one of another case, or a link to nowhere."""
    if (folder / INDEX).exists():
        return True
    for name in os.listdir(folder):
        if name.lower() == INDEX:
            raise DataError(
                f"{folder / name} cannot be read as {INDEX}: write its name like this, in small "
                "letters, and let it be no link to nowhere."
            )
    return False


def _labels(path: Path, rows: list[dict]) -> tuple[str, ...]:
    """The columns that are labels, of a folder that the study does not know."""
    names = [name for name in (rows[0] if rows else ()) if name not in ("", "where")]
    if taken := TAKEN.intersection(names):
        raise DataError(f"{path}: a column may not be called {min(taken)}: rename it.")
    return tuple(name for name in names if name not in (*FIXED, *OPTIONAL))


def _split(row: dict) -> str:
    split = row["split"].lower()
    if split not in SPLITS:
        raise DataError(f"{row['where']}: '{row['split']}' is none of {', '.join(SPLITS)}.")
    return split


def _fold(row: dict) -> int:
    """-1 where the row names no fold, or says so."""
    cell = row.get("fold", "")
    return -1 if cell in ("", "-1") else lists.number(cell, "fold", row["where"], lists.OWN)


def _one_split(path: Path, table: pd.DataFrame, column: str, what: str) -> None:
    """DataError when rows of one file or group are in several splits."""
    splits = table.groupby(column, sort=False).split.unique()
    crossing = splits[splits.map(len) > 1]
    if len(crossing):
        name, where = crossing.index[0], " and ".join(crossing.iloc[0])
        raise DataError(
            f"{path}: {counted(len(crossing), what)} in several splits, the first '{name}' in "
            f"{where}: leave each in one."
        )
