"""From what lies in a release's folder to an index: walking, sizes, holding out, the table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

# what soundfile decodes
AUDIO = frozenset((".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"))
# what people have instead
UNREAD = frozenset((".m4a", ".mp4", ".aac", ".webm", ".mkv", ".wma", ".3gp", ".amr", ".sph"))
FIXED = ("path", "split", "fold", "start", "stop", "group")  # an index's columns that are no labels
SPLITS = ("train", "valid", "test")


class DataError(ValueError):
    """A data set that cannot be used as it lies there; one sentence that says what to do."""


class Uncopied(list):
    """A list in `attrs`, which pandas would copy at every operation: 0.5 s for 2 million."""

    def __deepcopy__(self, memo) -> Uncopied:
        return self


def tree(folder: Path) -> Iterator[tuple[str, list[os.DirEntry]]]:
    """(path below `folder` that ends in "/", its files) of `folder` and every folder below it.

    Names that begin with "." are skipped; a link to a folder above itself is not followed.
    """
    stack = [("", ())]
    while stack:
        prefix, above = stack.pop()
        status = os.stat(os.path.join(folder, prefix))
        above = (*above, (status.st_dev, status.st_ino))
        entries = _entries(os.path.join(folder, prefix))
        yield prefix, [entry for entry in entries if not entry.is_dir()]
        for entry in filter(os.DirEntry.is_dir, entries):
            status = os.stat(entry.path)
            if (status.st_dev, status.st_ino) not in above:
                stack.append((f"{prefix}{entry.name}/", above))


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed ({error.strerror}): make it readable."
        ) from None


def walk(folder: Path) -> Iterator[tuple[str, os.DirEntry]]:
    """(path relative to `folder`, entry) of every file below it, in no order."""
    for prefix, entries in tree(folder):
        yield from ((prefix + entry.name, entry) for entry in entries)


def audio(folder: Path) -> list[str]:
    """Relative paths of all audio files below `folder`, sorted."""
    return sorted(path for path, _ in walk(folder) if os.path.splitext(path)[1].lower() in AUDIO)


def size(path: str | Path) -> int:
    """Bytes of a file, -1 when there is none or none can have that name."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return -1


def need(path: Path) -> Path:
    """`path`, or DataError when the release's file or folder is not there."""
    if not path.exists():
        raise DataError(
            f"{path} does not exist: extract the release as published, with its lists, into this "
            "folder."
        )
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
        chosen.update(sorted(names, key=_sha256)[:count])
    return chosen


def _sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def index(
    folder: Path,
    rows,
    columns: tuple[str, ...],
    missing: Iterable[str] = (),
    sizes: Iterable[int] | None = None,
    classes: dict[str, Iterable[str]] | None = None,
    **counts: int,
) -> pd.DataFrame:
    """The index of DataSet from `rows`: tuples of `columns`, or a dict or table that has them.

    `missing` names what is known to be absent, `sizes` the bytes of each row's file when known,
    `classes` the names of each label that the release itself lists; `counts` go to attrs.
    """
    table = pd.DataFrame(rows, columns=list(columns))
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
    table = table[sizes > 0].sort_values(["path", "start"], ignore_index=True)
    table.attrs = {"missing": Uncopied(sorted(absent)), "empty": Uncopied(sorted(empty)), **counts}
    if classes is not None:
        table.attrs["classes"] = {label: Uncopied(names) for label, names in classes.items()}
    return table


def _refuse(folder: Path, table: pd.DataFrame) -> None:
    """DataError for paths that leave the folder, that are no UTF-8, or that are listed twice."""
    for path in table.path:
        if path.startswith("/") or ".." in path and ".." in path.split("/"):
            raise DataError(f"{folder}: the list names '{path}', outside the folder: correct it.")
        if not path.isascii() and printable(path) != path:
            raise DataError(
                f"{folder}: the name '{printable(path)}' is no UTF-8: rename that file."
            )
    keys = table[["path", "start"]] if "start" in table else table[["path"]]
    twice = table.path[keys.duplicated()]
    if len(twice):
        raise DataError(
            f"{folder}: {len(twice)} clips are listed twice, such as '{twice.iloc[0]}': put the "
            "release's own list back."
        )


def unlisted(files: Iterable[str], table: pd.DataFrame) -> dict[str, list]:
    """{suffix: [how many, the first]} of the sound `files` that are no clip of the index."""
    known = {*table.path, *table.attrs["empty"]}
    found: dict[str, list] = {}
    for path in sorted(set(files) - known):
        counted = found.setdefault(os.path.splitext(path)[1], [0, printable(path)])
        counted[0] += 1
    return found


def told(found: dict[str, list]) -> str:
    """What `unlisted` found, in words.

    >>> told({".m4a": [5, "Talk/1.m4a"], ".WAV": [1, "2.WAV"]})
    '5 .m4a files such as Talk/1.m4a, 1 .WAV files such as 2.WAV'
    """
    kinds = found.items()
    return ", ".join(f"{count} {kind} files such as {first}" for kind, (count, first) in kinds)


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
