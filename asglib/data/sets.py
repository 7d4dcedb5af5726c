"""What a data set is (paper section 3.1): its row in the table of data sets, and the tasks on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


class DataError(ValueError):
    """A data set that cannot be used as it lies there; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Task:
    """What is predicted from a clip: an index column, its classes and the metric.

    `classes` in the order of the label ids is one of: the published tuple of names; a function folder -> tuple that
    reads the release's own class file (AudioSet, VGGSound, ESC, LibriSpeech); None, the sorted labels of the index's
    train rows (speakers). `load` resolves the last two once and keeps them in `frame.attrs["classes"][label]`.
    """

    label: str
    classes: tuple[str, ...] | Callable[[Path], tuple[str, ...]] | None = None
    metric: str = "accuracy"  # or "mAP"
    multi_label: bool = False  # True: a cell holds labels joined by ";", "" for none


@dataclass(frozen=True)
class DataSet:
    """A row of DATASETS. `folders` are looked for under the data root in this order; `counts` are the published ones.

    `build(folder)` returns the index: path (POSIX, relative to the folder), a text column a task ("": the clip has
    no label for it), split ("train", "valid", "test"), fold (-1: none), start and stop (seconds, NaN: whole file),
    group (what must not cross splits, "": nothing). Files that are listed but not there are in attrs["missing"],
    those of length zero in attrs["empty"]; neither is a row (D32).
    """

    name: str
    title: str
    folders: tuple[str, ...]
    build: Callable[[Path], pd.DataFrame]
    tasks: dict[str, Task]
    seconds: float  # average clip, which gives T = 100 x seconds (3.2)
    split_rule: str
    split_source: str
    licence: str
    citation: str
    obtain: str
    counts: dict[str, int]
    embedded: bool = False  # True: `build` also makes the files, so that the folder need not exist
