"""Embeddings of test clips: their neighbours and their map in two dimensions (section 2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from torch import nn

from asglib import evaluation, metrics
from asglib.config import Evaluation
from asglib.data.corpus import Corpus, load
from asglib.data.index import DATASETS, DataError
from asglib.data.workspace import Workspace
from asglib.study import runs
from asglib.study.profiles import Profile


@dataclass(frozen=True)
class Neighbours:
    """Test clips of one set, and by method the row of each clip's nearest neighbour."""

    name: str
    rows: pd.DataFrame
    factors: tuple[str, ...]  # the columns of `rows` that are labels
    nearest: dict[str, np.ndarray]

    def agreement(self) -> dict[str, dict[str, float]]:
        """By method and factor the share of clips whose nearest neighbour has the same label."""
        labels = {factor: self.rows[factor].to_numpy() for factor in self.factors}
        return {
            method: {factor: float((of == of[near]).mean()) for factor, of in labels.items()}
            for method, near in self.nearest.items()
        }

    def chance(self) -> dict[str, float]:
        """By factor the share of other clips with the same label: what a blind draw gives."""
        counts = {factor: self.rows[factor].value_counts().to_numpy() for factor in self.factors}
        pairs = len(self.rows) * (len(self.rows) - 1)
        return {factor: float((c * (c - 1)).sum() / pairs) for factor, c in counts.items()}

    def table(self, clips: Iterable[int]) -> pd.DataFrame:
        """The labels of some clips and of each one's nearest neighbour, by method."""
        names = self.rows[list(self.factors)].astype(str).agg(", ".join, axis=1).to_numpy()
        chosen = list(clips)
        nearest = {f"nearest, {m}": names[near[chosen]] for m, near in self.nearest.items()}
        return pd.DataFrame({"clip": names[chosen]} | nearest)


def neighbours(
    systems: dict[str, nn.Module], profile: Profile, workspace: Workspace, limit: int = 512
) -> Neighbours:
    """Nearest neighbours among test clips of the first of the profile's sets that is there."""
    sets = [*(task.split("/")[0] for task in profile.tasks), "toy"]
    name = next(name for name in sets if _there(name, workspace))
    corpus = load(name, workspace)
    rows = _spread(corpus.rows[corpus.rows.split == "test"], limit)
    samples = profile.frozen.frames(DATASETS[name].seconds) * profile.pretraining.frontend.hop
    nearest = {}
    for method, encoder in systems.items():
        h, kept = _embed(encoder, corpus, rows, samples, workspace)
        h = F.normalize(h, dim=1)
        nearest[method] = (h @ h.T).fill_diagonal_(-2).argmax(1).numpy()
    tasks = DATASETS[name].tasks.values()
    factors = tuple(task.label for task in tasks if not task.multi_label)
    return Neighbours(name, kept.reset_index(drop=True), factors, nearest)


def of_test_clips(
    e: Evaluation, workspace: Workspace, limit: int = 1_000
) -> tuple[np.ndarray, list[str]]:
    """Embeddings [clips, D] of the task's test clips by the frozen encoder, and their labels.

    The encoder is found or trained now.
    """
    corpus, data_set = load(e.data_set, workspace), DATASETS[e.data_set]
    label = data_set.tasks[e.task].label
    rows = corpus.rows[(corpus.rows.split == "test") & (corpus.rows[label] != "")]
    encoder = evaluation.SpectrogramControl(e.frontend)
    if e.pretraining:
        encoder, _ = runs.trained(e.pretraining, workspace)
    samples = e.training.frames(data_set.seconds) * e.frontend.hop
    h, kept = _embed(encoder, corpus, _spread(rows, limit), samples, workspace)
    return h.numpy(), kept[label].tolist()


def _embed(
    encoder: nn.Module, corpus: Corpus, rows: pd.DataFrame, samples: int, workspace: Workspace
) -> tuple[torch.Tensor, pd.DataFrame]:
    """The mean over each clip's segments [clips, D], and the rows that could be decoded."""
    clips = corpus.clips(rows)
    found = evaluation.embed(encoder, clips, samples, torch.device(workspace.device))
    decoded = found.clip.unique()
    h = metrics.per_clip(found.features, found.clip, len(clips))
    return h[decoded], rows.iloc[clips.keep[decoded.numpy()]]


def _spread(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """At most `limit` rows, evenly spread."""
    return rows.iloc[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]


def _there(name: str, workspace: Workspace) -> bool:
    try:
        load(name, workspace)
    except DataError:
        return False
    return True


def project(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of embeddings set to length 1: [n, D] -> points [n, 2], shares [2].

    The shares are of the variance. In each axis the largest weight is positive: else the map's
    mirror image would be left to chance.

    >>> points, share = project(np.eye(3))
    >>> points.shape, share.round(2).tolist()
    ((3, 2), [0.5, 0.5])
    """
    pca = PCA(2, svd_solver="full")
    with np.errstate(invalid="ignore"):  # embeddings that are all alike have no variance to share
        points = pca.fit_transform(normalize(np.asarray(embeddings, dtype=np.float64)))
    return points, np.nan_to_num(pca.explained_variance_ratio_)


def separation(points: np.ndarray, labels: Sequence[str]) -> float:
    """The share of a map's variance between the classes: 0 mixed, 1 each class one point."""
    table = pd.DataFrame(np.asarray(points, dtype=float))
    centred = table - table.mean()
    centres = centred.groupby(list(labels)).transform("mean")
    return float((centres**2).sum().sum() / max((centred**2).sum().sum(), 1e-300))
