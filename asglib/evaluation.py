"""Downstream evaluation (paper section 3.2): a frozen encoder under a linear layer; fine-tuning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.utils.data import Dataset

from asglib import audio, metrics
from asglib.audio import AudioError, Clips
from asglib.batches import Batch, random_crops
from asglib.config import Downstream, Frontend, seed_of
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.loss import objective
from asglib.processes import Machine
from asglib.training import Training, optimise

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
    batch: int = 128,
) -> Segments:
    """features(waves [B, N]) -> [B, D] of every non-overlapping segment of clips `rows` (all)."""
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
        for segment in audio.segments(whole, samples):
            waves.append(segment)
            owners.append(int(clip))
            if len(waves) == batch:
                flush()
    if waves:
        flush()
    return Segments(torch.cat(found), torch.tensor(owners), skipped)


def parts(split: np.ndarray, targets: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the training and of the test part that have a label in this task."""
    known = (targets >= 0).numpy() if targets.ndim == 1 else np.ones(len(targets), bool)
    return np.flatnonzero((split == "train") & known), np.flatnonzero((split == "test") & known)


def rate(config: Downstream, epoch: int) -> float:
    """The learning rate of an epoch: a tenth from drop_epoch on (3.2)."""
    return config.lr * (0.1 if epoch >= config.drop_epoch else 1.0)


def train_linear(
    x: Tensor, targets: Tensor, classes: int, config: Downstream, seed: int
) -> nn.Linear:
    """A linear classifier of raw features, trained on standardised ones (D7): [S, D], [S]."""
    mean, std = x.mean(0), x.std(0).clamp(min=1e-5 * x.std().item() + 1e-12)
    layer = nn.Linear(x.shape[1], classes).to(x.device)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optim = torch.optim.Adam(layer.parameters(), lr=config.lr)
    for epoch in range(config.epochs):
        for group in optim.param_groups:
            group["lr"] = rate(config, epoch)
        shuffle = torch.Generator().manual_seed(seed_of(seed, epoch))
        for rows in torch.randperm(len(x), generator=shuffle).to(x.device).split(config.batch):
            optim.zero_grad()
            objective(layer((x[rows] - mean) / std), targets[rows]).backward()
            optim.step()
    with torch.no_grad():
        layer.weight /= std
        layer.bias -= layer.weight @ mean
    return layer.requires_grad_(False)


def frozen(
    segments: Segments, task: Task, config: Downstream, seed: int, device: torch.device
) -> tuple[Tensor, np.ndarray]:
    """Linear evaluation -> (scores [clips, C], the test rows that they belong to)."""
    x, clip = segments.of(task.train)
    targets = task.targets[clip].to(device)
    layer = train_linear(x.to(device), targets, task.classes, config, seed).cpu()
    x, clip = segments.of(task.test)
    return clip_scores(layer(x), clip, task)


def clip_scores(logits: Tensor, clip: Tensor, task: Task) -> tuple[Tensor, np.ndarray]:
    """Scores of the test clips that have segments: [S, C], [S] -> [clips, C], rows."""
    rows = task.test[np.isin(task.test, clip.numpy())]
    position = torch.from_numpy(np.searchsorted(rows, clip.numpy()))
    scores = metrics.probabilities(logits, task.targets.ndim == 2)
    return metrics.per_clip(scores, position, len(rows)), rows


class Classifier(nn.Module):
    """A copy of an encoder and a linear layer: loss = model(batch, generator) trains both."""

    def __init__(self, encoder: Encoder, classes: int, seed: int):
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(encoder.dim, classes)

    def logits(self, waves: Tensor) -> Tensor:
        """[B, N] -> [B, C]."""
        return self.head(self.encoder(waves))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        return objective(self.logits(batch.crops[:, 0]).float(), batch.labels)


class Crops(Dataset):
    """Step s of fine-tuning -> a random segment of each of its clips (3.2).

    Every epoch takes every clip once in an order of its own.
    """

    def __init__(self, task: Task, config: Downstream, seed: int):
        self.task, self.config, self.seed = task, config, seed
        self.steps_per_epoch = max(len(task.train) // config.batch, 1)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def __getitem__(self, step: int) -> tuple[Batch, list[str]]:
        epoch, part = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.task.train))
        chosen = self.task.train[np.array_split(order, self.steps_per_epoch)[part]]
        crops, kept, failed = random_crops(
            self.task.clips, chosen, self.task.samples, 1, lambda row: [self.seed, epoch, row]
        )
        return Batch(crops, kept, self.task.targets[kept]), failed


def fine_tuned(
    encoder: Encoder,
    task: Task,
    config: Downstream,
    seed: int,
    checkpoint: Path,
    machine: Machine,
    amp: bool = False,
) -> tuple[Tensor, np.ndarray, list[dict]]:
    """Everything trained on random segments (3.2) -> (scores [clips, C], rows, bad clips).

    The encoder that is given keeps its weights; `checkpoint` is resumed to the bit.
    """
    model = Classifier(encoder, task.classes, seed).to(machine.device)
    optim = torch.optim.Adam(model.parameters(), lr=config.lr)
    crops = Crops(task, config, seed)
    training = Training(
        model,
        optim,
        crops,
        lambda step: rate(config, step // crops.steps_per_epoch),
        seed,
        repr(config),
        amp,
    )
    log = optimise(training, checkpoint, machine)
    model.eval()
    found = embed(model.logits, task.clips, task.samples, machine.device, task.test)
    skipped = [{"path": "", "reason": reason} for reason in log.failed]
    return *clip_scores(found.features, found.clip, task), skipped + found.skipped
