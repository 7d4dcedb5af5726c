"""Sup.: the supervised model that ASG is compared with (paper section 3.4), after PANNs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torchaudio.functional import mask_along_axis_iid

from asglib.batches import Batch
from asglib.config import Pretraining, seed_of
from asglib.methods import contract
from asglib.methods.contract import seeded


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Section 3.4 names mixup, SpecAugment and class-balanced batches without numbers: D15."""

    labels: ClassVar[bool] = True
    crops: ClassVar[int] = 1
    masks: int = 2  # a mask is a stripe of bins or of frames
    share: float = 0.12  # of the axis that a mask may cover
    views: int = 1

    def build(self, config: Pretraining, material: contract.Material) -> Supervised:
        return Supervised(self, config, material)


class Supervised(nn.Module):
    """loss = method(batch, generator) with mixup and SpecAugment on the same spectrograms.

    Cross-entropy for one label a clip, binary cross-entropy for several.
    """

    def __init__(self, settings: Settings, config: Pretraining, material: contract.Material):
        super().__init__()
        self.settings = settings
        self.classes = material.classes
        self.multi_label = material.multi_label
        self.encoder = material.encoder
        self.head = seeded(config.seed, lambda: nn.Linear(self.encoder.dim, self.classes))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        targets = batch.labels
        if not self.multi_label:
            targets = F.one_hot(targets, self.classes)
        spectrogram = self.encoder.spectrogram(batch.crops[:, 0])
        mixed, targets = mixup(spectrogram, targets.float(), generator)
        fill = self.encoder.mean
        masked = spec_augment(mixed, fill, generator, self.settings.masks, self.settings.share)
        logits = self.head(self.encoder.embed(masked)).float()
        if self.multi_label:
            return F.binary_cross_entropy_with_logits(logits, targets)
        return F.cross_entropy(logits, targets)


def mixup(x: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Each row mixed with the next one: [B, ...], [B, C].

    The weight comes from Beta(1, 1), which is uniform (D15).
    """
    weight = torch.rand(len(x), generator=generator, device=x.device)

    def mix(a: Tensor) -> Tensor:
        w = weight.view(-1, *[1] * (a.ndim - 1))
        return w * a + (1 - w) * a.roll(1, 0)

    return mix(x), mix(targets)


def spec_augment(x: Tensor, fill: Tensor, generator: Generator, masks: int, share: float) -> Tensor:
    """`masks` stripes of up to `share` of the bins and of the frames set to `fill` (D15).

    [B, F, T] -> [B, F, T], a stripe of its own for each clip. torchaudio draws from the global
    stream: it is seeded from `generator` here and put back afterwards.
    """
    devices = [x.device] if x.is_cuda else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed_of(generator.initial_seed()))
        x = (x - fill)[:, None]  # torchaudio fills with a number, and that is then 0
        for axis in (2, 3):
            for _ in range(masks):
                x = mask_along_axis_iid(x, int(share * x.shape[axis]) + 1, 0.0, axis)
    return x[:, 0] + fill
