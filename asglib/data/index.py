"""The data sets (paper section 3.1): one table, and one index a set."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from asglib.data import converted, listing
from asglib.data.releases import (
    audioset,
    digits,
    embedded,
    environment,
    language,
    music,
    speech,
    vggsound,
)
from asglib.data.sets import DataError, DataSet, Task
from asglib.files import locked, write_atomically

DATASETS: dict[
    str, DataSet
] = {  # the columns of the paper's tables, what a laptop can hold, the compared papers' sets
    "audioset": audioset.AUDIOSET,
    "vggsound": vggsound.VGGSOUND,
    "librispeech": speech.LIBRISPEECH,
    "speech_commands_v1": speech.SPEECH_COMMANDS_V1,
    "speech_commands_v2": speech.SPEECH_COMMANDS_V2,
    "nsynth": music.NSYNTH,
    "voxceleb1": speech.VOXCELEB1,
    "musan": music.MUSAN,
    "esc50": environment.ESC50,
    "fsdd": digits.FSDD,
    "notes": music.NOTES,
    "toy": embedded.TOY,
    "toy-a": embedded.TOY_A,
    "toy-b": embedded.TOY_B,
    "desed": environment.DESED,
    "tut2018": environment.TUT2018,
    "birds2018": environment.BIRDS2018,
    "spoken_language": language.SPOKEN_LANGUAGE,
    "dcase2013": environment.DCASE2013,
}
FIXED = (
    "path",
    "split",
    "fold",
    "start",
    "stop",
    "group",
)  # the index's columns that are no labels


def row(name: str) -> DataSet:
    """The set's row of DATASETS; DataError names the sets there are."""
    if name not in DATASETS:
        raise DataError(f"There is no data set '{name}': choose from {', '.join(DATASETS)}.")
    return DATASETS[name]


def find(name: str, data_root: Path) -> Path | None:
    """The set's folder under `data_root`, None when it is not there; DataError when there is no `data_root`.

    A finished conversion, <data root>/<name>, comes before the release.
    """
    folders = [Path(data_root) / folder for folder in row(name).folders]
    if row(name).embedded:
        return folders[0]
    if not Path(data_root).is_dir():
        raise DataError(
            f"The data root {data_root} is no folder: create it, or point ASG_DATA at the folder that "
            "holds the data sets."
        )
    if converted.is_one(Path(data_root) / name):
        return Path(data_root) / name
    return next((folder for folder in folders if folder.is_dir()), None)


def load(name: str, data_root: Path, cache: Path) -> pd.DataFrame:
    """The set's index (see DataSet), built when the folder has changed, else read from `cache`.

    attrs: "missing", "empty", "classes" {label column: names}, and what the set's `build` counts. DataError: the set
    is not there, its lists are not, or none of its files is.
    """
    wanted, folder = row(name), find(name, data_root)
    if wanted.embedded:
        return _build(wanted, folder)
    if (Path(data_root) / name / converted.LOCK).exists() and not converted.is_one(
        Path(data_root) / name
    ):
        raise DataError(
            f"{Path(data_root) / name} is a conversion that was broken off: run prepare --convert again, "
            "it goes on where it was."
        )
    if folder is None:
        looked = ", ".join(wanted.folders)
        raise DataError(
            f"{wanted.title} is not under {data_root} (looked for {looked}): {wanted.obtain}"
        )
    if not any(folder.iterdir()):
        raise DataError(f"{folder} is empty: {wanted.obtain}")
    folder = Path(os.path.abspath(folder))
    code = b"".join(source.read_bytes() for source in sorted(Path(__file__).parent.rglob("*.py")))
    key = hashlib.sha256(str(folder).encode() + code).hexdigest()[:16]
    path = Path(cache) / "index" / f"{name}-{key}.parquet"
    with locked(path.with_suffix(".lock")):
        if not (path.exists() and _valid(path.with_suffix(".json"))):
            state, frame = _state(folder), _build(wanted, folder)
            path.with_suffix(".json").unlink(
                missing_ok=True
            )  # a state must never stand beside another's index
            write_atomically(path, frame.to_parquet)
            # Filling an empty file in place changes no folder's time, so that empty files belong to the state.
            empty = {
                f"{folder}/{name}": _stamp(f"{folder}/{name}") for name in frame.attrs["empty"]
            }
            state |= {file: stamp and [stamp[0], 0] for file, stamp in empty.items()}
            write_atomically(
                path.with_suffix(".json"), lambda out: out.write_text(json.dumps(state))
            )
    return listing.read(path)


def fingerprint(frame: pd.DataFrame, folder: Path) -> str:
    """16 hex digits of everything about the rows that a result depends on: path, size, labels, split, start, stop.

    Every file is asked for its size every time, 8 s of CPU for two million: what is written into a file in place
    changes its size but not its folder's time, so that a kept fingerprint could be of other sound.
    """
    columns = ["path", *(name for name in frame if name not in FIXED), "split", "start", "stop"]
    digest = hashlib.sha256("\t".join(columns).encode())
    for first in range(
        0, len(frame), 2**16
    ):  # all rows at once would be a gigabyte of Python's strings
        part = frame.iloc[first : first + 2**16]
        for cells in zip(*(part[name].tolist() for name in columns)):
            digest.update(repr((cells, listing.size(f"{folder}/{cells[0]}"))).encode())
    return digest.hexdigest()[:16]


def label_ids(frame: pd.DataFrame, task: Task) -> tuple[np.ndarray, tuple[str, ...]]:
    """(int64 ids [n], or for several labels a uint8 multi-hot [n, C]; the C classes in the order of the ids).

    An id of -1 takes no part in the task: a cell without a label, or, where the train rows make the classes, a label
    that none of them has. DataError: a label that a published class list lacks.
    """
    classes = class_names(frame, task)
    cells = pa.array(frame[task.label].fillna("").to_numpy(object), pa.large_string())
    parts = pc.split_pattern(
        cells, ";" if task.multi_label else "\n"
    )  # vectorised: two million rows, 527 classes
    rows, names = pc.list_parent_indices(parts).to_numpy(), pc.list_flatten(parts)
    ids = pc.fill_null(pc.index_in(names, pa.array(classes, pa.large_string())), -1)
    unknown = pc.unique(names.filter(pc.and_(pc.less(ids, 0), pc.not_equal(names, "")))).to_pylist()
    ids = ids.to_numpy()
    if unknown and task.classes is not None:
        raise DataError(
            f"{len(unknown)} labels such as '{min(unknown)}' are not among the {len(classes)} classes of "
            f"'{task.label}': put the release's own lists back."
        )
    if not task.multi_label:
        return ids.astype(np.int64), classes
    hot = np.zeros((len(frame), len(classes)), np.uint8)
    hot[rows[ids >= 0], ids[ids >= 0]] = 1
    return hot, classes


def class_names(frame: pd.DataFrame, task: Task) -> tuple[str, ...]:
    """The task's classes in the order of their ids; DataError when only the release and thus `load` knows them."""
    if isinstance(task.classes, tuple):
        return task.classes
    known = frame.attrs.get("classes", {}).get(task.label)
    if known is None and callable(task.classes):
        raise DataError(
            f"The classes of '{task.label}' stand in the release: get the index from datasets.load."
        )
    return tuple(known or sorted(set(frame.loc[frame.split == "train", task.label]) - {""}))


def _build(wanted: DataSet, folder: Path) -> pd.DataFrame:
    """The index of a release or of a conversion, with its classes in attrs; DataError when no file is there."""
    if converted.is_one(folder):
        frame = converted.build(folder, [task.label for task in wanted.tasks.values()])
    else:
        frame = wanted.build(folder)
    if frame.empty:
        raise DataError(
            f"{folder} holds none of the files of {wanted.title} (missing {len(frame.attrs['missing'])}, "
            f"empty {len(frame.attrs['empty'])}): {wanted.obtain}"
        )
    if "classes" in frame.attrs:  # a conversion keeps what the release's class files say
        return frame
    classes = {
        task.label: task.classes(folder) if callable(task.classes) else class_names(frame, task)
        for task in wanted.tasks.values()
    }
    frame.attrs["classes"] = {label: listing.Uncopied(names) for label, names in classes.items()}
    return frame


def _valid(state: Path) -> bool:
    return state.exists() and all(
        _stamp(file) == stamp for file, stamp in json.loads(state.read_text()).items()
    )


def _state(folder: Path) -> dict[str, list[int]]:
    """Time and size of every folder and every list below `folder`; an index is valid while these last.

    A file that comes or goes changes its folder's time, so that checking a state lists no folder: that takes seconds
    where two million clips lie.
    """
    state = {}
    for directory, _, files in os.walk(folder, followlinks=True):
        lists = [name for name in files if os.path.splitext(name)[1].lower() in listing.LISTS]
        for path in (directory, *(os.path.join(directory, name) for name in lists)):
            state[path] = _stamp(path)
    return state


def _stamp(path: str) -> list[int] | None:
    if not os.path.exists(path):
        return None
    state = os.stat(path)
    return [state.st_mtime_ns, state.st_size]
