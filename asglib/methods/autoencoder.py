"""AutoEncoder: the spectrogram itself from its embedding (Audio2Vec, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between
from asglib.methods import contract
from asglib.methods.contract import seeded
from asglib.methods.slices import Decoder


@dataclass(frozen=True)
class Settings(contract.Settings):
    """No numbers of its own."""

    crops: ClassVar[int] = 1
    views: ClassVar[int] = 1

    def check(self, config: Pretraining) -> None:
        between("autoencoder: the frames of a crop", config.frames, 32)

    def build(self, config: Pretraining, material: contract.Material) -> AutoEncoder:
        return AutoEncoder(config, material.encoder)


class AutoEncoder(nn.Module):
    """loss = method(batch, generator): mean squared error of the standardised spectrogram."""

    def __init__(self, config: Pretraining, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        shape = config.frontend.bins, config.frames
        self.decoder = seeded(config.seed, lambda: Decoder(encoder.dim, 1, shape))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        spectrogram = self.encoder.spectrogram(batch.crops[:, 0])
        target = (spectrogram - self.encoder.mean) / self.encoder.std
        return F.mse_loss(self.decoder(self.encoder.embed(spectrogram))[:, 0].float(), target)
