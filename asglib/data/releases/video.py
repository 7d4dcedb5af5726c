"""Sound of videos (paper section 3.1): AudioSet and VGGSound, the two pre-training corpora."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from asglib.audio import SOUNDS
from asglib.data import lists
from asglib.data.listing import DataError, Uncopied, index, need, sha256, size, walk

CLASSES = "class_labels_indices.csv"
SEGMENTS = {  # a clip of several lists belongs to the last: no test clip is ever trained on
    "balanced_train_segments.csv": "train",
    "unbalanced_train_segments.csv": "train",
    "eval_segments.csv": "test",
    "official_eval_segments.csv": "test",  # the copy that comes with AST
}
# Official copies have ', ' and quotes, re-saved ones neither; Excel adds quotes and commas, and
# often CRLF. All have an 11-character id, two numbers, and label ids that begin with a slash.
SEGMENT = re.compile(r'\s*"?([\w-]{11})"?\s*,\s*"?[\d.]+"?\s*,\s*"?[\d.]+"?\s*,(.*)')
LABEL = re.compile(r"/[a-z]/\w+")
ROW = re.compile(r"([\w-]{11})\t(\d+)\t([^\t]+)\t(train|test)")  # of vggsound.csv
CLIP = re.compile(r"([\w-]{11})_(\d{6})(?:\.\w+)?")  # of train.csv and test.csv
COLUMNS = ("path", "label", "split", "group")
PICKED = {"train": 1_600, "test": 400}  # clips of AudioSet-10


def class_names(folder: Path) -> dict[str, str]:
    """Label id -> display name in the published order, 527 in the published class file."""
    path = lists.find(folder, CLASSES) or need(folder / CLASSES)
    rows = lists.records(path, ("index", "mid", "display_name"))
    rows.sort(key=lambda row: lists.number(row["index"], "number", row["where"]))
    return {row["mid"]: row["display_name"] for row in rows}


def segments(path: Path, names: dict[str, str]) -> dict[str, str]:
    """YouTube id -> display names joined by ";" of one list; DataError at a line that is none."""
    joined: dict[str, str] = {}  # the same labels recur: 2 million rows share far fewer cells
    found = {}
    for number, line in enumerate(lists.text(path).splitlines(), 1):
        match = SEGMENT.match(line)
        if match is None:  # the header has one to three lines
            if line.strip() and (found or LABEL.search(line)):
                raise DataError(f"{path}, line {number} is no segment: {lists.BACK}")
            continue
        ytid, labels = match.groups()
        if labels not in joined:
            mids = LABEL.findall(labels)
            for mid in set(mids) - names.keys():
                where = f"{path}, line {number}"
                raise DataError(f"{where}: the label {mid} is not in {CLASSES}: {lists.BACK}")
            joined[labels] = ";".join(names[mid] for mid in mids)
        found[ytid] = joined[labels]
    return found


def youtube_id(stem: str, ids: Container[str]) -> tuple[str, str] | None:
    """(id, rest of the name) of a file's stem in any usual style, None when no id is listed.

    Membership decides, as an id may itself begin with "Y", "-" or "_"; a name that ends or goes on
    with a separator after the id comes first.

    >>> youtube_id("Y--4gqARaEJE", {"--4gqARaEJE"})
    ('--4gqARaEJE', '')
    """
    readings = [(stem[:11], stem[11:])]
    if stem.startswith("Y"):
        readings.append((stem[1:12], stem[12:]))
    listed = [(ytid, rest) for ytid, rest in readings if ytid in ids]
    separated = [(ytid, rest) for ytid, rest in listed if not rest[:1].isalnum()]
    return next(iter(separated + listed), None)


def sift(
    folder: Path,
    listed: dict[Hashable, tuple[str, str, str]],
    clip_of: Callable[[str], Hashable | None],
    name_of: Callable[[Hashable], str],
    classes: Iterable[str],
) -> pd.DataFrame:
    """The index of the clips that are there, from {clip: (label, split, group)}.

    `clip_of` gives the clip of a file's stem, `name_of` the name of a missing clip. Of several
    copies the first that is not empty in path order counts.
    """
    found: dict[Hashable, tuple[bool, str]] = {}  # clip: whether its file is empty, its path
    for path in walk(folder):
        stem, suffix = os.path.splitext(os.path.basename(path))
        clip = clip_of(stem) if suffix.lower() in SOUNDS else None
        if clip is not None:
            copy = (size(f"{folder}/{path}") <= 0, path)
            found[clip] = min(copy, found.get(clip, copy))
    rows = [(path, *listed[clip]) for clip, (_, path) in found.items()]
    missing = map(name_of, listed.keys() - found.keys())
    sizes = [not empty for empty, _ in found.values()]
    return index(folder, rows, COLUMNS, missing, sizes, {"label": classes})


def listed_videos(folder: Path) -> dict[str, tuple[str, str, str]]:
    """{YouTube id: (display names joined by ";", split, "")} of the lists that are there."""
    names, found = class_names(folder), {}
    there = {path: split for name, split in SEGMENTS.items() if (path := lists.find(folder, name))}
    if not there:
        raise DataError(
            f"{folder} has no segment list such as {next(iter(SEGMENTS))}: download it."
        )
    for path, split in there.items():
        labels = segments(path, names)
        found |= {ytid: (label, split, "") for ytid, label in labels.items()}
    return found


def audioset(folder: Path) -> pd.DataFrame:
    """D21: the id alone keys a clip (official lists hold each video once).

    Missing clips are listed by id, as nothing fixes what their file would be called.
    """
    listed = listed_videos(folder)

    def clip_of(stem: str) -> str | None:
        return (youtube_id(stem, listed) or (None,))[0]

    return sift(folder, listed, clip_of, str, class_names(folder).values())


def audioset10(folder: Path) -> pd.DataFrame:
    """2,000 clips of AudioSet with exactly one of the ten classes that most train clips have (D62).

    1,600 of train and 400 of test: of those that are there, the first by their id's SHA-256.
    """
    listed = listed_videos(folder)
    labels = [label.split(";") for label, split, _ in listed.values() if split == "train"]
    counts = Counter(name for names in labels for name in set(names))
    top = sorted(counts, key=lambda name: (-counts[name], name))[:10]
    single = {}
    for ytid, (label, split, _) in listed.items():
        mine = set(label.split(";")) & set(top)
        if len(mine) == 1:
            single[ytid] = (*mine, split, ytid)

    def clip_of(stem: str) -> str | None:
        ytid, _ = youtube_id(stem, listed) or (None, "")
        return ytid if ytid in single else None

    table = sift(folder, single, clip_of, str, top)
    order = table.iloc[table.group.map(sha256).argsort(kind="stable")].groupby("split")
    kept = [part.head(PICKED[split]) for split, part in order]
    chosen = pd.concat(kept or [table]).sort_index().assign(group="").reset_index(drop=True)
    chosen.attrs = table.attrs | {"missing": Uncopied(), "empty": Uncopied()}
    return chosen


def clips(folder: Path) -> dict[tuple[str, int], tuple[str, str, str]]:
    """{(id, start in seconds): (label, split, id)} of vggsound.csv, else of train and test.csv."""
    whole, found = lists.find(folder, "vggsound.csv"), {}
    for where, match, label, split in _whole(whole) if whole else _halves(folder):
        if match is None:
            raise DataError(f"{where} is no clip of VGGSound: {lists.BACK}")
        clip = match[1], int(match[2])
        if found.get(clip, ("", split, ""))[1] != split:
            raise DataError(f"{where} is a clip of the other part too: {lists.BACK}")
        found[clip] = (label, split, clip[0])
    return found


def _whole(path: Path) -> Iterator[tuple]:
    for where, cells in lists.cells(path):
        row = ROW.fullmatch("\t".join(cells))
        yield where, row, row and row[3], row and row[4]


def _halves(folder: Path) -> Iterator[tuple]:
    for split in ("train", "test"):
        path = lists.find(folder, f"{split}.csv") or need(folder / "vggsound.csv")
        for where, cells in lists.cells(path):
            clip = CLIP.fullmatch(cells[0]) if len(cells) == 2 else None
            yield where, clip, cells[-1], split


def seconds(rest: str) -> float | None:
    """Start in seconds from what follows the id in a file's name, None when that holds no number.

    >>> seconds("_000030"), seconds("_30000_40000"), seconds("_30.0-40.0"), seconds("")
    (30.0, 30.0, 30.0, None)
    """
    numbers = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", rest)]
    if not numbers:
        return None
    milliseconds = len(numbers) > 1 and numbers[1] - numbers[0] >= 1000
    return numbers[0] / 1000 if milliseconds else numbers[0]


def vggsound(folder: Path) -> pd.DataFrame:
    """Clips keyed by id and start; group: the video; 309 classes in the published list (D22)."""
    listed = clips(folder)
    starts: dict[str, list[int]] = {}
    for ytid, start in listed:
        starts.setdefault(ytid, []).append(start)

    def clip_of(stem: str) -> tuple[str, int] | None:
        ytid, rest = youtube_id(stem, starts) or (None, "")
        start = seconds(rest)
        if start is None and len(starts.get(ytid, ())) == 1:
            start = starts[ytid][0]
        return (ytid, int(start)) if (ytid, start) in listed else None

    classes = sorted({label for label, _, _ in listed.values()})
    return sift(folder, listed, clip_of, lambda clip: f"{clip[0]}_{clip[1]:06d}", classes)
