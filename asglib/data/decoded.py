"""Decoded waves that are those of the files as they are now (input of paper section 3.2)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from asglib.data import places
from asglib.data.clips import Clips


class Decoded(Clips):
    """Clips whose waves are found only for the `contents` [n] that they were decoded from.

    Clips knows a file by its size and time, which a replaced one may share. So a note beside its
    waves says of what SHA-256 sums they are; without that note they are decoded again in place.
    """

    def __init__(
        self,
        paths: pd.Series,
        start: np.ndarray,
        stop: np.ndarray,
        cache: Path,
        contents: pd.Series,
    ):
        told = hashlib.sha256()
        for content in contents:  # joined, those of two million files would be 130 MB
            told.update(f"{content} ".encode())
        self.contents = told.hexdigest()
        super().__init__(paths, start, stop, cache)

    def _map(self, cache: Path) -> None:
        key = self._key()
        note, listing = cache / f"{key}.content", cache / f"{key}.json"
        with places.locked(cache / f"{key}.content.lock"):
            known = places.load_checked(note, Path.read_text) == self.contents
            if not known:
                note.unlink(missing_ok=True)  # first: a kill must leave no note of other waves
                listing.unlink(missing_ok=True)
            super()._map(cache)
            if not known:
                places.save_checked(note, lambda out: out.write_text(self.contents))
