"""Audio2Vec: slices of a spectrogram predicted from others (section 3, CBoW and skip-gram)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between, one_of
from asglib.methods import contract
from asglib.methods.contract import seeded
from asglib.methods.slices import Decoder, cut, span


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Sections 3 and 4; a slice is as long as the run's frames."""

    crops: ClassVar[int] = 1
    pads: ClassVar[bool] = False  # silence predicted from silence would be no task
    task: str = "cbow"  # the middle from its neighbours; "skip-gram": these from the middle
    around: int = 2  # P slices on either side; 4
    gap: int = 2  # G frames between slices, so that no sample is in two; 4

    @property
    def views(self) -> int:
        return 2 * self.around if self.task == "cbow" else 1

    def samples(self, config: Pretraining) -> int:
        return span(config.frames, self.around, self.gap) * config.frontend.hop

    def check(self, config: Pretraining) -> None:
        one_of("audio2vec.task", self.task, ("cbow", "skip-gram"))
        between("audio2vec.around", self.around, 1)
        between("audio2vec.gap", self.gap, 0)
        between("audio2vec: the frames of a slice", config.frames, 32)

    def build(self, config: Pretraining, material: contract.Material) -> Audio2Vec:
        return Audio2Vec(self, config, material.encoder)


class Audio2Vec(nn.Module):
    """loss = method(batch, generator): mean squared error of standardised slices."""

    def __init__(self, settings: Settings, config: Pretraining, encoder: nn.Module):
        super().__init__()
        self.settings, self.frames = settings, config.frames
        self.encoder = encoder
        around = 2 * settings.around
        cbow = settings.task == "cbow"
        sizes = (around * encoder.dim, 1) if cbow else (encoder.dim, around)
        shape = config.frontend.bins, config.frames
        self.decoder = seeded(config.seed, lambda: Decoder(*sizes, shape))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        s = self.settings
        slices = cut(self.encoder.spectrogram(batch.crops[:, 0]), self.frames, s.around, s.gap)
        targets = (slices - self.encoder.mean) / self.encoder.std
        middle = [s.around]
        others = [i for i in range(2 * s.around + 1) if i != s.around]
        seen, hidden = (others, middle) if s.task == "cbow" else (middle, others)
        # one forward for all slices: one batch for batch normalisation
        z = self.encoder.embed(slices[:, seen].flatten(0, 1))
        predicted = self.decoder(z.reshape(len(slices), -1))
        return F.mse_loss(predicted.float(), targets[:, hidden])
