"""ASG: SimCLR whose batch also contains the moved pairs (paper section 2).

NONE is the same code without moved pairs, that is SimCLR; ST, FT, SF and FF have one move each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor, nn

from asglib.adversaries import Adversary
from asglib.batches import Batch
from asglib.config import Positives, Pretraining, between
from asglib.encoder import projection_head
from asglib.loss import nt_xent
from asglib.methods import contract
from asglib.positives import PositiveTransform


@dataclass(frozen=True)
class Settings(contract.Settings):
    """The numbers of sections 2 and 3.2."""

    moves: tuple[str, ...] = ("FT", "FF", "SF")  # one of these for each clip; 3.5
    min_scroll: int = 30  # L_ms in bins of F = 257; 3.2; scaled to other F, D4
    temperature: float = 0.1  # tau; 3.2
    head: tuple[int, int] = (4096, 256)  # 2.3
    positives: Positives = field(default_factory=Positives)  # table 1

    @property
    def views(self) -> int:
        return 4 if self.moves else 2

    @property
    def rir_bank(self) -> str:
        return self.positives.rir_bank

    def scroll(self, config: Pretraining) -> int:
        """L_ms in bins of this front end."""
        return round(self.min_scroll * config.frontend.bins / 257)

    def scroll_time(self, config: Pretraining) -> int:
        """ST's minimal length in frames: the same share of T = 300 as in the paper's input."""
        return round(self.min_scroll * config.frames / 300)

    def check(self, config: Pretraining) -> None:
        between("temperature", self.temperature, 1e-6)
        between("min_scroll in bins", self.scroll(config), 1, config.frontend.bins // 2)
        if "ST" in self.moves:
            between("min_scroll in frames", self.scroll_time(config), 1, config.frames // 2)

    def build(self, config: Pretraining, material: contract.Material) -> ASG:
        return ASG(self, config, material)


class ASG(nn.Module):
    """loss = method(batch, generator): NT-Xent over pairs and moved pairs."""

    def __init__(self, settings: Settings, config: Pretraining, material: contract.Material):
        super().__init__()
        self.temperature = settings.temperature
        self.positives = PositiveTransform(settings.positives, material.rirs)
        self.adversary = None
        if settings.moves:
            lengths = settings.scroll(config), settings.scroll_time(config)
            self.adversary = Adversary(settings.moves, *lengths)
        self.encoder = material.encoder
        self.head = projection_head(self.encoder.dim, *settings.head, seed=config.seed)

    def views(self, batch: Batch, generator: Generator) -> tuple[Tensor, Tensor]:
        """first = [x; x_n], second = [x_p; x_pn]: row i of each are a positive pair."""
        x = self.encoder.spectrogram(batch.crops[:, 0])
        x_p = self.encoder.spectrogram(self.positives(batch.crops[:, 1], generator))
        if self.adversary is None:
            return x, x_p
        x_n, x_pn = self.adversary(x, x_p, generator)
        return torch.cat([x, x_n]), torch.cat([x_p, x_pn])

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        first, second = self.views(batch, generator)
        # one forward: one batch for batch normalisation
        z = self.head(self.encoder.embed(torch.cat([first, second])))
        return nt_xent(z[: len(first)], z[len(first) :], self.temperature)
