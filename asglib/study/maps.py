"""Embeddings of test clips, and their map in two dimensions (paper section 2.3): what training has moved where."""

from __future__ import annotations

import numpy as np
import torch

from asglib import evaluation, metrics
from asglib.config import Evaluation
from asglib.data import index as datasets
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.study import runs


def of_test_clips(
    e: Evaluation, place: Workspace, limit: int = 1_000
) -> tuple[np.ndarray, list[str]]:
    """The frozen encoder's embeddings [clips, D] of the task's test clips, at most `limit` spread evenly, each the mean
    over its segments, and the clips' labels; the encoder is found or trained now."""
    corpus, row = load(e.data_set, place), datasets.DATASETS[e.data_set]
    rows = corpus.rows[(corpus.rows.split == "test") & (corpus.rows[row.tasks[e.task].label] != "")]
    rows = rows.iloc[np.linspace(0, len(rows) - 1, min(limit, len(rows))).astype(int)]
    clips, device = corpus.clips(rows), torch.device(place.device)
    network = (
        runs.trained(e.pretraining, place)[0]
        if e.pretraining
        else evaluation.SpectrogramControl(e.frontend)
    )
    samples = e.training.frames(row.seconds) * e.frontend.hop
    found = evaluation.embed(network, clips, samples, device)
    return (
        metrics.per_clip(found.features, found.clip, len(clips)).numpy(),
        rows[row.tasks[e.task].label].iloc[clips.keep].tolist(),
    )


def project(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of embeddings set to length 1: [n, D] -> points [n, 2] and their shares of the variance [2].

    >>> points, share = project(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]))
    >>> points.shape, bool(share[0] >= share[1])
    ((4, 2), True)
    """
    h = np.asarray(embeddings, dtype=np.float64)
    h = h / np.linalg.norm(h, axis=1, keepdims=True).clip(1e-12)
    u, s, axes = np.linalg.svd(h - h.mean(0), full_matrices=False)
    side = np.sign(
        axes[np.arange(2), np.abs(axes[:2]).argmax(1)]
    )  # else the map's mirror image is left to chance
    return u[:, :2] * s[:2] * side, s[:2] ** 2 / max((s**2).sum(), 1e-300)
