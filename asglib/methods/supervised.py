"""Sup.: the supervised model that ASG is compared with (paper section 3.4), after PANNs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib import encoder
from asglib.batch import Batch
from asglib.config import Pretraining
from asglib.frontend import LogSpectrogram


class Supervised(nn.Module):
    """loss = method(batch, generator) with class-balanced batches, mixup and SpecAugment on the same spectrograms.

    Cross-entropy for one label a clip, binary cross-entropy for several. 3.4 gives LARS at lr 0.4, batch 1024.
    """

    needs_labels = True

    def __init__(
        self,
        config: Pretraining,
        classes: int,
        multi_label: bool,
        mean: float = 0.0,
        std: float = 1.0,
    ):
        super().__init__()
        self.classes, self.multi_label = classes, multi_label
        self.frontend = LogSpectrogram(config.frontend)
        self.encoder = encoder.build(config.encoder, config.seed, mean, std)
        self.head = nn.Linear(self.encoder.dim, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        targets = (
            batch.labels.float()
            if self.multi_label
            else F.one_hot(batch.labels, self.classes).float()
        )
        mixed, targets = mixup(self.frontend(batch.first), targets, generator)
        logits = self.head(self.encoder(spec_augment(mixed, self.encoder.mean, generator))).float()
        if self.multi_label:
            return F.binary_cross_entropy_with_logits(logits, targets)
        return F.cross_entropy(logits, targets)


def mixup(x: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Each row mixed with the next one by a weight from Beta(1, 1), which is uniform: [B, ...], [B, C] (D15)."""
    weight = torch.rand(len(x), generator=generator, device=x.device)

    def mix(a: Tensor) -> Tensor:
        w = weight.view(-1, *[1] * (a.ndim - 1))
        return w * a + (1 - w) * a.roll(1, 0)

    return mix(x), mix(targets)


def spec_augment(
    x: Tensor, fill: Tensor, generator: Generator, masks: int = 2, share: float = 0.12
) -> Tensor:
    """`masks` stripes of up to `share` of the bins and of the frames set to `fill`: [B, F, T] (D15)."""
    for axis in (1, 2):
        size = x.shape[axis]
        place = torch.arange(size, device=x.device).view(
            *[-1 if a == axis else 1 for a in range(3)]
        )
        for _ in range(masks):
            width, start = torch.rand((2, len(x), 1, 1), generator=generator, device=x.device)
            width = (width * share * size).floor()
            start = (start * (size - width + 1)).floor()
            x = torch.where((place >= start) & (place < start + width), fill, x)
    return x
