"""Environmental sound: ESC-50 (paper section 3.1); beside it TUT 2018, DCASE 2013, DESED, birds."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from asglib.counting import counted
from asglib.data import lists
from asglib.data.listing import DataError, audio, held_out, index, need

DESED_PARTS = {
    "train/weak": ("train", "event_labels"),
    "validation/validation": ("valid", "event_label"),
    "eval/public": ("test", "event_label"),
}
BIRD_LISTS = (
    "ff1010bird_metadata_2018.csv",
    "warblrb10k_public_metadata_2018.csv",
    "BirdVoxDCASE20k_csvpublic.csv",
)
BIRD = {"0": "no bird", "1": "bird"}


def esc50(folder: Path) -> pd.DataFrame:
    """Clips by meta/esc50.csv, whose filename column also holds in forks that rename files.

    Group: the source recording. Classes in the order of the published target numbers: 50, or the
    ten of them that ESC-10 has.
    """
    rows, targets = [], set()
    columns = ("filename", "fold", "target", "category", "src_file")
    for row in lists.records(folder / "meta/esc50.csv", columns):
        fold = lists.number(row["fold"], "fold", row["where"])
        split = "test" if fold == 5 else "train"  # D20: fold 5 is the test fold; `fold` has all
        rows.append((f"audio/{row['filename']}", row["category"], fold, split, row["src_file"]))
        targets.add((lists.number(row["target"], "target", row["where"]), row["category"]))
    classes = {"category": [name for _, name in sorted(targets)]}
    return index(folder, rows, ("path", "category", "fold", "split", "group"), classes=classes)


def tut2018(folder: Path) -> pd.DataFrame:
    """Scenes by meta.csv and fold 1; group: city and location, which do not cross it."""
    columns = ("filename", "scene_label", "identifier")
    meta = {row["filename"]: row for row in lists.records(folder / "meta.csv", columns, "\t")}
    setup = folder / "evaluation_setup"
    test = setup / "fold1_evaluate.txt"
    if not test.exists():  # the same clips without their labels
        test = setup / "fold1_test.txt"
    splits = lists.parts({"train": setup / "fold1_train.txt", "test": test}, set(meta))
    known = [(name, row, splits[name]) for name, row in meta.items() if name in splits]
    rows = [(name, row["scene_label"], split, row["identifier"]) for name, row, split in known]
    unlabelled = splits.keys() - meta.keys()
    return index(folder, rows, ("path", "scene", "split", "group"), unlabelled)


def dcase2013(folder: Path) -> pd.DataFrame:
    """Scenes, named like their files without the number; dev and test files share their names.

    Fold: the official one of a test clip, from dcase2013_task1_filenamekey.csv when that is there.
    """
    key, folds = lists.find(folder, "dcase2013_task1_filenamekey.csv"), {}
    for where, cells in list(lists.cells(key))[1:] if key else ():
        if len(cells) < 4:
            raise DataError(
                f"{where} has {counted(len(cells), 'cell')} where 4 belong: {lists.BACK}"
            )
        fold = cells[0].partition("_")[0]  # "fold1_testset"
        folds[os.path.basename(cells[3])] = lists.number(fold, "fold", where)
    rows = []
    for part, split in (("scenes_stereo", "train"), ("scenes_stereo_testset", "test")):
        names = set(audio(folder / part)) if (folder / part).is_dir() else set()
        for name in names | folds.keys() if split == "test" else names:
            scene = re.sub(r"\d+\.\w+$", "", name.removeprefix("test_"))
            rows.append(
                (f"{part}/{name}", scene, split, folds.get(name, -1) if split == "test" else -1)
            )
    return index(folder, rows, ("path", "scene", "split", "fold"))


def desed(folder: Path) -> pd.DataFrame:
    """The real recordings; a clip has the labels of all its events (D28), or none."""
    prefix = "" if (folder / "metadata").is_dir() else "dataset/"
    need(folder / prefix / "metadata")
    rows, absent = [], []
    for part, (split, column) in DESED_PARTS.items():
        path = f"{prefix}metadata/{part}.tsv"
        if not (folder / path).exists():
            absent.append(path)
            continue
        labels: dict[str, set[str]] = {}
        for row in lists.records(folder / path, ("filename", column), "\t"):
            events = {name.strip() for name in row[column].split(",")} - {""}
            labels.setdefault(row["filename"], set()).update(events)
        for name, events in labels.items():
            label = ";".join(sorted(events))
            rows.append((f"{prefix}audio/{part}/{name}", label, split, _video(name)))
    return index(folder, rows, ("path", "label", "split", "group"), absent)


def desed_events(folder: Path) -> pd.DataFrame:
    """A clip an event of the strongly labelled parts, from its onset to its offset (D61).

    Train is the validation part, test the public evaluation. Of several events with one onset and
    offset no single label is true: they are left out.
    """
    prefix = "" if (folder / "metadata").is_dir() else "dataset/"
    rows = []
    for part, split in (("validation/validation", "train"), ("eval/public", "test")):
        names: dict[tuple, set[str]] = {}
        columns = ("filename", "onset", "offset", "event_label")
        for row in lists.records(folder / f"{prefix}metadata/{part}.tsv", columns, "\t"):
            if row["event_label"]:  # a clip may have no event
                start, stop = (lists.seconds(row[n], n, row["where"]) for n in columns[1:3])
                if stop <= start:
                    raise DataError(f"{row['where']}: an event ends before it begins: {lists.BACK}")
                names.setdefault((row["filename"], start, stop), set()).add(row["event_label"])
        rows += [
            (f"{prefix}audio/{part}/{name}", *labels, split, _video(name), start, stop)
            for (name, start, stop), labels in names.items()
            if len(labels) == 1
        ]
    return index(folder, rows, ("path", "label", "split", "group", "start", "stop"))


def _video(name: str) -> str:
    """Weak and validation names begin with a Y before the video's id, those of eval do not."""
    return re.sub(r"^Y?([\w-]{11})_.*", r"\1", name)


def birds2018(folder: Path) -> pd.DataFrame:
    """The three development sets of which lists are there; files are found by name in any folder.

    D29: no split is published; in each set and class the fifth of clips whose id's SHA-256 comes
    first is test.
    """
    found = (
        lists.find(folder, name) or next(folder.glob(f"*/{name}"), None) for name in BIRD_LISTS
    )
    there = [path for path in found if path is not None]
    if not there:
        raise DataError(f"{folder} has no list such as {BIRD_LISTS[0]}: put it there.")
    columns = ("itemid", "datasetid", "hasbird")
    clips = [row for path in there for row in lists.records(path, columns)]
    for row in clips:
        if row["hasbird"] not in BIRD:
            cell = row["hasbird"]
            raise DataError(f"{row['where']}: hasbird '{cell}' where 0 or 1 belongs: {lists.BACK}")
    names = [row["itemid"].removesuffix(".wav") for row in clips]
    test = held_out(names, (f"{row['datasetid']} {row['hasbird']}" for row in clips), 0.2)
    where = {path.rsplit("/", 1)[-1].removesuffix(".wav"): path for path in audio(folder)}
    rows = []
    for name, row in zip(names, clips):
        path = where.get(name, f"{row['datasetid']}/wav/{name}.wav")
        rows.append((path, BIRD[row["hasbird"]], "test" if name in test else "train"))
    return index(folder, rows, ("path", "bird", "split"))
