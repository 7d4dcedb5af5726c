"""Which test clips an encoder takes for alike: nearest neighbours of embeddings (section 2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from asglib import evaluation, metrics
from asglib.data.corpus import load
from asglib.data.index import DATASETS, DataError
from asglib.data.workspace import Workspace
from asglib.study.profiles import Profile


class Neighbours(NamedTuple):
    """Labels [clips, factors] of a set's test clips; by method each one's nearest neighbour."""

    name: str
    labels: pd.DataFrame
    nearest: dict[str, np.ndarray]

    def agreement(self) -> pd.DataFrame:
        """By method and factor, the percent of clips whose nearest neighbour has the same label;
        by chance as many as other clips have it."""
        found = {
            method: [(of.to_numpy() == of.to_numpy()[near]).mean() for _, of in self.labels.items()]
            for method, near in self.nearest.items()
        }
        counts = [of.value_counts() for _, of in self.labels.items()]
        pairs = len(self.labels) * (len(self.labels) - 1)
        found["chance"] = [(count * (count - 1)).sum() / pairs for count in counts]
        return 100 * pd.DataFrame(found, index=self.labels.columns).T

    def table(self, clips: Iterable[int]) -> pd.DataFrame:
        """The labels of some clips and of each one's nearest neighbour, by method."""
        names, chosen = self.labels.astype(str).agg(", ".join, axis=1).to_numpy(), list(clips)
        nearest = {f"nearest, {m}": names[near[chosen]] for m, near in self.nearest.items()}
        return pd.DataFrame({"clip": names[chosen]} | nearest)


def neighbours(
    systems: dict[str, nn.Module], profile: Profile, workspace: Workspace, limit: int = 512
) -> Neighbours:
    """Nearest neighbours among test clips of the first of the profile's sets that is there."""
    sets = [*(task.split("/")[0] for task in profile.tasks), "toy"]
    name = next(name for name in sets if _there(name, workspace))
    corpus, nearest = load(name, workspace), {}
    rows = corpus.rows[corpus.rows.split == "test"]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]
    clips, device = corpus.clips(rows), torch.device(workspace.device)
    samples = profile.frozen.frames(DATASETS[name].seconds) * profile.pretraining.frontend.hop
    for method, encoder in systems.items():
        found = evaluation.embed(encoder, clips, samples, device)
        decoded = found.clip.unique()
        h = metrics.per_clip(found.features, found.clip, len(clips))[decoded]
        h = F.normalize(h, dim=1)
        nearest[method] = (h @ h.T).fill_diagonal_(-2).argmax(1).numpy()
    factors = [task.label for task in DATASETS[name].tasks.values() if not task.multi_label]
    labels = rows.iloc[clips.keep[decoded.numpy()]][factors].reset_index(drop=True)
    return Neighbours(name, labels, nearest)


def _there(name: str, workspace: Workspace) -> bool:
    try:
        load(name, workspace)
    except DataError:
        return False
    return True
