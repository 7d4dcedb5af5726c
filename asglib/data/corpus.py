"""The rows of one or several data sets as one corpus: what runs read, and what identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from asglib.config import ConfigError, need
from asglib.counting import counted
from asglib.data import content, index, toy
from asglib.data.decoded import Decoded
from asglib.data.places import clear, clear_folder, clear_lock, load_checked, locked, save_checked
from asglib.data.sets import Task
from asglib.data.workspace import Workspace
from asglib.files import log


@dataclass(frozen=True, eq=False)  # each is a key of its own, of what is computed from it once
class Corpus:
    """Rows of indexes, with absolute paths in `file` and the set's name in `data_set`."""

    rows: pd.DataFrame
    tasks: dict[str, dict[str, tuple[Task, tuple[str, ...]]]]  # set -> name -> task, its classes
    missing: int
    cache: Path
    sums: Callable[[], pd.Series] = pd.Series  # file -> SHA-256, read when first asked for

    def only(self, chosen: pd.Series) -> Corpus:
        """The rows for which `chosen` is true."""
        return replace(self, rows=self.rows[chosen].reset_index(drop=True))

    def drawn(self, count: int | None) -> Corpus:
        """At most `count` rows of each split, the same draw every time; None: all."""
        if count is None:
            return self
        order = np.random.default_rng(0).permutation(len(self.rows))
        chosen = self.rows.iloc[order].groupby("split").head(count).index
        return self.only(self.rows.index.isin(chosen))

    def clips(self, rows: pd.DataFrame) -> Decoded:
        """The waves of `rows`."""
        clear_folder(self.cache / "waves")
        for lock in (self.cache / "waves").glob("*.lock"):  # every set that was decoded has one
            clear_lock(lock)
            clear(lock.with_suffix(".f32"))
            clear(lock.with_suffix(".json"))
        contents = rows.file.map(self.sums())
        return Decoded(rows.file, rows.start, rows.stop, self.cache, contents)

    def labels(self, rows: pd.DataFrame, name: str, task: str) -> tuple[Tensor, tuple[str, ...]]:
        """Label ids [n] of `rows` in a task of set `name` (-1: none), or multi-hot [n, C]; classes.

        ConfigError: the set has no such task.
        """
        tasks = self.tasks[name]
        if task not in tasks:
            raise ConfigError(f"{name} has no task {task!r}; it has {', '.join(tasks) or 'none'}.")
        named, classes = tasks[task]
        rows = rows.copy(deep=False)
        rows.attrs = {"classes": {named.label: classes}}
        return torch.tensor(index.label_ids(rows, named)[0]), classes

    def joint_labels(self, rows: pd.DataFrame) -> tuple[Tensor, int]:
        """One label space: the classes of each set's first task, set after set (D14).

        Labels [n] when each set gives a clip one, else [n, C] of 0 and 1; the number of classes.
        ConfigError: a set has no labels, or a clip lacks the one it should have.
        """
        parts, classes = [], 0
        for name, part in rows.groupby("data_set", sort=False):
            if not self.tasks[name]:
                raise ConfigError(
                    f"{name} has no labels: a supervised method needs a column of them."
                )
            task = next(iter(self.tasks[name]))
            ids, names = self.labels(part, name, task)
            if ids.ndim == 1 and (ids < 0).any():
                blank = part.path[(ids < 0).numpy()]
                raise ConfigError(
                    f"{name}: {counted(len(blank), 'clip')} without a {task}, such as "
                    f"{blank.iloc[0]}: a supervised method needs one for each training clip; fill "
                    "it in, or take these clips out of the training split."
                )
            parts.append((ids, classes))
            classes += len(names)
        if all(ids.ndim == 1 for ids, _ in parts):
            return torch.cat([ids + first for ids, first in parts]), classes
        joint, row = torch.zeros(len(rows), classes, dtype=torch.uint8), 0
        for ids, first in parts:
            hot = torch.nn.functional.one_hot(ids) if ids.ndim == 1 else ids
            joint[row : row + len(ids), first : first + hot.shape[1]] = hot
            row += len(ids)
        return joint, classes

    def fingerprint(self, rows: pd.DataFrame, labels: tuple[Tensor, Sequence] | None = None) -> str:
        """16 hex digits of what the indexes yield for `rows`: which clips, of what content, labels.

        `labels` as `labels` or `joint_labels` gives them. Not the code of a builder, nor folders:
        a test clip that is removed leaves a pretraining's name as it is.
        """
        contents = rows.file.map(self.sums())
        found = index.digest(rows.assign(content=contents), ["data_set"])
        if labels is not None:
            ids, classes = labels
            found.update(repr((ids.dtype, tuple(ids.shape), classes)).encode())
            found.update(ids.numpy().tobytes())
        return found.hexdigest()[:16]


@cache
def load(names: str, workspace: Workspace) -> Corpus:
    """The sets in `names`, joined by "+"; DataError when one of them is not there, ConfigError when
    one is named twice."""
    parts, tasks, missing = [], {}, 0
    for name in names.split("+"):
        need(name not in tasks, f"corpus {names!r} names {name} twice.")
        root = _root(name, workspace)
        rows = index.load(name, root, workspace.cache)
        folder = index.find(name, root).resolve()
        files = f"{folder}/" + rows.path.astype(str)
        parts.append((folder, rows.assign(file=files, data_set=name)))
        known = index.tasks(name, rows)
        tasks[name] = {key: (task, index.class_names(rows, task)) for key, task in known.items()}
        missing += len(rows.attrs["missing"]) + len(rows.attrs["empty"])

    @cache
    def sums() -> pd.Series:
        found = []
        for folder, part in parts:
            paths = part.drop_duplicates("file").set_index("file").path
            found.append(content.sums(folder, paths, workspace.cache))
        every = pd.concat(found)
        return every[~every.index.duplicated()]  # two sets may lie in one folder

    rows = pd.concat([part for _, part in parts], ignore_index=True)
    return Corpus(rows, tasks, missing, workspace.cache, sums)


def _root(name: str, workspace: Workspace) -> Path:
    """The folder that holds the set's; DataError when no data root is given."""
    try:
        data_set = index.row(name, workspace.data)
    except index.DataError:
        known = f"the study has {', '.join(index.DATASETS)}"
        told = f"data set {name!r} is unknown; {known}, or name a folder of sounds."
        raise ConfigError(told) from None
    if data_set.embedded:
        return _toy(name, workspace.cache)
    if workspace.data is None:
        raise index.DataError(
            f"{name}: no data root is given; set ASG_DATA or pass DATA=FOLDER. {data_set.obtain}"
        )
    return workspace.data


def _toy(name: str, cache: Path) -> Path:
    """The folder of the embedded corpora, in which the clips of one are there as they were made.

    Each version of toy.py has a folder of its own.
    """
    root = cache / f"toy-{hashlib.sha256(Path(toy.__file__).read_bytes()).hexdigest()[:10]}"
    folder, paths = root / name, toy.plan(name).path
    with locked(cache / f"{name}.lock"):
        made = load_checked(folder / "sums.parquet", pd.read_parquet)
        found = content.sums(folder, paths, cache)
        wrong = paths if made is None else paths[found != made["sha256"]]
        if len(wrong):
            if made is not None:
                first = folder / wrong.iloc[0]
                log.warning("%s: damaged or gone, as %d clips are: made again.", first, len(wrong))
            for path in wrong:
                clear(folder / path)
                (folder / path).unlink(missing_ok=True)
            toy.build(folder)
            made = content.sums(folder, paths, cache).rename("sha256").to_frame()
            save_checked(folder / "sums.parquet", made.to_parquet)
    return root
