"""The feature encoder f and the projection head g (paper section 2.3)."""

from __future__ import annotations

import timm
import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from asglib.config import ConfigError

ENCODERS = {  # timm's networks, stems untouched, one input channel, last BN gamma of a block at 0 (D12)
    "resnet50": lambda: timm.create_model("resnet50", in_chans=1, num_classes=0),  # 2.3
    "resnet18": lambda: timm.create_model("resnet18", in_chans=1, num_classes=0),
    "tiny": lambda: ResNet(
        BasicBlock,
        (1, 1, 1, 1),
        in_chans=1,
        num_classes=0,
        channels=(16, 32, 64, 128),
        stem_type="deep",
        stem_width=8,
        zero_init_last=True,
    ),  # 0.31 M weights, for two CPU cores
}


class Encoder(nn.Module):
    """h = f(x): spectrograms [B, F, T] -> [B, D]; `mean` and `std` of the corpus standardise the input (D2)."""

    def __init__(self, network: nn.Module, mean: float = 0.0, std: float = 1.0):
        super().__init__()
        self.network = network
        self.dim: int = network.num_features
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))

    def forward(self, spectrogram: Tensor) -> Tensor:
        x = ((spectrogram - self.mean) / self.std)[:, None]
        return self.network(x.contiguous(memory_format=torch.channels_last))


def build(name: str, seed: int = 0, mean: float = 0.0, std: float = 1.0) -> Encoder:
    """A freshly initialised encoder, its weights a function of `seed` alone.

    >>> build("tiny").dim
    128
    """
    if name not in ENCODERS:
        raise ConfigError(f"encoder {name!r} is unknown; use {', '.join(ENCODERS)}.")
    with torch.random.fork_rng(devices=[]):  # timm initialises from the global stream
        torch.manual_seed(seed)
        return Encoder(ENCODERS[name](), mean, std).to(memory_format=torch.channels_last)


def projection_head(dim: int, hidden: int, out: int, seed: int = 0) -> nn.Sequential:
    """z = g(h): linear, batch normalisation, ReLU, linear (section 2.3): [B, dim] -> [B, out]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out)
        )
