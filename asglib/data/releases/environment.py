"""Environmental sound: ESC-50 (paper section 3.1); TUT 2018, DCASE 2013, DESED and birds of the compared papers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from asglib.data.listing import audio, held_out, index, lines, need, place, records
from asglib.data.sets import DataError, DataSet, Task

SCENES_2013 = (
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
)
SCENES_2018 = (
    "airport",
    "shopping_mall",
    "metro_station",
    "street_pedestrian",
    "public_square",
    "street_traffic",
    "tram",
    "bus",
    "metro",
    "park",
)
DOMESTIC = (
    "Alarm_bell_ringing",
    "Blender",
    "Cat",
    "Dishes",
    "Dog",
    "Electric_shaver_toothbrush",
    "Frying",
    "Running_water",
    "Speech",
    "Vacuum_cleaner",
)
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


def esc_classes(folder: Path) -> tuple[str, ...]:
    """Categories in the order of the published target numbers: 50, or the ten that ESC-10 has of them."""
    rows = records(folder / "meta/esc50.csv", ("target", "category"))
    return tuple(
        name for _, name in sorted({(int(row["target"]), row["category"]) for row in rows})
    )


def fold_number(text: str, path: Path) -> int:
    """The digit in a fold's name; DataError when there is none."""
    digit = re.search(r"\d", text)
    if digit is None:
        raise DataError(f"{path}: '{text}' is no fold: put the release's own file back.")
    return int(digit[0])


def esc50(folder: Path) -> pd.DataFrame:
    """Clips by meta/esc50.csv, whose filename column holds in forks that rename files too; group: source recording."""
    listing = folder / "meta/esc50.csv"
    rows = [
        {
            "path": f"audio/{row['filename']}",
            "category": row["category"],
            "fold": fold_number(row["fold"], listing),
            # D20: fold 5 is the test fold; `fold` has all five
            "split": "test" if row["fold"] == "5" else "train",
            "group": row["src_file"],
        }
        for row in records(listing, ("filename", "fold", "target", "category", "src_file"))
    ]
    return index(folder, rows, ("category",))


def tut2018(folder: Path) -> pd.DataFrame:
    """Scenes by meta.csv and fold 1; group: city and location, which do not cross it."""
    setup = folder / "evaluation_setup"
    evaluate = setup / "fold1_evaluate.txt"
    test = evaluate if evaluate.exists() else setup / "fold1_test.txt"
    splits = {
        line.split("\t")[0]: split
        for split, path in (("train", setup / "fold1_train.txt"), ("test", test))
        for line in lines(path)
    }
    meta = records(folder / "meta.csv", ("filename", "scene_label", "identifier"), "\t")
    rows = [
        {
            "path": row["filename"],
            "scene": row["scene_label"],
            "split": splits[row["filename"]],
            "group": row["identifier"],
        }
        for row in meta
        if row["filename"] in splits
    ]
    unlabelled = splits.keys() - {row["filename"] for row in meta}
    return index(folder, rows, ("scene",), unlabelled, unlisted=len(meta) - len(rows))


def dcase2013(folder: Path) -> pd.DataFrame:
    """Scenes, the label being the name without its number; dev and test files share names, so folders tell them apart.

    Fold: the official one of a test clip, from dcase2013_task1_filenamekey.csv when that is there.
    """
    key = place(folder, "dcase2013_task1_filenamekey.csv")
    cells = [line.split(",") for line in lines(key)[1:]] if key else []
    folds = {os.path.basename(row[3].strip().strip('"')): fold_number(row[0], key) for row in cells}
    rows = []
    for part, split in (("scenes_stereo", "train"), ("scenes_stereo_testset", "test")):
        names = set(audio(folder / part)) if (folder / part).is_dir() else set()
        if split == "test":
            names |= set(folds)
        rows += [
            {
                "path": f"{part}/{name}",
                "scene": re.sub(r"\d+\.\w+$", "", name.removeprefix("test_")),
                "split": split,
                "fold": folds.get(name, -1) if split == "test" else -1,
            }
            for name in names
        ]
    return index(folder, rows, ("scene",))


def desed(folder: Path) -> pd.DataFrame:
    """The real recordings; a clip's labels are the union of its events' (D28), none for clips without an event."""
    base = next(
        (path for path in (folder / "dataset", folder) if (path / "metadata").is_dir()), None
    )
    prefix = "dataset/" if base == folder / "dataset" else ""
    rows, absent = [], []
    for part, (split, column) in DESED_PARTS.items():
        listing = need(base or folder / "dataset") / "metadata" / f"{part}.tsv"
        if not listing.exists():
            absent.append(f"{prefix}metadata/{part}.tsv")
            continue
        labels: dict[str, set[str]] = {}
        for row in records(listing, ("filename", column), "\t"):
            labels.setdefault(row["filename"], set()).update(
                name for name in row[column].split(",") if name
            )
        rows += [
            {
                "path": f"{prefix}audio/{part}/{name}",
                "label": ";".join(sorted(events)),
                "split": split,
                # weak and validation names begin with a Y before the video's id, those of the eval part do not
                "group": re.sub(r"^Y?([\w-]{11})_.*", r"\1", name),
            }
            for name, events in labels.items()
        ]
    return index(folder, rows, ("label",), absent)


def birds2018(folder: Path) -> pd.DataFrame:
    """The three development sets of which lists are there; files are found by their name, whatever the folder.

    D29: no split is published; in each set and class the fifth of clips whose id's SHA-256 comes first is test.
    """
    lists = [
        path
        for name in BIRD_LISTS
        if (path := place(folder, name) or next(folder.glob(f"*/{name}"), None))
    ]
    if not lists:
        raise DataError(f"{folder} has no list such as {BIRD_LISTS[0]}: {BIRDS2018.obtain}")
    clips = [row for path in lists for row in records(path, ("itemid", "datasetid", "hasbird"))]
    if unknown := {row["hasbird"] for row in clips} - set(BIRD):
        raise DataError(
            f"{folder}: the lists say hasbird '{min(unknown)}' where 0 or 1 belongs: "
            "download them again."
        )
    names = [row["itemid"].removesuffix(".wav") for row in clips]
    test = held_out(names, (f"{row['datasetid']} {row['hasbird']}" for row in clips), 0.2)
    where = {path.rsplit("/", 1)[-1].removesuffix(".wav"): path for path in audio(folder)}
    rows = [
        {
            "path": where.get(name, f"{row['datasetid']}/wav/{name}.wav"),
            "bird": BIRD[row["hasbird"]],
            "split": "test" if name in test else "train",
        }
        for name, row in zip(names, clips)
    ]
    return index(folder, rows, ("bird",))


ESC50 = DataSet(
    name="esc50",
    title="ESC-50 (ESC)",
    folders=("ESC-50-master", "ESC-50", "esc50", "ESC-10"),
    build=esc50,
    tasks={"sound": Task("category", esc_classes)},
    seconds=5.0,
    split_rule="Single split, fold 5 is the test fold; the official evaluation is the mean over all five.",
    split_source="column fold of esc50.csv: clips of one source stay in one fold",
    licence="CC BY-NC 3.0 (ESC-10: CC BY)",
    citation="Piczak, ESC: Dataset for environmental sound classification, ACM Multimedia 2015",
    obtain="extract https://github.com/karoldvl/ESC-50/archive/master.zip under the data root.",
    counts={"clips": 2_000, "train": 1_600, "test": 400, "classes": 50, "clips of ESC-10": 400},
)

DESED = DataSet(
    name="desed",
    title="DESED, real recordings",
    folders=("DESED", "desed"),
    build=desed,
    tasks={"events": Task("label", DOMESTIC, "mAP", multi_label=True)},
    seconds=10.0,
    split_rule="train = weak, valid = validation, test = public evaluation; the clips without labels are left out.",
    split_source="the official lists; which serve as train and test is ours",
    licence="lists and code MIT, audio file by file",
    citation="Turpault et al., Sound event detection in domestic environments, DCASE 2019",
    obtain="download the real recordings with the desed package into <data root>/DESED.",
    counts={"train": 1_578, "valid": 1_168, "test": 692, "classes": 10},
)

TUT2018 = DataSet(
    name="tut2018",
    title="TUT Urban Acoustic Scenes 2018",
    folders=("TUT-urban-acoustic-scenes-2018-development", "tut2018"),
    build=tut2018,
    tasks={"scene": Task("scene", SCENES_2018)},
    seconds=10.0,
    split_rule="The official fold 1 of the development set: train, and evaluate as test; no location crosses.",
    split_source="evaluation_setup/fold1_*.txt",
    licence="free for non-commercial use",
    citation="Mesaros et al., A multi-device dataset for urban acoustic scene classification, arXiv 1807.09840, 2018",
    obtain="extract all zips of https://zenodo.org/record/1228142 under the data root.",
    counts={"train": 6_122, "test": 2_518, "clips": 8_640, "classes": 10},
)

BIRDS2018 = DataSet(
    name="birds2018",
    title="Bird Audio Detection 2018",
    folders=("birds2018", "bird-audio-detection"),
    build=birds2018,
    tasks={"bird": Task("bird", tuple(BIRD.values()))},
    seconds=10.0,
    split_rule="In each set and class, the 20 % of clips whose id's SHA-256 comes first are the test part.",
    split_source="ours; the official test labels are withheld",
    licence="labels CC BY, audio set by set",
    citation="Stowell et al., Automatic acoustic detection of birds through deep learning, "
    "Methods in Ecology and Evolution, 2019",
    obtain="put the lists and wav/ folders of freefield1010, warblrb10k and BirdVox-DCASE-20k "
    "(https://dcase.community/challenge2018/task-bird-audio-detection) under <data root>/birds2018.",
    counts={
        "clips": 35_690,
        "ff1010bird": 7_690,
        "warblrb10k": 8_000,
        "BirdVox-DCASE-20k": 20_000,
        "classes": 2,
    },
)

DCASE2013 = DataSet(
    name="dcase2013",
    title="DCASE 2013 scenes",
    folders=("dcase2013", "DCASE2013"),
    build=dcase2013,
    tasks={"scene": Task("scene", SCENES_2013)},
    seconds=10.0,  # D31: 30 s clips are cut into parts of 10 s, as T = 3000 fits no batch of 64
    split_rule="train = the development set, test = the published test set; the latter's official folds are in `fold`.",
    split_source="the two official archives",
    licence="Creative Commons",
    citation="Stowell et al., Detection and classification of acoustic scenes and events, IEEE Trans. Multimedia 2015",
    obtain="extract scenes_stereo.zip and scenes_stereo_testset.zip from archive.org/details/"
    "dcase2013_scene_classification and ..._testset into <data root>/dcase2013.",
    counts={"train": 100, "test": 100, "classes": 10},
)
