"""Files of noise to read from: what a benchmark needs of a corpus."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from asglib.audio import RATE
from asglib.data.clips import Clips

SECONDS = 10  # as long as AudioSet's clips


def files(folder: Path, count: int, suffix: str) -> list[Path]:
    """`count` files of noise in `folder`, made where they are missing."""
    rng, paths = np.random.default_rng(0), [folder / f"{i}{suffix}" for i in range(count)]
    for path in paths:
        noise = rng.uniform(-0.3, 0.3, SECONDS * RATE)
        if not path.exists():
            soundfile.write(path, noise, RATE)
    return paths


def clips(paths: list[Path], decoded: bool) -> Clips:
    """Their clips, kept decoded, or read crop by crop as of a corpus that is too large for it."""
    none = np.full(len(paths), np.nan)
    found = Clips(pd.Series([str(path) for path in paths]), none, none, paths[0].parent / "cache")
    if not decoded:
        found.waves, found.keep = None, np.arange(len(paths))
    return found
