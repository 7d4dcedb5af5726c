"""Who is whose nearest neighbour among an encoder's embeddings (paper section 2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from asglib import audio
from asglib.data import index as datasets
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.frontend import LogSpectrogram
from asglib.study.profiles import Profile
from asglib.study.questions import embed


@dataclass(frozen=True)
class Neighbours:
    """Test clips of one set: their name and labels, and by method the row of each clip's nearest neighbour."""

    name: str
    rows: pd.DataFrame
    factors: tuple[str, ...]
    nearest: dict[str, np.ndarray]

    def agreement(self) -> dict[str, dict[str, float]]:
        """By method and factor the share of clips whose nearest neighbour has the same label."""
        return {
            method: {
                factor: float((self.rows[factor].values == self.rows[factor].values[near]).mean())
                for factor in self.factors
            }
            for method, near in self.nearest.items()
        }

    def chance(self) -> dict[str, float]:
        """By factor the share of other clips with the same label: what a neighbour drawn blindly gives."""
        counts = {factor: self.rows[factor].value_counts().to_numpy() for factor in self.factors}
        n = len(self.rows)
        return {factor: float((c * (c - 1)).sum() / (n * (n - 1))) for factor, c in counts.items()}

    def table(self, clips: Iterable[int]) -> pd.DataFrame:
        """The labels of some clips and of each one's nearest neighbour, by method."""

        def name(row: int) -> str:
            return ", ".join(str(self.rows[factor].iloc[row]) for factor in self.factors)

        return pd.DataFrame(
            [
                {
                    "clip": name(i),
                    **{f"nearest, {m}": name(near[i]) for m, near in self.nearest.items()},
                }
                for i in clips
            ]
        )


def neighbours(
    systems: dict[str, nn.Module], profile: Profile, place: Workspace, limit: int = 512
) -> Neighbours:
    """Nearest neighbours among (at most `limit`, evenly spread) test clips of the first of the profile's sets there is."""
    name = next(
        name
        for name in (*(task.split("/")[0] for task in profile.tasks), "toy")
        if _there(name, place)
    )
    corpus, row = load(name, place), datasets.DATASETS[name]
    rows = corpus.rows[corpus.rows.split == "test"]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]
    clips = corpus.clips(rows)
    frames = profile.frozen.frames(row.seconds)
    frontend = LogSpectrogram(profile.pretraining.frontend)
    waves = np.stack(
        [audio.segments(clips.whole(i), frames * frontend.config.hop)[0] for i in range(len(clips))]
    )
    spectrograms = frontend(torch.from_numpy(waves))
    nearest = {}
    for method, network in systems.items():
        h = F.normalize(embed(network, spectrograms, place), dim=1)
        nearest[method] = (h @ h.T).fill_diagonal_(-2).argmax(1).numpy()
    factors = tuple(task.label for task in row.tasks.values() if not task.multi_label)
    return Neighbours(name, rows.iloc[clips.keep].reset_index(drop=True), factors, nearest)


def _there(name: str, place: Workspace) -> bool:
    try:
        load(name, place)
    except datasets.DataError:
        return False
    return True
