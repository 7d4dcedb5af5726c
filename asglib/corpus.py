"""Where data lie and runs go, and the rows of one or several data sets as one corpus."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asglib import datasets, provenance, toy
from asglib.audio import Clips
from asglib.config import ConfigError
from asglib.files import locked


RUNS = Path(__file__).parents[1] / "runs"  # of this clone, wherever a command or a notebook's kernel is started


@dataclass(frozen=True)
class Place:
    """Where data are and runs go, and on what they are computed; none of it changes a result's identity."""

    data: Path | None = None
    runs: Path = RUNS
    device: str = "cpu"
    workers: int = 0  # processes that read audio for one run; the same bits with any number

    @property
    def cache(self) -> Path:
        return self.runs / "cache"

    @classmethod
    def here(cls, **changes) -> Place:
        """From ASG_DATA, ASG_RUNS and ASG_LOADERS, on the GPU when there is one, which other processes then feed."""
        data = os.environ.get("ASG_DATA")
        device = os.environ.get("ASG_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
        loaders = min(8, (os.cpu_count() or 1) - 1) if device.startswith("cuda") else 0
        found = cls(Path(data) if data else None, Path(os.environ.get("ASG_RUNS", RUNS)), device,
                    int(os.environ.get("ASG_LOADERS", loaders)))
        return replace(found, **changes)


@dataclass(frozen=True)
class Corpus:
    """The rows of one or several sets: `frame` with absolute paths in `file`, and what identifies them."""

    frame: pd.DataFrame
    classes: dict[str, dict]  # set -> task -> class names
    fingerprint: str
    missing: int
    cache: Path

    def drawn(self, count: int | None) -> Corpus:
        """At most `count` rows of each split, the same draw every time; None: all."""
        if count is None:
            return self
        rows = np.random.default_rng(0).permutation(len(self.frame))
        chosen = self.frame.iloc[rows].groupby("split").head(count).sort_index()
        return replace(self, frame=chosen.reset_index(drop=True))

    def clips(self, frame: pd.DataFrame) -> Clips:
        return Clips(frame.file, frame.start, frame.stop, self.cache)

    @cached_property
    def all_clips(self) -> Clips:
        return self.clips(self.frame)


@cache
def load(names: str, place: Place) -> Corpus:
    """The sets in `names`, joined by "+"; DataError when one of them is not there."""
    frames, classes, prints, missing = [], {}, [], 0
    for name in names.split("+"):
        if name not in datasets.DATASETS:
            raise ConfigError(f"data set {name!r} is unknown; the study has {', '.join(datasets.DATASETS)}.")
        root = _toy(place) if name in toy.CORPORA else place.data
        if root is None:
            raise datasets.DataError(f"{name}: no data root is given; set ASG_DATA or pass DATA=FOLDER. "
                                     f"{datasets.DATASETS[name].obtain}")
        frame = datasets.load(name, root, place.cache)
        folder = datasets.find(name, root)
        frames.append(frame.assign(file=str(folder.resolve()) + "/" + frame.path.astype(str), data_set=name))
        classes[name] = {key: datasets.class_names(frame, task) for key, task in datasets.DATASETS[name].tasks.items()}
        prints.append(datasets.fingerprint(frame, folder))
        missing += len(frame.attrs.get("missing", [])) + len(frame.attrs.get("empty", []))
    return Corpus(pd.concat(frames, ignore_index=True), classes, "-".join(prints), missing, place.cache)


def _toy(place: Place) -> Path:
    """The folder of the embedded corpora, synthesised when needed; a change of toy.py is another folder."""
    root = place.cache / f"toy-{provenance.code_version(('toy',))}"
    for name in toy.CORPORA:
        with locked(place.cache / f"{name}.lock"):
            if not (root / name / "done").exists():
                toy.build(root / name)
                (root / name / "done").touch()
    return root
