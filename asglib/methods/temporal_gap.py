"""TemporalGap: how far apart two slices of a clip are (Audio2Vec, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between
from asglib.methods import contract
from asglib.methods.contract import seeded
from asglib.methods.slices import span


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Section 3; the sound of a clip is as long as Audio2Vec's five slices (D47)."""

    crops: ClassVar[int] = 1
    views: ClassVar[int] = 2
    pads: ClassVar[bool] = False
    hidden: int = 64  # of the estimator; 3
    around: int = 2
    gap: int = 2

    def total(self, config: Pretraining) -> int:
        """Frames of a crop."""
        return span(config.frames, self.around, self.gap)

    def samples(self, config: Pretraining) -> int:
        return self.total(config) * config.frontend.hop

    def check(self, config: Pretraining) -> None:
        between("temporal_gap: the frames of a slice", config.frames, 32)

    def build(self, config: Pretraining, material: contract.Material) -> TemporalGap:
        return TemporalGap(self, config, material.encoder)


class TemporalGap(nn.Module):
    """loss = method(batch, generator): cross-entropy of the estimated gap, 0 to 1."""

    def __init__(self, settings: Settings, config: Pretraining, encoder: nn.Module):
        super().__init__()
        self.frames, self.total = config.frames, settings.total(config)
        self.encoder = encoder

        def estimator() -> nn.Module:
            first = nn.Linear(2 * encoder.dim, settings.hidden)
            return nn.Sequential(first, nn.ReLU(), nn.Linear(settings.hidden, 1))

        self.estimator = seeded(config.seed, estimator)

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        spectrogram = self.encoder.spectrogram(batch.crops[:, 0])
        starts, gap = draw(len(spectrogram), self.total - self.frames, generator)
        frames = torch.arange(self.frames, device=starts.device)
        where = (starts[:, :, None] + frames).flatten(1)[:, None, :]
        slices = spectrogram.gather(2, where.expand(-1, spectrogram.shape[1], -1))
        first, second = slices.split(self.frames, 2)
        h = self.encoder.embed(torch.cat([first, second]))
        pair = torch.cat(h.chunk(2), dim=1)
        return F.binary_cross_entropy_with_logits(self.estimator(pair)[:, 0].float(), gap)


def draw(clips: int, furthest: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Starts of two slices [B, 2] in random order, and their gap [B] from 0 to 1.

    The gap is uniform first, then the position, else small gaps would be the frequent ones.
    """
    shape = {"generator": generator, "device": generator.device}
    uniform = torch.rand(clips, 3, **shape, dtype=torch.float64)
    gap = (uniform[:, 0] * (furthest + 1)).long()
    start = (uniform[:, 1] * (furthest - gap + 1)).long()
    starts = torch.stack([start, start + gap], dim=1)
    swapped = uniform[:, 2:] < 0.5
    return torch.where(swapped, starts.flip(1), starts), (gap / furthest).float()
