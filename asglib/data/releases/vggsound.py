"""VGGSound (paper section 3.1): the second pre-training corpus, and the VS column of the tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from asglib.data.listing import index, need, place
from asglib.data.releases.audioset import sift, youtube_id
from asglib.data.sets import DataError, DataSet, Task


def rows(folder: Path) -> Iterator[tuple[str, int, str, str]]:
    """(YouTube id, start in seconds, label, split) from vggsound.csv, else from the repository's train and test.csv."""
    whole = place(folder, "vggsound.csv")
    parts = [] if whole else [(place(folder, f"{split}.csv"), split) for split in ("train", "test")]
    if not whole and any(path is None for path, _ in parts):
        need(folder / "vggsound.csv")
    for path, split in [(whole, "")] if whole else parts:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file), 1):
                try:
                    if split:
                        name, label = cells
                        yield name[:11], int(name[12:18]), label, split
                    else:
                        ytid, start, label, part = cells
                        yield ytid, int(start), label, {"train": "train", "test": "test"}[part]
                except (ValueError, KeyError):
                    raise DataError(
                        f"{path}, line {number} is no clip of VGGSound: download the list again."
                    ) from None


def classes(folder: Path) -> tuple[str, ...]:
    """The labels of the release's list, sorted; 309 in the published one (D22)."""
    return tuple(sorted({label for _, _, label, _ in rows(folder)}))


def seconds(rest: str) -> float | None:
    """Start in seconds from what follows the id in a file's name, None when that holds no number.

    >>> seconds("_000030"), seconds("_30000_40000"), seconds("_30.0-40.0"), seconds("")
    (30.0, 30.0, 30.0, None)
    """
    numbers = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", rest)]
    milliseconds = len(numbers) > 1 and numbers[1] - numbers[0] >= 1000
    return None if not numbers else numbers[0] / 1000 if milliseconds else numbers[0]


def build(folder: Path) -> pd.DataFrame:
    """Index of the clips that are there, keyed by id and start; group: the video; attrs as in AudioSet."""
    clips = {(ytid, start): (label, split) for ytid, start, label, split in rows(folder)}
    starts: dict[str, list[int]] = {}
    for ytid, start in clips:
        starts.setdefault(ytid, []).append(start)

    def clip_of(stem: str) -> tuple[str, int] | None:
        ytid, rest = youtube_id(stem, starts) or (None, "")
        start = seconds(rest)
        if start is None and len(starts.get(ytid, ())) == 1:
            start = starts[ytid][0]
        return (ytid, int(start)) if (ytid, start) in clips else None

    found, counts = sift(folder, clip_of)
    columns = {
        "path": [path for _, path in found.values()],
        "label": [clips[key][0] for key in found],
        "split": [clips[key][1] for key in found],
        "group": [key[0] for key in found],
    }
    missing = (f"{ytid}_{start:06d}" for ytid, start in clips if (ytid, start) not in found)
    return index(
        folder, columns, ("label",), missing, [not empty for empty, _ in found.values()], **counts
    )


VGGSOUND = DataSet(
    name="vggsound",
    title="VGGSound (VS)",
    folders=("vggsound", "VGGSound", "VGG-Sound"),
    build=build,
    tasks={"events": Task("label", classes)},
    seconds=10.0,
    split_rule="The train and test marks of vggsound.csv.",
    split_source="the official list",
    licence="CC BY 4.0 (lists); the audio belongs to its YouTube uploaders",
    citation="Chen et al., VGGSound: A large-scale audio-visual dataset, ICASSP 2020",
    obtain="put vggsound.csv from https://www.robots.ox.ac.uk/~vgg/data/vggsound/ and the clips, named "
    "{id}_{start:06d}.wav, under <data root>/vggsound.",
    counts={"train": 183_971, "test": 15_496, "clips": 199_467, "classes": 309},
)
