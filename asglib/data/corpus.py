"""Where data lie and runs go, and the rows of one or several data sets as one corpus."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from asglib.audio import Clips
from asglib.config import ConfigError
from asglib.data import index as datasets
from asglib.data import toy
from asglib.data.workspace import Workspace
from asglib.files import locked


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
def load(names: str, place: Workspace) -> Corpus:
    """The sets in `names`, joined by "+"; DataError when one of them is not there."""
    frames, classes, prints, missing = [], {}, [], 0
    for name in names.split("+"):
        if name not in datasets.DATASETS:
            raise ConfigError(
                f"data set {name!r} is unknown; the study has {', '.join(datasets.DATASETS)}."
            )
        root = _toy(place) if name in toy.CORPORA else place.data
        if root is None:
            raise datasets.DataError(
                f"{name}: no data root is given; set ASG_DATA or pass DATA=FOLDER. "
                f"{datasets.DATASETS[name].obtain}"
            )
        frame = datasets.load(name, root, place.cache)
        folder = datasets.find(name, root)
        frames.append(
            frame.assign(file=str(folder.resolve()) + "/" + frame.path.astype(str), data_set=name)
        )
        classes[name] = {
            key: datasets.class_names(frame, task)
            for key, task in datasets.DATASETS[name].tasks.items()
        }
        prints.append(datasets.fingerprint(frame, folder))
        missing += len(frame.attrs.get("missing", [])) + len(frame.attrs.get("empty", []))
    return Corpus(
        pd.concat(frames, ignore_index=True), classes, "-".join(prints), missing, place.cache
    )


def _toy(place: Workspace) -> Path:
    """The folder of the embedded corpora, synthesised when needed; a change of toy.py is another folder."""
    code = hashlib.sha256(Path(toy.__file__).read_bytes()).hexdigest()[:10]
    root = place.cache / f"toy-{code}"
    for name in toy.CORPORA:
        with locked(place.cache / f"{name}.lock"):
            if not (root / name / "done").exists():
                toy.build(root / name)
                (root / name / "done").touch()
    return root
