"""The table of data sets (paper section 3.1): sets.toml as frozen rows, each with its builder."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from asglib.data.fetch import Source
from asglib.data.listing import DataError
from asglib.data.releases import BUILDERS, folder


@dataclass(frozen=True)
class Task:
    """What is predicted from a clip: a column of the index, its classes and the metric."""

    label: str
    classes: tuple[str, ...] | None = None  # as published, in the order of the label ids
    released: bool = False  # True: the builder names them; else, without any, the train rows do
    metric: str = "accuracy"  # or "mAP", "F1" (macro), "wAP"
    folds: bool = False  # True: each fold of the release may be the test part (D54)
    multi_label: bool = False  # True: a cell holds labels joined by ";", "" for none


@dataclass(frozen=True)
class DataSet:
    """A row of sets.toml, which explains its fields; `build(folder)` returns the index.

    An index has the columns path (POSIX, relative to the folder), one a task ("": no label), split
    ("train", "valid", "test"), fold (-1: none), start and stop (seconds, NaN: the whole file), and
    group (what must not cross splits, "": nothing). attrs["missing"] are files that are listed but
    not there, attrs["empty"] those of length zero; neither is a row (D32).
    """

    name: str
    title: str
    folders: tuple[str, ...]
    build: Callable[[Path], pd.DataFrame]
    tasks: dict[str, Task]
    seconds: float
    split_rule: str
    split_source: str
    licence: str
    citation: str
    obtain: str
    counts: dict[str, int]
    embedded: bool = False  # True: `build` also makes the files, so that the folder need not exist


def row(name: str, data_root: Path | None = None) -> DataSet:
    """The set's row of DATASETS, or one made for a folder of that name below `data_root`.

    DataError names the sets there are.
    """
    if name in DATASETS:
        return DATASETS[name]
    plain = Path(name).name == name != "" and not name.startswith(".")
    if data_root is None or not plain or not (data_root / name).is_dir():
        raise DataError(
            f"There is no data set '{name}': choose from {', '.join(DATASETS)}, or a folder below "
            "the data root."
        )
    return DataSet(
        name=name,
        title=name,
        folders=(name,),
        build=folder.build,
        tasks={},
        seconds=0.0,
        split_rule=f"column split of {folder.INDEX}; without that file every clip is train",
        split_source="its owner",
        licence="its owner's",
        citation="",
        obtain=f"put sound files there, and an {folder.INDEX} if not all are for training.",
        counts={},
    )


def _sources(entries: list[dict]) -> dict[str, tuple[Source, ...]]:
    found = {entry["name"]: entry.pop("source", ()) for entry in entries}
    return {name: tuple(Source(**file) for file in files) for name, files in found.items() if files}


def _task(name: str, fields: dict) -> Task:
    classes = tuple(fields["classes"]) if "classes" in fields else None
    return Task(**{"label": name} | fields | {"classes": classes})


def _data_set(entry: dict) -> DataSet:
    tasks = {name: _task(name, fields) for name, fields in entry["tasks"].items()}
    labels = tuple(task.label for task in tasks.values())
    cross = entry.pop("groups_cross", False)
    general = partial(folder.build, labels=labels, groups_cross=cross)
    build = BUILDERS.get(entry["name"], general)
    return DataSet(**entry | {"folders": tuple(entry["folders"]), "build": build, "tasks": tasks})


_FACTS = tomllib.loads(Path(__file__).with_name("sets.toml").read_text("utf-8"))
BANKS = _sources(_FACTS["bank"])  # of impulse responses, which have no index
SOURCES = _sources(_FACTS["set"]) | BANKS
# the columns of the paper's tables, what a laptop can hold, the compared papers' sets
DATASETS = {entry["name"]: _data_set(entry) for entry in _FACTS["set"]}
