"""A set as `prepare --convert` leaves it: FLAC files and one index, found like a release (3.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from asglib.data import listing
from asglib.data.listing import DataError

INDEX, ABOUT, LOCK = "index.parquet", "convert.json", ".convert.lock"  # in <data root>/<set>


def is_one(folder: Path) -> bool:
    """Whether `folder` holds a finished conversion."""
    return (folder / INDEX).is_file() and (folder / ABOUT).is_file()


def build(folder: Path, labels: Iterable[str] | None) -> pd.DataFrame:
    """The index that the conversion wrote, without the files that are gone or empty since. `labels`
    None: every other column is one.

    DataError: it is not what the conversion wrote.
    """
    path, expected = folder / INDEX, _about(folder / ABOUT)
    try:
        if expected.get("index") not in (sum_of(path.read_bytes()), None):  # None: an older one
            raise ValueError("its content has changed")
        table = listing.read(path)
        if labels is None:
            labels = [name for name in table if name not in listing.FIXED]
        table = table[["path", *labels, *listing.FIXED[1:]]]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}): convert the set again.") from None
    left = listing.index(folder, table, tuple(table), table.attrs["missing"])
    empty = listing.Uncopied(sorted({*table.attrs["empty"], *left.attrs["empty"]}))
    left.attrs = table.attrs | {"missing": left.attrs["missing"], "empty": empty}
    return left


def sum_of(content: bytes) -> str:
    """What convert.json says of the index."""
    return hashlib.sha256(content).hexdigest()


def _about(path: Path) -> dict:
    """What convert.json says of the conversion."""
    try:
        about = json.loads(path.read_text())
        if not isinstance(about, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): convert the set again.") from None
    return about
