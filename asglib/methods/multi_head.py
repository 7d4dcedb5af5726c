"""MultiHead: one encoder trained on the labels of several sets at once (Audio2Vec, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining
from asglib.loss import objective
from asglib.methods import contract
from asglib.methods.contract import seeded


@dataclass(frozen=True)
class Settings(contract.Settings):
    """The labels of all sets in one space (D14), each class as often as another (D48)."""

    labels: ClassVar[bool] = True
    crops: ClassVar[int] = 1
    views: ClassVar[int] = 1

    def build(self, config: Pretraining, material: contract.Material) -> MultiHead:
        return MultiHead(config, material)


class MultiHead(nn.Module):
    """loss = method(batch, generator): cross-entropy, without augmentation."""

    def __init__(self, config: Pretraining, material: contract.Material):
        super().__init__()
        self.encoder = material.encoder
        size = self.encoder.dim, material.classes
        self.head = seeded(config.seed, lambda: nn.Linear(*size))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        return objective(self.head(self.encoder(batch.crops[:, 0])).float(), batch.labels)
