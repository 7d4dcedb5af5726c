"""What a method sees of the data: which clips a step takes, and random crops of them (3.2, 3.4).

All randomness comes from (seed, epoch, clip): neither the number of loader processes nor a restart
changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from asglib.audio import AudioError, Clips
from asglib.config import ConfigError, Pretraining


class BatchError(RuntimeError):
    """A batch that cannot be made; the message says at which file and why."""


class Batch(NamedTuple):
    """Random crops of B clips, the clips' numbers and, where a method needs them, their labels."""

    crops: Tensor  # [B, K, N]
    clips: Tensor  # [B]
    labels: Tensor | None  # [B] class ids, or [B, C] of 0 and 1

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        parts = [part if part is None else part.to(device, non_blocking=True) for part in self]
        return Batch(*parts)


class Chosen:
    """Some of the clips, renumbered."""

    def __init__(self, clips: Clips, numbers: list[int]):
        self.clips, self.numbers = clips, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def path(self, i: int) -> str:
        return self.clips.path(self.numbers[i])

    def samples(self, i: int) -> int:
        return self.clips.samples(self.numbers[i])

    def whole(self, i: int) -> np.ndarray:
        return self.clips.whole(self.numbers[i])

    def crop(self, i: int, length: int, rng: np.random.Generator) -> np.ndarray:
        return self.clips.crop(self.numbers[i], length, rng)


def epoch_order(config: Pretraining, epoch: int, clips: int, labels: Tensor | None) -> np.ndarray:
    """The clips of one epoch in order: permutations, or with labels a class-balanced draw (3.4)."""
    rng = np.random.default_rng([config.seed, epoch])
    count = config.clips_per_epoch or clips
    if labels is not None:
        return balanced(labels, count, rng)
    return _permutations(clips, count, rng)


def balanced(labels: Tensor, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` clips: every class equally often, and of each class its clips by chance (3.4).

    labels [n] or [n, C]; a clip without a label is never drawn. As PANNs' balanced sampler.
    """
    if labels.ndim == 2:
        clip, owner = (part.numpy() for part in labels.nonzero(as_tuple=True))
    else:
        clip, owner = np.arange(len(labels)), labels.numpy()
    clip = clip[np.argsort(owner, kind="stable")]
    _, first, size = np.unique(np.sort(owner), return_index=True, return_counts=True)
    drawn = _permutations(len(first), count, rng)
    return clip[first[drawn] + rng.integers(size[drawn])]


def _permutations(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """The first `count` of as many permutations of `size` as are needed."""
    return np.concatenate([rng.permutation(size) for _ in range(-(-count // size))])[:count]


class Batches(Dataset):
    """Step s of a run -> this process's share of its batch, and what could not be decoded.

    A clip that cannot be decoded is left out and listed.
    """

    def __init__(
        self,
        config: Pretraining,
        clips: Clips,
        labels: Tensor | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        if config.batch % world:
            raise ConfigError(
                f"batch {config.batch} cannot be shared by {world} processes; use a multiple."
            )
        self.config, self.clips, self.labels = config, clips, labels
        self.rank, self.world = rank, world
        self.steps_per_epoch = (config.clips_per_epoch or len(clips)) // config.batch
        if not self.steps_per_epoch and config.epochs:
            raise ConfigError(
                f"the corpus has {len(clips)} clips, fewer than one batch of {config.batch}; "
                "use a smaller batch or a larger corpus."
            )
        self.order = (-1, None)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def numbers(self, step: int) -> np.ndarray:
        """The clips of this process at `step`."""
        epoch, part = divmod(step, self.steps_per_epoch)
        if self.order[0] != epoch:
            self.order = epoch, epoch_order(self.config, epoch, len(self.clips), self.labels)
        batch = self.order[1][part * self.config.batch : (part + 1) * self.config.batch]
        return batch[self.rank :: self.world]

    def __getitem__(self, step: int) -> tuple[Batch, list[dict]]:
        settings, epoch = self.config.settings, step // self.steps_per_epoch
        crops, kept, failed = random_crops(
            self.clips,
            self.numbers(step),
            settings.samples(self.config),
            settings.crops,
            lambda number: [self.config.seed, epoch, number, step],
        )
        labels = None if self.labels is None else self.labels[kept]
        return Batch(crops, kept, labels), failed


def random_crops(
    clips: Clips, numbers: np.ndarray, length: int, count: int, seed: Callable[[int], list[int]]
) -> tuple[Tensor, Tensor, list[dict]]:
    """`count` random crops of each clip: ([B, count, length], the clips [B], why others are none).

    BatchError when fewer than two can be decoded.
    """
    crops, kept, failed = [], [], []
    for number in numbers.tolist():
        rng = np.random.default_rng(seed(number))
        try:
            crops.append([clips.crop(number, length, rng) for _ in range(count)])
        except AudioError as error:
            failed.append({"path": clips.path(number), "reason": str(error)})
            continue
        kept.append(number)
    if len(kept) < min(2, len(numbers)):
        first = failed[0]["reason"]
        raise BatchError(f"fewer than two clips of a batch can be decoded; first: {first}")
    return torch.from_numpy(np.array(crops, dtype=np.float32)), torch.tensor(kept), failed
