"""BYOL-A: two views of one crop, no negatives (from its paper's description alone)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between
from asglib.encoder import projection_head
from asglib.methods import contract


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Where its description is silent: D43."""

    crops: ClassVar[int] = 1
    mixup: float = 0.4  # largest share of the past input that is mixed in
    memory: int = 2_048  # past inputs kept
    smallest: float = 0.6  # of the axis that a random crop takes
    largest: float = 1.5  # along time; along frequency at most the whole axis
    head: tuple[int, int] = (4096, 256)  # of projector and predictor
    momentum: float = 0.99  # of the target's weights
    views: int = 4  # two through the encoder, two through the target

    def check(self, config: Pretraining) -> None:
        between("byol_a.mixup", self.mixup, 0, 1)
        between("byol_a.memory", self.memory, config.batch)
        between("byol_a.momentum", self.momentum, 0, 1)

    def build(self, config: Pretraining, material: contract.Material) -> BYOLA:
        return BYOLA(self, config, material)


class BYOLA(nn.Module):
    """loss = method(batch, generator): the online network predicts what the target says.

    The target is a running average of the online encoder and projector and gets no gradient.
    """

    def __init__(self, settings: Settings, config: Pretraining, material: contract.Material):
        super().__init__()
        self.settings = settings
        self.encoder = material.encoder
        hidden, out = settings.head
        self.projector = projection_head(self.encoder.dim, hidden, out, config.seed)
        self.predictor = projection_head(out, hidden, out, config.seed + 1)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.target_projector = copy.deepcopy(self.projector).requires_grad_(False)
        shape = config.frontend.bins, config.frames
        self.register_buffer("memory", torch.zeros(settings.memory, *shape))
        self.register_buffer("remembered", torch.zeros((), dtype=torch.long))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        if self.training:
            self._follow()
        spectrogram = self.encoder.spectrogram(batch.crops[:, 0])
        views = torch.cat([self._view(spectrogram, generator) for _ in range(2)])
        self._remember(spectrogram)
        predicted = self.predictor(self.projector(self.encoder.embed(views)))
        with torch.no_grad():
            target = self.target_projector(self.target_encoder.embed(views))
        other = target.roll(len(spectrogram), 0)  # each view predicts the other one of its crop
        return distance(predicted, other)

    def _view(self, spectrogram: Tensor, generator: Generator) -> Tensor:
        """Mixed, cropped and normalised within the batch: [B, F, T] log power -> the same."""
        s, mean, std = self.settings, self.encoder.mean, self.encoder.std
        past = self.memory[: int(self.remembered)]
        past = past if len(past) else spectrogram
        mixed = (mixed_in(spectrogram, past, s.mixup, generator) - mean) / std
        view = resized_crop(mixed, s.smallest, s.largest, generator)
        view = (view - view.mean()) / view.std().clamp(min=1e-6)
        return view * std + mean  # which the encoder takes off again

    @torch.no_grad()
    def _remember(self, spectrogram: Tensor) -> None:
        self.memory.copy_(torch.cat([spectrogram, self.memory])[: len(self.memory)])
        self.remembered.add_(len(spectrogram)).clamp_(max=len(self.memory))

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = (self.target_encoder, self.encoder), (self.target_projector, self.projector)
        for target, online in pairs:
            for average, weight in zip(target.parameters(), online.parameters(), strict=True):
                average.lerp_(weight, 1 - self.settings.momentum)


def distance(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean of 2 - 2 cos: 0 for the same direction, 2 for orthogonal ones: [B, D], [B, D].

    >>> distance(torch.eye(2), torch.eye(2).flip(0)).item()
    2.0
    """
    return 2 - 2 * F.cosine_similarity(predicted.float(), target.float(), dim=1).mean()


def mixed_in(x: Tensor, past: Tensor, most: float, generator: Generator) -> Tensor:
    """A past input mixed into each of [B, F, T] in linear power, by up to `most`."""
    shape = {"generator": generator, "device": x.device}
    which = torch.randint(len(past), (len(x),), **shape)
    share = most * torch.rand(len(x), 1, 1, **shape)
    return torch.logaddexp(x + (1 - share).log(), past[which] + share.log())


def resized_crop(x: Tensor, smallest: float, largest: float, generator: Generator) -> Tensor:
    """A random part of each of [B, F, T], as large as x again by bicubic interpolation.

    Its sides are `smallest` to `largest` of the axes; along frequency it stays inside, along time
    it may reach a quarter of the axis beyond either end, where there is 0, the corpus' mean.
    """
    shape = {"generator": generator, "device": x.device}
    sides = smallest + (largest - smallest) * torch.rand(len(x), 2, **shape)
    place = torch.rand(len(x), 2, **shape)
    high, wide = sides[:, 0].clamp(max=1), sides[:, 1]
    bottom = place[:, 0] * (1 - high)
    left = -0.25 + place[:, 1] * (1.5 - wide)
    rows = _steps(x.shape[1], bottom, high)[:, :, None].expand(-1, -1, x.shape[2])
    columns = _steps(x.shape[2], left, wide)[:, None, :].expand(-1, x.shape[1], -1)
    grid = torch.stack([columns, rows], dim=3)
    return F.grid_sample(x[:, None], grid, mode="bicubic", align_corners=False)[:, 0]


def _steps(size: int, start: Tensor, length: Tensor) -> Tensor:
    """The centres of `size` cells of the part of an axis, as grid_sample counts: -1 to 1."""
    cells = (torch.arange(size, device=start.device) + 0.5) / size
    return 2 * (start[:, None] + length[:, None] * cells) - 1
