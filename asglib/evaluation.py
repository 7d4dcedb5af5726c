"""Downstream evaluation (paper section 3.2): a frozen encoder under a linear layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asglib import audio, metrics
from asglib.audio import AudioError, Clips
from asglib.config import Downstream, Frontend, seed_of
from asglib.frontend import LogSpectrogram
from asglib.loss import objective

TIME_BLOCKS = 10  # of the spectrogram control, D17


class SpectrogramControl(nn.Module):
    """The spectrogram itself as features: the mean over ten equal parts of time (D17).

    Waves [B, N] -> [B, F x 10].
    """

    def __init__(self, frontend: Frontend):
        super().__init__()
        self.frontend = LogSpectrogram(frontend)

    def forward(self, waves: Tensor) -> Tensor:
        return self.embed(self.frontend(waves))

    def embed(self, spectrogram: Tensor) -> Tensor:
        """[B, F, T] -> [B, F x 10]."""
        return F.adaptive_avg_pool2d(spectrogram, (spectrogram.shape[1], TIME_BLOCKS)).flatten(1)


@dataclass(frozen=True)
class Task:
    """What a classifier is trained and tested on: rows of clips, and their labels."""

    clips: Clips
    targets: Tensor  # [clips] class ids, -1: none; or [clips, C] of 0 and 1
    train: np.ndarray  # rows
    test: np.ndarray
    classes: int
    samples: int  # of a segment
    overlap: float = 0.0  # of neighbouring segments


@dataclass
class Segments:
    """Features [S, D] of segments, the clip [S] each belongs to, and the clips that are none."""

    features: Tensor
    clip: Tensor
    skipped: list[dict]

    def of(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Features and clips of the segments that belong to clips `rows`."""
        mine = torch.isin(self.clip, torch.as_tensor(rows))
        return self.features[mine], self.clip[mine]


@torch.no_grad()
def embed(
    features: Callable[[Tensor], Tensor],
    clips: Clips,
    samples: int,
    device: torch.device,
    rows: np.ndarray | None = None,
    overlap: float = 0.0,
    batch: int = 128,
) -> Segments:
    """features(waves [B, N]) -> [B, D] of every segment of clips `rows` (None: of all)."""
    found, owners, skipped, waves = [], [], [], []

    def flush() -> None:
        stacked = torch.from_numpy(np.stack(waves)).to(device)
        found.append(features(stacked).float().cpu())
        waves.clear()

    for clip in np.arange(len(clips)) if rows is None else rows:
        try:
            whole = clips.whole(int(clip))
        except AudioError as error:
            skipped.append({"path": clips.path(int(clip)), "reason": str(error)})
            continue
        for segment in audio.segments(whole, samples, overlap):
            waves.append(segment)
            owners.append(int(clip))
            if len(waves) == batch:
                flush()
    if waves:
        flush()
    return Segments(torch.cat(found), torch.tensor(owners), skipped)


def parts(split: np.ndarray, targets: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the training and of the test part that have a label in this task."""
    known = _known(targets)
    return np.flatnonzero((split == "train") & known), np.flatnonzero((split == "test") & known)


def folds(fold: np.ndarray, targets: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """`parts` with every fold as the test part once, in the folds' order; -1: in no fold."""
    known = _known(targets) & (fold >= 0)
    return [
        (np.flatnonzero((fold != test) & known), np.flatnonzero((fold == test) & known))
        for test in np.unique(fold[fold >= 0])
    ]


def _known(targets: Tensor) -> np.ndarray:
    return (targets >= 0).numpy() if targets.ndim == 1 else np.ones(len(targets), bool)


def pooled(scored: list[tuple[Tensor, np.ndarray]]) -> tuple[Tensor, np.ndarray]:
    """The test clips of all folds as those of one test part: scores [clips, C], rows."""
    scores, rows = zip(*scored)
    return torch.cat(scores), np.concatenate(rows)


def rate(config: Downstream, epoch: int) -> float:
    """The learning rate of an epoch: a tenth from drop_epoch on (3.2)."""
    return config.lr * (0.1 if epoch >= config.drop_epoch else 1.0)


class Standardised(nn.Module):
    """Features less their mean, over their deviation (D7): [S, D] -> [S, D]."""

    def __init__(self, x: Tensor):
        super().__init__()
        deviation = x.std(0).clamp(min=1e-5 * x.std().item() + 1e-12)
        self.register_buffer("mean", x.mean(0))
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


def head(features: int, classes: int, hidden: int, seed: int) -> nn.Module:
    """A linear layer that starts at zero, or two with `hidden` units between them."""
    if hidden:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first, second = nn.Linear(features, hidden), nn.Linear(hidden, classes)
            return nn.Sequential(first, nn.ReLU(), second)
    layer = nn.Linear(features, classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def train_linear(
    x: Tensor, targets: Tensor, classes: int, config: Downstream, seed: int
) -> nn.Module:
    """A classifier of raw features, trained on standardised ones (D7): [S, D], [S] or [S, C]."""
    standardised = Standardised(x)
    layers = head(x.shape[1], classes, config.hidden, seed).to(x.device)
    optim = torch.optim.Adam(layers.parameters(), lr=config.lr)
    for epoch in range(config.epochs):
        for group in optim.param_groups:
            group["lr"] = rate(config, epoch)
        shuffle = torch.Generator().manual_seed(seed_of(seed, epoch))
        for rows in torch.randperm(len(x), generator=shuffle).to(x.device).split(config.batch):
            optim.zero_grad()
            objective(layers(standardised(x[rows])), targets[rows]).backward()
            optim.step()
    return nn.Sequential(standardised, layers).requires_grad_(False)


def frozen(
    segments: Segments, task: Task, config: Downstream, seed: int, device: torch.device
) -> tuple[Tensor, np.ndarray]:
    """Linear evaluation -> (scores [clips, C], the test rows that they belong to)."""
    x, clip = segments.of(task.train)
    targets = task.targets[clip].to(device)
    layers = train_linear(x.to(device), targets, task.classes, config, seed).cpu()
    x, clip = segments.of(task.test)
    return clip_scores(layers(x), clip, task, config.aggregate)


def clip_scores(
    logits: Tensor, clip: Tensor, task: Task, aggregate: str = "mean"
) -> tuple[Tensor, np.ndarray]:
    """Scores of the test clips that have segments: [S, C], [S] -> [clips, C], rows."""
    rows = task.test[np.isin(task.test, clip.numpy())]
    position = torch.from_numpy(np.searchsorted(rows, clip.numpy()))
    if aggregate == "naive Bayes" and task.targets.ndim == 1:
        counts = torch.bincount(task.targets[task.train], minlength=task.classes)
        prior = counts.clamp(min=1) / counts.clamp(min=1).sum()
        return metrics.naive_bayes(logits, position, prior), rows
    scores = metrics.probabilities(logits, task.targets.ndim == 2)
    return metrics.per_clip(scores, position, len(rows)), rows
