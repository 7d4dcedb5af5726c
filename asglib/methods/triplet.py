"""TripletLoss: an anchor is nearer to its own clip than to others (Audio2Vec, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between
from asglib.methods import contract


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Section 4 names the loss and no numbers."""

    margin: float = 0.1  # silent, D46

    def check(self, config: Pretraining) -> None:
        between("triplet.margin", self.margin, 0)

    def build(self, config: Pretraining, material: contract.Material) -> Triplet:
        return Triplet(self, material.encoder)


class Triplet(nn.Module):
    """loss = method(batch, generator) on unit vectors, with semi-hard negatives of the batch."""

    def __init__(self, settings: Settings, encoder: nn.Module):
        super().__init__()
        self.margin = settings.margin
        self.encoder = encoder

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        h = self.encoder(batch.crops.transpose(0, 1).flatten(0, 1)).float()
        anchor, positive = F.normalize(h, dim=1).chunk(2)
        return semi_hard(anchor, positive, self.margin)


def semi_hard(anchor: Tensor, positive: Tensor, margin: float) -> Tensor:
    """Mean of relu(|a - p|^2 - |a - n|^2 + margin): [B, D], [B, D].

    n is the nearest of the other clips' positives that is farther than p; where there is none, the
    farthest. All alike: the margin.

    >>> round(semi_hard(torch.ones(3, 2), torch.ones(3, 2), 0.1).item(), 4)
    0.1
    """
    distances = torch.cdist(anchor, positive).square()
    own = distances.diagonal()[:, None]
    itself = torch.eye(len(anchor), dtype=torch.bool, device=anchor.device)
    farther = (distances > own) & ~itself
    nearest = distances.masked_fill(~farther, float("inf")).amin(1)
    farthest = distances.masked_fill(itself, float("-inf")).amax(1)
    negative = torch.where(farther.any(1), nearest, farthest)
    return (own[:, 0] - negative + margin).relu().mean()
