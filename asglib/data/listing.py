"""From what lies in a release's folder to an index: walking, sizes, holding out, the table."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from asglib import folders
from asglib.audio import SOUNDS
from asglib.counting import counted

FIXED = ("path", "split", "fold", "start", "stop", "group")  # an index's columns that are no labels
SPLITS = ("train", "valid", "test")


class DataError(ValueError):
    """A data set that cannot be used as it lies there; one sentence that says what to do."""


class Uncopied(list):
    """A list in `attrs`, which pandas would copy at every operation: 0.5 s for 2 million."""

    def __deepcopy__(self, memo) -> Uncopied:
        return self


def tree(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """folders.tree; DataError: a folder cannot be listed."""
    try:
        yield from folders.tree(folder)
    except OSError as error:
        told = f"{error.filename} cannot be listed ({error.strerror}): make it readable."
        raise DataError(told) from None


def walk(folder: Path) -> Iterator[str]:
    """Path relative to `folder` of every file below it, in no order."""
    for prefix, names in tree(folder):
        yield from (prefix + name for name in names)


def audio(folder: Path) -> list[str]:
    """Relative paths of all audio files below `folder`, sorted."""
    return sorted(path for path in walk(folder) if os.path.splitext(path)[1].lower() in SOUNDS)


def size(path: str | Path) -> int:
    """Bytes of a file, -1 when there is none or none can have that name."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def stamp(path: str | Path) -> str:
    """Size and times of a file or folder, which change when it is replaced; "" for none."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def need(path: Path) -> Path:
    """`path`, or DataError when the release's file or folder is not there."""
    if not path.exists():
        raise DataError(f"{path} does not exist: extract the release as published, with its lists.")
    return path


def held_out(ids: Iterable[str], strata: Iterable[str], share: float) -> set[str]:
    """The ids held out by a rule that any machine repeats: in each stratum the first by SHA-256.

    A stratum of n gives round(share x n), but at least 1 and at most n - 1 when n is 2 or more.
    """
    members: dict[str, set[str]] = {}
    for name, stratum in zip(ids, strata):
        members.setdefault(stratum, set()).add(name)
    chosen = set()
    for names in members.values():
        count = min(max(round(share * len(names)), 1), len(names) - 1)
        chosen.update(sorted(names, key=sha256)[:count])
    return chosen


def sha256(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()


def index(
    folder: Path,
    rows,
    columns: tuple[str, ...],
    missing: Iterable[str] = (),
    sizes: Iterable[int] | None = None,
    classes: dict[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """The index of DataSet from `rows`: tuples of `columns`, or a dict or table that has them.

    `missing` names what is known to be absent, `sizes` the bytes of each row's file when known,
    `classes` the names of each label that the release itself lists.
    """
    try:
        table = pd.DataFrame(rows, columns=list(columns))
    except UnicodeEncodeError as error:
        name = printable(error.object)
        raise DataError(f"{folder}: the name '{name}' is no UTF-8: rename that file.") from None
    _refuse(folder, table)
    labels = [name for name in columns if name not in FIXED]
    defaults = {"fold": -1, "start": np.nan, "stop": np.nan, "group": ""}
    table = table.assign(**{name: value for name, value in defaults.items() if name not in table})
    table = table[["path", *labels, "split", "fold", "start", "stop", "group"]]
    types = dict.fromkeys(("path", *labels, "split", "group"), "str")
    table = table.astype(types | {"fold": "int64", "start": "float64", "stop": "float64"})
    if sizes is None:
        known = {path: size(f"{folder}/{path}") for path in table.path.unique()}
        sizes = [known[path] for path in table.path]
    sizes = np.asarray(sizes, np.int64)
    absent = {*missing, *table.path[sizes < 0]}
    empty = set(table.path[sizes == 0])
    table = table[sizes > 0].sort_values(["path", "start", "stop"], ignore_index=True)
    table.attrs = {"missing": Uncopied(sorted(absent)), "empty": Uncopied(sorted(empty))}
    if classes is not None:
        table.attrs["classes"] = {label: Uncopied(names) for label, names in classes.items()}
    return table


def _refuse(folder: Path, table: pd.DataFrame) -> None:
    """DataError for paths that leave the folder or are listed twice."""
    for path in table.path:
        if path.startswith("/") or ".." in path and ".." in path.split("/"):
            raise DataError(f"{folder}: the list names '{path}', outside the folder: correct it.")
    part = [name for name in ("path", "start", "stop") if name in table]
    twice = table.path[table[part].duplicated()]
    if len(twice):
        first = twice.iloc[0]
        many = counted(len(twice), "clip")
        raise DataError(f"{folder}: the list names {many} twice, such as '{first}': correct it.")


def unlisted(files: Iterable[str], table: pd.DataFrame) -> list[str]:
    """The sound `files` that are no clip of the index, in words, one line a suffix."""
    kinds: dict[str, list[str]] = {}
    for path in sorted(set(files) - {*table.path, *table.attrs["empty"]}):
        kinds.setdefault(os.path.splitext(path)[1], []).append(path)
    found = []
    for kind, paths in kinds.items():
        remedy = ", to be converted to wav or flac" if kind.lower() in folders.UNREAD else ""
        first = printable(paths[0])
        found.append(f"{counted(len(paths), f'{kind} file')} such as {first}{remedy}")
    return found


def printable(path: str) -> str:
    """A path as text that every file can hold: bytes that are no UTF-8 are written as \\xe9."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def read(path: Path) -> pd.DataFrame:
    """An index that was written as Parquet, attrs included."""
    table = pd.read_parquet(path)
    for name in ("missing", "empty"):
        table.attrs[name] = Uncopied(table.attrs[name])
    classes = table.attrs["classes"]
    table.attrs["classes"] = {label: Uncopied(names) for label, names in classes.items()}
    return table
