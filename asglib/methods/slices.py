"""Slices of one long spectrogram, and the decoder: what Audio2Vec's tasks share (section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asglib.networks import SeparableLayer


def span(frames: int, around: int, gap: int) -> int:
    """Frames that 2 x `around` + 1 slices of `frames` with `gap` between them cover.

    >>> span(96, 2, 2)  # 4.88 s
    488
    """
    return 2 * around * (frames + gap) + frames


def cut(spectrogram: Tensor, frames: int, around: int, gap: int) -> Tensor:
    """The slices in their order: [B, F, T] -> [B, 2 x around + 1, F, frames]."""
    starts = range(0, spectrogram.shape[2] - frames + 1, frames + gap)
    slices = [spectrogram[:, :, start : start + frames] for start in starts]
    return torch.stack(slices[: 2 * around + 1], dim=1)


class Decoder(nn.Module):
    """The encoder backwards: [B, D] -> [B, out, F, T] (section 3, D45).

    Each max-pooling is a nearest-neighbour upsampling, the global one a copy; the last layer is
    linear, else negative targets are out of reach.
    """

    CHANNELS = (128, 64, 32, 16, 8)

    def __init__(self, dim: int, out: int, shape: tuple[int, int]):
        super().__init__()
        self.shape = shape
        self.first = nn.Linear(dim, self.CHANNELS[0])
        pairs = zip(self.CHANNELS, self.CHANNELS[1:], strict=False)
        self.layers = nn.ModuleList(SeparableLayer(before, after) for before, after in pairs)
        self.last = LastLayer(self.CHANNELS[-1], out)

    def forward(self, z: Tensor) -> Tensor:
        height, width = (max(size // 32, 1) for size in self.shape)
        x = self.first(z)[:, :, None, None].expand(-1, -1, height, width)
        for layer in self.layers:
            x = layer(F.interpolate(x, scale_factor=2.0))
        return self.last(F.interpolate(x, size=self.shape))


class LastLayer(nn.Module):
    """A separable layer without normalisation and activation at its end: [B, C, F, T]."""

    def __init__(self, before: int, out: int):
        super().__init__()
        self.time = nn.Conv2d(before, out, (1, 3), padding=(0, 1), bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.frequency = nn.Conv2d(out, out, (3, 1), padding=(1, 0), bias=False)
        self.around = nn.Conv2d(before, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.frequency(self.norm(self.time(x)).relu()) + self.around(x)
