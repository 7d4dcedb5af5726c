"""Notes, and music against speech and noise (paper section 3.1): NSynth, MUSAN; and Philharmonia notes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from asglib.data.listing import audio, held_out, index, lines, need, records
from asglib.data.sets import DataError, DataSet, Task

FAMILIES = (
    "bass",
    "brass",
    "flute",
    "guitar",
    "keyboard",
    "mallet",
    "organ",
    "reed",
    "string",
    "synth_lead",
    "vocal",
)
INSTRUMENTS = (
    "bass-clarinet",
    "bassoon",
    "cello",
    "clarinet",
    "contrabassoon",
    "double-bass",
    "english-horn",
    "flute",
    "french-horn",
    "oboe",
    "saxophone",
    "trombone",
)


def nsynth(folder: Path) -> pd.DataFrame:
    """Notes by the three examples.json: the folder of 290,000 files is never listed; group: the instrument."""
    rows, absent = [], []
    for split in ("train", "valid", "test"):
        listing = folder / f"nsynth-{split}" / "examples.json"
        if not listing.exists():
            absent.append(f"nsynth-{split}/examples.json")
            continue
        for name, note in json.loads(listing.read_text("utf-8")).items():
            rows.append(
                {
                    "path": f"nsynth-{split}/audio/{name}.wav",
                    "family": note["instrument_family_str"],
                    "split": split,
                    "group": note["instrument_str"],
                }
            )
    if not rows:
        need(folder / absent[0])
    return index(folder, rows, ("family",), absent)


def musan(folder: Path) -> pd.DataFrame:
    """Whole recordings; a line of ANNOTATIONS without its file is missing, a file without a line is a row.

    D27: no split is published; in each class and source the 20 % of recordings whose name's SHA-256 comes first
    are the test part, so that no recording is cut into both.
    """
    paths = {
        f"{kind}/{path}"
        for kind in ("music", "speech", "noise")
        for path in audio(need(folder / kind))
    }
    for annotations in folder.glob("*/*/ANNOTATIONS"):
        parent = annotations.parent.relative_to(folder).as_posix()
        paths.update(f"{parent}/{line.split()[0]}.wav" for line in lines(annotations))
    test = held_out(paths, (path.rsplit("/", 1)[0] for path in paths), 0.2)
    rows = [
        {"path": path, "kind": path.split("/")[0], "split": "test" if path in test else "train"}
        for path in paths
    ]
    return index(folder, rows, ("kind",))


def notes(folder: Path) -> pd.DataFrame:
    """Single orchestral notes by notes.csv; group: instrument and pitch, which must not cross splits."""
    columns = ("filename", "instrument", "family", "pitch_class", "octave", "split")
    rows, splits = [], {}
    for row in records(folder / "notes.csv", columns):
        group = f"{row['instrument']} {row['pitch_class']}{row['octave']}"
        if splits.setdefault(group, row["split"]) != row["split"]:
            raise DataError(
                f"{folder / 'notes.csv'} has {group} in two splits: put the release's own file back."
            )
        rows.append(
            {
                "path": row["filename"],
                "instrument": row["instrument"],
                "family": row["family"],
                "octave": row["octave"],
                "split": row["split"],
                "group": group,
            }
        )
    return index(folder, rows, ("instrument", "family", "octave"))


NSYNTH = DataSet(
    name="nsynth",
    title="NSynth, instrument families (NS)",
    folders=("nsynth", "NSynth"),
    build=nsynth,
    tasks={"family": Task("family", FAMILIES)},
    seconds=4.0,
    # D33: synth_lead keeps its id, although no valid or test note has it, so that the head has 11 outputs.
    split_rule="The three official archives; no instrument of train is in valid or test.",
    split_source="the official archives",
    licence="CC BY 4.0",
    citation="Engel et al., Neural audio synthesis of musical notes with WaveNet autoencoders, ICML 2017",
    obtain="extract http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-{train,valid,test}.jsonwav.tar.gz "
    "under <data root>/nsynth.",
    counts={"train": 289_205, "valid": 12_678, "test": 4_096, "clips": 305_979, "classes": 11},
)

MUSAN = DataSet(
    name="musan",
    title="MUSAN, music, speech or noise (MS)",
    folders=("musan", "MUSAN"),
    build=musan,
    tasks={"kind": Task("kind", ("music", "speech", "noise"))},
    seconds=10.0,  # D27: the average, 194.6 s, is no usable T; recordings are cut into parts of 10 s
    split_rule="In each class and source, the 20 % of recordings whose path's SHA-256 comes first are the test part.",
    split_source="ours; neither the paper nor those it compares with publish one",
    licence="CC variants and US public domain, file by file",
    citation="Snyder et al., MUSAN: A music, speech, and noise corpus, arXiv 1510.08484, 2015",
    obtain="extract https://www.openslr.org/resources/17/musan.tar.gz under the data root.",
    counts={"clips": 2_016, "music": 660, "speech": 426, "noise": 930, "classes": 3},
)

NOTES = DataSet(
    name="notes",
    title="Philharmonia notes",
    folders=("philharmonia-notes", "philharmonia"),
    build=notes,
    tasks={
        "instrument": Task("instrument", INSTRUMENTS),
        "family": Task("family", ("brass", "string", "woodwind")),
        "octave": Task("octave", tuple("01234567")),
    },
    seconds=1.25,
    split_rule="Column split of notes.csv: no pitch of an instrument is in both parts.",
    split_source="notes.csv",
    licence="free to use, not to be redistributed as samples",
    citation="Philharmonia Orchestra, Sound samples",
    obtain="put notes.csv and audio/ under <data root>/philharmonia-notes.",
    counts={"train": 1_350, "test": 450, "clips": 1_800},
)
