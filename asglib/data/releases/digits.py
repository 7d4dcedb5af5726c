"""Free Spoken Digits: words and speakers small enough for a laptop (beside the paper's sets)."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from asglib.data.listing import audio, index, need
from asglib.data.sets import DataSet, Task

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
NAME = re.compile(rf"([0-9])_({'|'.join(SPEAKERS)})_(\d+)\.wav")


def build(folder: Path) -> pd.DataFrame:
    """Recordings named digit_speaker_index.wav; official split: index 0 to 4 is test. Missing: gaps below index 50."""
    paths = {f"recordings/{path}" for path in audio(need(folder / "recordings"))}
    there = {match[2] for path in paths if (match := NAME.fullmatch(path.split("/")[1]))}
    paths.update(
        f"recordings/{digit}_{speaker}_{i}.wav"
        for digit in range(10)
        for speaker in there
        for i in range(50)
    )
    matches = {path: NAME.fullmatch(path.split("/", 1)[1]) for path in paths}
    rows = [
        {
            "path": path,
            "digit": match[1],
            "speaker": match[2],
            "split": "test" if int(match[3]) < 5 else "train",
        }
        for path, match in matches.items()
        if match
    ]
    return index(folder, rows, ("digit", "speaker"), unlisted=len(paths) - len(rows))


FSDD = DataSet(
    name="fsdd",
    title="Free Spoken Digits",
    folders=("free-spoken-digit-dataset", "free-spoken-digit-dataset-master", "fsdd"),
    build=build,
    tasks={"digit": Task("digit", tuple("0123456789")), "speaker": Task("speaker", SPEAKERS)},
    seconds=0.44,
    split_rule="Recordings 0 to 4 of each digit and speaker are test, 5 to 49 train; speakers are in both.",
    split_source="the official rule",
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset v1.0.10, 2020",
    obtain="clone https://github.com/Jakobovski/free-spoken-digit-dataset under the data root.",
    counts={"train": 2_700, "test": 300, "clips": 3_000, "speakers": 6},
)
