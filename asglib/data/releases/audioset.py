"""AudioSet (paper section 3.1): the pre-training corpus, and the AS column of the tables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Hashable
from pathlib import Path

import pandas as pd

from asglib.data.listing import AUDIO, index, need, place, records, walk
from asglib.data.sets import DataError, DataSet, Task

CLASSES = "class_labels_indices.csv"
LISTS = {
    "balanced_train_segments.csv": "train",
    "unbalanced_train_segments.csv": "train",
    "eval_segments.csv": "test",
    "official_eval_segments.csv": "test",
}  # the last: the copy that comes with AST
SOURCE = "https://research.google.com/audioset/download.html"
# Official copies have ', ' and quotes, re-saved ones neither; Excel adds quotes and commas, and often CRLF. What all
# have in common: an 11-character id, two numbers, and label ids that begin with a slash.
SEGMENT = re.compile(r'\s*"?([\w-]{11})"?\s*,\s*"?[\d.]+"?\s*,\s*"?[\d.]+"?\s*,(.*)')
LABEL = re.compile(r"/[a-z]/\w+")


def class_names(folder: Path) -> dict[str, str]:
    """Label id -> display name in the published order, from the release's class file."""
    path = place(folder, CLASSES) or need(folder / CLASSES)
    rows = sorted(
        records(path, ("index", "mid", "display_name")), key=lambda row: int(row["index"])
    )
    return {row["mid"]: row["display_name"] for row in rows}


def classes(folder: Path) -> tuple[str, ...]:
    """The display names, 527 in the published file."""
    return tuple(class_names(folder).values())


def segments(path: Path, names: dict[str, str]) -> dict[str, str]:
    """YouTube id -> display names joined by ";" of one segment list; DataError at a line that is none."""
    cells: dict[str, str] = {}  # the same label text recurs: 2 million rows share far fewer cells
    found = {}
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            match = SEGMENT.match(line)
            if match is None:
                if (found or LABEL.search(line)) and line.strip():
                    raise DataError(
                        f"{path}, line {number} is no segment: download the list again from {SOURCE}."
                    )
                continue  # headers: one to three lines, with or without "#"
            ytid, text = match.groups()
            if text not in cells:
                cells[text] = ";".join(names.get(mid, mid) for mid in LABEL.findall(text))
            found[ytid] = cells[text]
    return found


def youtube_id(stem: str, ids: Container[str]) -> tuple[str, str] | None:
    """(id, rest of the name) of a file's stem in any of the naming styles in use, None when no id is listed.

    Membership decides, as an id may itself begin with "Y", "-" or "_"; a name that ends or goes on with a separator
    after the id comes first.

    >>> youtube_id("Y--4gqARaEJE", {"--4gqARaEJE"})
    ('--4gqARaEJE', '')
    """
    plain, prefixed = (stem[:11], stem[11:]), (stem[1:12], stem[12:])
    readings = [
        pair for pair in ((plain, prefixed) if stem[:1] == "Y" else (plain,)) if pair[0] in ids
    ]
    return next(
        (pair for pair in readings if not pair[1][:1].isalnum()), readings[0] if readings else None
    )


def sift(folder: Path, clip_of: Callable[[str], Hashable | None]) -> tuple[dict, dict[str, int]]:
    """{clip: (is empty, path)} by what `clip_of` says of a file's stem; how many files are "duplicated", "unlisted".

    Of several copies the first that is not empty in path order counts.
    """
    found, counts = {}, {"duplicated": 0, "unlisted": 0}
    for path, entry in walk(folder):
        stem, suffix = os.path.splitext(entry.name)
        if suffix.lower() not in AUDIO:
            continue
        clip = clip_of(stem)
        if clip is None:
            counts["unlisted"] += 1
            continue
        copy = (entry.stat().st_size == 0, path)
        counts["duplicated"] += clip in found
        found[clip] = min(copy, found.get(clip, copy))
    return found, counts


def build(folder: Path) -> pd.DataFrame:
    """Index of the clips that are there; attrs["duplicated"]: further copies of a clip, ["unlisted"]: files of no clip.

    D21: the id alone keys a clip (official lists hold each video once). Missing clips are listed by id, as nothing
    fixes what their file would be called.
    """
    names, labels, splits = class_names(folder), {}, {}
    lists = [(path, split) for name, split in LISTS.items() if (path := place(folder, name))]
    if not lists:
        raise DataError(
            f"{folder} has no segment list such as {next(iter(LISTS))}: download the lists from {SOURCE}."
        )
    for path, split in lists:
        segment_labels = segments(path, names)
        labels.update(segment_labels)
        splits.update(dict.fromkeys(segment_labels, split))
    found, counts = sift(folder, lambda stem: (youtube_id(stem, labels) or (None,))[0])
    columns = {
        "path": [path for _, path in found.values()],
        "label": [labels[key] for key in found],
        "split": [splits[key] for key in found],
    }
    return index(
        folder,
        columns,
        ("label",),
        (key for key in labels if key not in found),
        [not empty for empty, _ in found.values()],
        **counts,
    )


AUDIOSET = DataSet(
    name="audioset",
    title="AudioSet (AS)",
    folders=("audioset", "AudioSet", "AUDIOSET"),
    build=build,
    tasks={"events": Task("label", classes, "mAP", multi_label=True)},
    seconds=10.0,
    split_rule="train = balanced and unbalanced train segments, test = eval segments, as far as clips are there.",
    split_source="the official segment lists; section 3.1 of the paper",
    licence="lists CC BY 4.0, ontology CC BY-SA 4.0; the audio belongs to its YouTube uploaders",
    citation="Gemmeke et al., Audio Set: An ontology and human-labeled dataset for audio events, ICASSP 2017",
    obtain=f"put the segment lists and {CLASSES} from {SOURCE} and the clips under <data root>/audioset, under any of "
    "the usual file names.",
    counts={
        "train": 2_063_949,
        "test": 20_371,
        "clips": 2_084_320,
        "classes": 527,
        "pre-training clips of the paper": 1_793_632,
    },
)
