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
    known = (targets >= 0).numpy() if targets.ndim == 1 else np.ones(len(targets), bool)
    return np.flatnonzero((split == "train") & known), np.flatnonzero((split == "test") & known)


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


class Classifier(nn.Module):
    """A copy of an encoder and a linear layer: loss = model(batch, generator) trains both.

    `last`: only so many last parts of the network (Audio2Vec, figure 3); the others stay as they
    are, their batch statistics too.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int, last: int | None = None):
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        parts = network_parts(self.encoder.network)
        self.fixed = [] if last is None else parts[: len(parts) - last]
        for part in self.fixed:
            part.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(encoder.dim, classes)

    def train(self, mode: bool = True) -> Classifier:
        super().train(mode)
        for part in self.fixed:
            part.eval()
        return self

    def logits(self, waves: Tensor) -> Tensor:
        """[B, N] -> [B, C]."""
        return self.head(self.encoder(waves))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        return objective(self.logits(batch.crops[:, 0]).float(), batch.labels)


def network_parts(network: nn.Module) -> list[nn.Module]:
    """The parts of a network with weights, first to last; a list of layers counts one by one."""
    found = []
    for child in network.children():
        found += list(child) if isinstance(child, nn.ModuleList) else [child]
    return [part for part in found if any(True for _ in part.parameters())]


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
    model = Classifier(encoder, task.classes, seed, config.last).to(machine.device)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optim = torch.optim.Adam(trained, lr=config.lr)
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
    found = embed(model.logits, task.clips, task.samples, machine.device, task.test, task.overlap)
    skipped = [{"path": "", "reason": reason} for reason in log.failed]
    scores, rows = clip_scores(found.features, found.clip, task, config.aggregate)
    return scores, rows, skipped + found.skipped
