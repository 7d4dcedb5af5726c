"""Spoken language identification (Oponowicz): a set of the compared papers, three languages."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from asglib.data.listing import audio, held_out, index
from asglib.data.sets import DataSet, Task

NAME = re.compile(r"(en|de|es)_[mf]_([0-9a-f]{32})\.fragment\d+(\.(?:speed|pitch|noise)\d+)?\.flac")


def build(folder: Path) -> pd.DataFrame:
    """Fragments under train/ and test/ at any depth; group: the recording; attrs["dropped"]: augmented copies left out.

    D30: there is no valid part; of each language the tenth of train recordings whose hash comes first is ours,
    without the augmented copies of what is held out, which are no recordings.
    """
    found = [
        (path, set(path.split("/")[:-1]), NAME.fullmatch(path.rsplit("/", 1)[-1]))
        for path in audio(folder)
    ]
    clips = [
        (path, "train" if "train" in parts else "test", match)
        for path, parts, match in found
        if match and parts & {"train", "test"}
    ]
    train = {match[2]: match[1] for _, split, match in clips if split == "train"}
    valid = held_out(train, train.values(), 0.1)
    rows = [
        {
            "path": path,
            "language": match[1],
            "split": "valid" if split == "train" and match[2] in valid else split,
            "group": match[2],
            "augmented": bool(match[3]),
        }
        for path, split, match in clips
    ]
    kept = [row for row in rows if row["split"] == "train" or not row["augmented"]]
    return index(
        folder, kept, ("language",), dropped=len(rows) - len(kept), unlisted=len(found) - len(clips)
    )


SPOKEN_LANGUAGE = DataSet(
    name="spoken_language",
    title="Spoken Language Identification",
    folders=("spoken-language-identification", "spoken_language_dataset", "spoken_language"),
    build=build,
    tasks={"language": Task("language", ("en", "de", "es"))},
    seconds=10.0,
    split_rule="Official train and test folders, which share no speaker; a tenth of the train recordings is valid, "
    "without augmented copies.",
    split_source="the release; the valid part is ours",
    licence="code MIT, audio public domain (LibriVox)",
    citation="Oponowicz, Spoken Language Identification, v1.0, 2018",
    obtain="extract toponowicz/spoken-language-identification from Kaggle into "
    "<data root>/spoken-language-identification.",
    counts={"train": 73_080, "test": 540, "classes": 3},
)
