"""Downstream evaluation (paper section 3.2): linear evaluation of a frozen encoder, fine-tuning, scores per clip."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from asglib import audio
from asglib.audio import Clips
from asglib.config import Downstream
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.training import seed_of

TIME_BLOCKS = 10  # of the spectrogram control, D17


@dataclass
class Segments:
    """Features [S, D] of every segment, and the clip [S] each belongs to."""

    features: Tensor
    clip: Tensor


def frames_of(seconds: float, config: Downstream) -> int:
    """T of one segment: 100 frames a second of the set's average duration, at most max_frames (3.2, D9)."""
    return min(round(100 * seconds), config.max_frames)


def blocks(spectrogram: Tensor) -> Tensor:
    """The spectrogram itself as features: mean over TIME_BLOCKS equal parts of time, [B, F, T] -> [B, F x 10] (D17)."""
    return F.adaptive_avg_pool2d(spectrogram, (spectrogram.shape[1], TIME_BLOCKS)).flatten(1)


@torch.no_grad()
def embed(
    features: Callable[[Tensor], Tensor],
    frontend: LogSpectrogram,
    clips: Clips,
    frames: int,
    device: torch.device,
    batch: int = 128,
) -> Segments:
    """features(spectrogram [B, F, T]) -> [B, D] of every non-overlapping segment of every clip, each once."""
    out, owner, waves, owners = [], [], [], []
    length = frames * frontend.config.hop

    def flush():
        out.append(features(frontend(torch.from_numpy(np.stack(waves)).to(device))).float().cpu())
        owner.extend(owners)
        waves.clear(), owners.clear()

    for clip in range(len(clips)):
        for segment in audio.segments(clips.whole(clip), length):
            waves.append(segment)
            owners.append(clip)
            if len(waves) == batch:
                flush()
    if waves:
        flush()
    return Segments(torch.cat(out), torch.tensor(owner))


def per_clip(scores: Tensor, clip: Tensor, clips: int) -> Tensor:
    """The mean of the segments' scores of each clip: [S, C], [S] -> [clips, C] (3.2, D18)."""
    total = torch.zeros(clips, scores.shape[1]).index_add_(0, clip, scores)
    return total / torch.bincount(clip, minlength=clips).clamp(min=1)[:, None]


def scores(logits: Tensor, multi_label: bool) -> Tensor:
    """Probabilities: sigmoid for several labels a clip, softmax for one (D18)."""
    return logits.sigmoid() if multi_label else logits.softmax(1)


def objective(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy for class ids [B], binary cross-entropy for several labels [B, C]."""
    if target.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, target.float())
    return F.cross_entropy(logits, target)


def train_linear(
    segments: Segments, targets: Tensor, classes: int, config: Downstream, seed: int
) -> nn.Module:
    """A linear classifier on standardised frozen features (D7); targets [clips] or [clips, C]."""
    x, y = segments.features, targets[segments.clip]
    mean, std = x.mean(0), x.std(0).clamp(min=1e-5 * x.std().item() + 1e-12)
    layer = nn.Linear(x.shape[1], classes)
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    x = (x - mean) / std
    optim = torch.optim.Adam(layer.parameters(), lr=config.lr)
    for epoch in range(config.epochs):
        _set_rate(optim, config, epoch)
        order = torch.randperm(
            len(x), generator=torch.Generator().manual_seed(seed_of(seed, epoch))
        )
        for rows in order.split(config.batch):
            optim.zero_grad()
            objective(layer(x[rows]), y[rows]).backward()
            optim.step()
    return _standardised(layer, mean, std)


def _standardised(layer: nn.Linear, mean: Tensor, std: Tensor) -> nn.Linear:
    """The same classifier on raw features."""
    with torch.no_grad():
        layer.weight /= std
        layer.bias -= layer.weight @ mean
    return layer


def _set_rate(optim, config: Downstream, epoch: int) -> None:
    for group in optim.param_groups:
        group["lr"] = config.lr * (0.1 if epoch >= config.drop_epoch else 1.0)


class Crops(Dataset):
    """One epoch of fine-tuning: part p -> a random segment of each of its clips, [B, N]."""

    def __init__(
        self, clips: Clips, rows: np.ndarray, length: int, seed: int, epoch: int, batch: int
    ):
        self.clips, self.rows, self.length, self.seed, self.epoch = clips, rows, length, seed, epoch
        order = np.random.default_rng([seed, epoch]).permutation(len(rows))
        self.parts = np.array_split(order, max(len(rows) // batch, 1))

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, part: int) -> Tensor:
        rows = [int(row) for row in self.rows[self.parts[part]]]
        return torch.from_numpy(
            np.stack(
                [
                    self.clips.crop(
                        row, self.length, np.random.default_rng([self.seed, self.epoch, row])
                    )
                    for row in rows
                ]
            )
        )


def fine_tune(
    encoder: Encoder,
    frontend: LogSpectrogram,
    clips: Clips,
    rows: np.ndarray,
    targets: Tensor,
    classes: int,
    frames: int,
    config: Downstream,
    seed: int,
    device: torch.device,
    amp: bool = False,
    workers: int = 0,
) -> nn.Module:
    """A copy of `encoder` and a linear layer trained end to end on random segments of clips `rows` (3.2).

    targets is [len(rows)] or [len(rows), C]; the encoder that was given keeps its weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(copy.deepcopy(encoder), nn.Linear(encoder.dim, classes)).to(device)
    optim = torch.optim.Adam(model.parameters(), lr=config.lr)
    length = frames * frontend.config.hop
    for epoch in range(config.epochs):
        _set_rate(optim, config, epoch)
        model.train()
        crops = Crops(clips, rows, length, seed, epoch, config.batch)
        loader = DataLoader(
            crops,
            batch_size=None,
            num_workers=workers,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),
        )  # its own, else it draws from the global stream
        for part, waves in zip(crops.parts, loader):
            x = frontend(waves.to(device, non_blocking=True))
            with torch.autocast(device.type, torch.bfloat16, enabled=amp):
                logits = model(x)
            optim.zero_grad()
            objective(logits.float(), targets[part].to(device)).backward()
            optim.step()
    return model.eval()


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """The share of clips whose highest score is their label."""
    return (predictions == labels).double().mean().item()


def average_precisions(scores: Tensor, targets: Tensor) -> list[float | None]:
    """Average precision of each class, None where no clip is positive: [clips, C], [clips, C]."""
    from sklearn.metrics import average_precision_score  # takes seconds, and few runs need it

    return [
        float(average_precision_score(t, s)) if t.any() else None
        for s, t in zip(scores.T.numpy(), targets.T.numpy())
    ]


def mean_average_precision(precisions: list[float | None]) -> float | None:
    """mAP over the classes that have positives; None when no class has any."""
    present = [p for p in precisions if p is not None]
    return sum(present) / len(present) if present else None
