"""A data set as `prepare --convert` leaves it: FLAC files and one index, found like a release (paper section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from asglib.data import listing
from asglib.data.sets import DataError

INDEX, ABOUT, LOCK = (
    "index.parquet",
    "convert.json",
    ".convert.lock",
)  # in <data root>/<name of the set>


def is_one(folder: Path) -> bool:
    """Whether `folder` holds a finished conversion."""
    return (folder / INDEX).is_file() and (folder / ABOUT).is_file()


def build(folder: Path, labels: Iterable[str]) -> pd.DataFrame:
    """The index that the conversion wrote, without the files that are gone or empty since.

    attrs: those of the original, "missing" and "empty" with this folder's own beside the original's.
    """
    try:
        frame = listing.read(folder / INDEX)
        missing, empty = frame.attrs["missing"], frame.attrs["empty"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder / INDEX} cannot be read ({error}): convert the set again."
        ) from None
    columns = ["path", *labels, "split", "fold", "start", "stop", "group"]
    if list(frame) != columns:
        raise DataError(
            f"{folder / INDEX} has the columns {', '.join(map(str, frame))} where {', '.join(columns)} "
            "belong: convert the set again."
        )
    found = listing.index(folder, frame, tuple(labels), missing)
    empty = listing.Uncopied(sorted({*empty, *found.attrs["empty"]}))
    found.attrs = frame.attrs | {"missing": found.attrs["missing"], "empty": empty}
    return found
