"""Notes, and music against speech and noise (paper section 3.1): NSynth, MUSAN; Philharmonia."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asglib.data import lists
from asglib.data.listing import SPLITS, DataError, audio, held_out, index, need


def nsynth(folder: Path) -> pd.DataFrame:
    """Notes by the three examples.json: the folder of 290,000 files is never listed."""
    rows, absent = [], []
    for split in SPLITS:
        part = f"nsynth-{split}"
        path = folder / part / "examples.json"
        if not path.exists():
            absent.append(f"{part}/examples.json")
            continue
        notes = lists.entries(path, ("instrument_family_str", "instrument_str"))
        for name, note in notes.items():
            family, instrument = note["instrument_family_str"], note["instrument_str"]
            rows.append((f"{part}/audio/{name}.wav", family, split, instrument))
    if not rows:
        need(folder / absent[0])
    return index(folder, rows, ("path", "family", "split", "group"), absent)


def musan(folder: Path) -> pd.DataFrame:
    """Whole recordings; a line of ANNOTATIONS without a file is missing, a file without one a row.

    D27: no split is published; in each class and source the 20 % of recordings whose name's SHA-256
    comes first are the test part, so that no recording is cut into both.
    """
    kinds = ("music", "speech", "noise")
    paths = {f"{kind}/{path}" for kind in kinds for path in audio(need(folder / kind))}
    for path in folder.glob("*/*/ANNOTATIONS"):
        source = path.parent.relative_to(folder).as_posix()
        paths |= {f"{source}/{line.split()[0]}.wav" for line in lists.lines(path)}
    test = held_out(paths, (path.rsplit("/", 1)[0] for path in paths), 0.2)
    rows = [(path, path.split("/")[0], "test" if path in test else "train") for path in paths]
    return index(folder, rows, ("path", "kind", "split"))


def notes(folder: Path) -> pd.DataFrame:
    """Single orchestral notes by notes.csv; group: instrument and pitch, which cross no split."""
    columns = ("filename", "instrument", "family", "pitch_class", "octave", "split")
    rows, splits = [], {}
    for row in lists.records(folder / "notes.csv", columns):
        split = row["split"].lower()
        if split not in SPLITS:
            raise DataError(f"{row['where']}: '{row['split']}' is no split: {lists.BACK}")
        group = f"{row['instrument']} {row['pitch_class']}{row['octave']}"
        if splits.setdefault(group, split) != split:
            raise DataError(f"{row['where']} puts {group} in two splits: {lists.BACK}")
        labels = (row["instrument"], row["family"], row["octave"])
        rows.append((row["filename"], *labels, split, group))
    return index(folder, rows, ("path", "instrument", "family", "octave", "split", "group"))
