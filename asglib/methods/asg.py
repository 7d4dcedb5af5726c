"""NONE, ST, FT, SF, FF and ASG: SimCLR whose batch also contains the moved pairs (paper section 2)."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from asglib import encoder
from asglib.adversaries import Adversary
from asglib.batch import Batch
from asglib.config import Pretraining
from asglib.frontend import LogSpectrogram
from asglib.loss import nt_xent
from asglib.positives import PositiveTransform

MOVES = {
    "NONE": (),
    "untrained": (),
    "ST": ("ST",),
    "FT": ("FT",),
    "SF": ("SF",),
    "FF": ("FF",),
    "ASG": ("FT", "FF", "SF"),
}


class ASG(nn.Module):
    """loss = method(batch, generator). NONE is the same code path without moved pairs, that is SimCLR.

    `rirs` is [R, K], `mean` and `std` standardise the encoder's input.
    """

    needs_labels = False

    def __init__(self, config: Pretraining, rirs: Tensor, mean: float = 0.0, std: float = 1.0):
        super().__init__()
        self.config = config
        self.frontend = LogSpectrogram(config.frontend)
        self.positives = PositiveTransform(config.positives, rirs)
        moves = MOVES[config.method]
        self.adversary = Adversary(moves, config.scroll, config.scroll_time) if moves else None
        self.encoder = encoder.build(config.encoder, config.seed, mean, std)
        self.head = encoder.projection_head(self.encoder.dim, *config.head, seed=config.seed)

    def views(self, batch: Batch, generator: Generator) -> tuple[Tensor, Tensor]:
        """first = [x; x_n] and second = [x_p; x_pn]: row i of each are a positive pair, all else is negative."""
        x = self.frontend(batch.first)
        x_p = self.frontend(self.positives(batch.second, generator))
        if self.adversary is None:
            return x, x_p
        x_n, x_pn = self.adversary(x, x_p, generator)
        return torch.cat([x, x_n]), torch.cat([x_p, x_pn])

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        first, second = self.views(batch, generator)
        z = self.head(
            self.encoder(torch.cat([first, second]))
        )  # one forward: one batch for batch normalisation
        return nt_xent(z[: len(first)], z[len(first) :], self.config.temperature)
