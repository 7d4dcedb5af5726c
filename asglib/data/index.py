"""The index of a data set (paper section 3.1): found, built, kept; fingerprints and label ids."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asglib.audio import SOUNDS
from asglib.counting import counted
from asglib.data import content, converted, listing
from asglib.data.listing import FIXED, DataError, stamp
from asglib.data.places import load_checked, locked, save_checked
from asglib.data.sets import DATASETS, DataSet, Task, row
from asglib.folders import UNREAD

__all__ = ["DATASETS", "DataError", "fingerprint", "find", "label_ids", "load", "row"]
LISTS = frozenset((".csv", ".tsv", ".txt", ".json", ".parquet", ""))


def find(name: str, data_root: Path) -> Path | None:
    """The set's folder under `data_root`, None when it is not there; DataError without that root.

    A finished conversion, <data root>/<name>, comes before the release.
    """
    root = Path(data_root)
    wanted = row(name, root)
    if wanted.embedded:
        return root / wanted.folders[0]
    if not root.is_dir():
        raise DataError(f"The data root {root} is no folder: create it, or set ASG_DATA right.")
    if converted.is_one(root / name):
        return root / name
    return next((root / folder for folder in wanted.folders if (root / folder).is_dir()), None)


def of_folder(folder: Path) -> tuple[str, Path]:
    """(name, data root) under which `load` reads a folder; DataError: it cannot have that name."""
    folder = Path(os.path.abspath(folder))
    name, root = folder.name, folder.parent
    known = (row.name for row in DATASETS.values() if name in row.folders and not row.embedded)
    found = next(known, None)
    if found is None and (name in ("", *DATASETS) or name[0] == "." or "+" in name):
        raise DataError(f"{folder}: a corpus of your own cannot have this name: rename the folder.")
    return found or name, root


def load(name: str, data_root: Path, cache: Path) -> pd.DataFrame:
    """The set's index (see DataSet), built when the folder has changed, else read from `cache`.

    attrs: "missing", "empty", "classes" {label column: names}, what the set's builder counts, and
    "unlisted" (see listing.unlisted). DataError: the set is not there, its lists are not, or none
    of its files is.
    """
    wanted = row(name, Path(data_root))
    if wanted.embedded:
        return wanted.build(find(name, data_root))
    folder = _there(wanted, Path(data_root))
    path = Path(cache) / "index" / f"{name[:40]}-{_key(folder)}.parquet"
    with locked(path.with_suffix(".lock")):
        table = load_checked(path, listing.read)
        if table is None or not _valid(table.attrs["state"]):
            state, sounds = _survey(folder)
            table = _build(wanted, folder, sounds)
            # filling an empty file in place changes no folder's time: it belongs to the state
            empty = [f"{folder}/{name}" for name in table.attrs["empty"]]
            table.attrs["state"] = state | {file: stamp(file) for file in empty}
            save_checked(path, table.to_parquet)
            table = listing.read(path)
    del table.attrs["state"]
    return table


def _there(wanted: DataSet, root: Path) -> Path:
    """The set's folder, absolute; DataError: not there, empty, or half a conversion."""
    folder, broken = find(wanted.name, root), root / wanted.name
    if (broken / converted.LOCK).exists() and not converted.is_one(broken):
        raise DataError(f"{broken} is a conversion that was broken off: run prepare again.")
    if folder is None:
        looked = f"{root} (looked for {', '.join(wanted.folders)})"
        raise DataError(f"{wanted.title} is not under {looked}: {wanted.obtain}")
    if not any(folder.iterdir()):
        raise DataError(f"{folder} is empty: {wanted.obtain}")
    return Path(os.path.abspath(folder))


def _key(folder: Path) -> str:
    """Of the folder's name and the code that makes indexes."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    code = b"".join(source.read_bytes() for source in sources)
    return hashlib.sha256(str(folder).encode() + code).hexdigest()[:16]


def _build(wanted: DataSet, folder: Path, sounds: list[str]) -> pd.DataFrame:
    """The index of a release or a conversion, its classes in attrs; DataError when it is empty."""
    if converted.is_one(folder):
        known = [task.label for task in wanted.tasks.values()] if wanted.name in DATASETS else None
        table = converted.build(folder, known)
    else:
        table = wanted.build(folder)
        table.attrs["unlisted"] = listing.unlisted(sounds, table)
    if table.empty:
        numbers = [f"{kind} {len(table.attrs[kind])}" for kind in ("missing", "empty")]
        others = table.attrs["unlisted"]
        told = ", ".join(numbers) + (", but " + ", ".join(others) if others else "")
        none = f"{folder} holds none of the files of {wanted.title}"
        raise DataError(f"{none} ({told}): {wanted.obtain}")
    classes = {task.label: class_names(table, task) for task in wanted.tasks.values()}
    table.attrs["classes"] = {label: listing.Uncopied(names) for label, names in classes.items()}
    for task in wanted.tasks.values():
        names = pd.Series(classes[task.label], dtype="str")
        for name in names[names.duplicated() | (names == "")]:
            raise DataError(f"{folder}: '{name}' is no name of one class of '{task.label}'.")
        try:
            label_ids(table, task)
        except DataError as error:
            raise DataError(f"{folder}: {error}") from None
    return table


def _survey(folder: Path) -> tuple[dict[str, str], list[str]]:
    """(the state of `folder`: the stamps of every folder and list below it; its sound files).

    An index is valid while the state lasts. A file that comes or goes changes its folder's time, so
    that checking a state lists no folder: that takes seconds where two million clips lie.
    """
    state, sounds = {}, []
    for prefix, names in listing.tree(folder):
        state[f"{folder}/{prefix}"] = stamp(f"{folder}/{prefix}")
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in LISTS:
                state[f"{folder}/{prefix}{name}"] = stamp(f"{folder}/{prefix}{name}")
            elif suffix in SOUNDS | UNREAD:
                sounds.append(prefix + name)
    return state, sounds


def _valid(state: dict[str, str]) -> bool:
    return all(stamp(path) == kept for path, kept in state.items())


def fingerprint(table: pd.DataFrame, folder: Path, cache: Path) -> str:
    """16 hex digits of all that an index says of its rows, labels included, and of their files."""
    rows = table.assign(content=content.sums(folder, table.path, cache))
    return digest(rows, [name for name in table if name not in FIXED]).hexdigest()[:16]


def digest(rows: pd.DataFrame, columns: list[str]) -> hashlib._Hash:
    """SHA-256 of the rows' path, content, split, start, stop, group and `columns`."""
    columns = ["path", "content", "split", "start", "stop", "group", *columns]
    found = hashlib.sha256("\t".join(columns).encode())
    for first in range(0, len(rows), 2**16):  # all at once would be a gigabyte of text
        part = rows[columns].iloc[first : first + 2**16]
        found.update(part.to_csv(index=False, header=False).encode())
    return found


def label_ids(table: pd.DataFrame, task: Task) -> tuple[np.ndarray, tuple[str, ...]]:
    """(int64 ids [n], or for several labels a uint8 multi-hot [n, C]; the C classes in order).

    An id of -1 takes no part in the task: a cell without a label, or, where the train rows make the
    classes, a label that none of them has. DataError: a label that a published class list lacks.
    """
    classes = class_names(table, task)
    cells = pa.array(table[task.label].fillna("").to_numpy(object), pa.large_string())
    rows, names = np.arange(len(table)), cells
    if task.multi_label:  # vectorised, as AudioSet has two million rows of 527 classes
        parts = pc.split_pattern(cells, ";")
        rows, names = pc.list_parent_indices(parts).to_numpy(), pc.list_flatten(parts)
    ids = pc.fill_null(pc.index_in(names, pa.array(classes, pa.large_string())), -1).to_numpy()
    if task.classes is not None or task.released:
        unknown = set(pc.unique(names.filter(pa.array(ids < 0))).to_pylist()) - {""}
        if unknown:
            raise DataError(
                f"the {len(classes)} classes of '{task.label}' lack "
                f"{counted(len(unknown), 'label')} such as '{min(unknown)}': put the "
                "release's own lists back."
            )
    if not task.multi_label:
        return ids.astype(np.int64), classes
    hot = np.zeros((len(table), len(classes)), np.uint8)
    hot[rows[ids >= 0], ids[ids >= 0]] = 1
    return hot, classes


def tasks(name: str, table: pd.DataFrame) -> dict[str, Task]:
    """The set's tasks; of a folder that the study does not know, one for each label column."""
    if name in DATASETS:
        return DATASETS[name].tasks
    return {label: Task(label) for label in table if label not in FIXED}


def class_names(table: pd.DataFrame, task: Task) -> tuple[str, ...]:
    """The task's classes in the order of their ids; DataError when only `load` knows them."""
    if task.classes is not None:
        return task.classes
    known = table.attrs.get("classes", {})
    if task.label in known:
        return tuple(known[task.label])
    if task.released:
        raise DataError(f"The release names the classes of '{task.label}': use index.load.")
    return tuple(sorted(set(table.loc[table.split == "train", task.label]) - {""}))
