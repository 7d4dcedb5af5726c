"""The feature encoder f, from waves to embeddings, and the projection head g (section 2.3)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from asglib.config import ConfigError, Frontend, need
from asglib.files import write_atomically
from asglib.frontend import LogSpectrogram
from asglib.networks import NETWORKS

FORMAT = "asglib encoder 1"


class Encoder(nn.Module):
    """h = f(x): waves [B, N] -> [B, D]; front end, standardisation (D2) and network are inside.

    A network that takes waves has no spectrogram: its waves stand in its place, as they are.
    """

    def __init__(self, name: str, frontend: Frontend, network: nn.Module):
        super().__init__()
        self.name = name
        self.frontend = LogSpectrogram(frontend)
        self.network = network
        self.dim: int = network.num_features
        self.takes_waves: bool = getattr(network, "takes_waves", False)
        self.register_buffer("mean", torch.tensor(0.0))
        self.register_buffer("std", torch.tensor(1.0))

    def forward(self, waves: Tensor) -> Tensor:
        if len(waves) == 1 and not self.training:
            # a CPU rounds a batch of one otherwise: a clip's embedding would depend on its company
            return self.embed(self.spectrogram(waves.expand(2, -1)))[:1]
        return self.embed(self.spectrogram(waves))

    def spectrogram(self, waves: Tensor) -> Tensor:
        """Log-spectrograms, not standardised: [B, N] -> [B, F, T]."""
        return waves if self.takes_waves else self.frontend(waves)

    def embed(self, spectrogram: Tensor) -> Tensor:
        """Embeddings of log-spectrograms: [B, F, T] -> [B, D]."""
        if self.takes_waves:
            return self.network(spectrogram)
        x = ((spectrogram - self.mean) / self.std)[:, None]
        return self.network(x.contiguous(memory_format=torch.channels_last))

    def standardise(self, waves: Tensor) -> None:
        """Takes mean and deviation of the input from these waves [B, N], rounded (D2)."""
        if self.takes_waves:
            return
        values = self.spectrogram(waves).double()
        self.mean.fill_(round(values.mean().item(), 4))
        self.std.fill_(round(values.std().item(), 4))


def build(name: str, frontend: Frontend, seed: int = 0) -> Encoder:
    """A freshly initialised encoder, its weights a function of `seed` alone.

    >>> build("tiny", Frontend()).dim
    128
    """
    if name not in NETWORKS:
        raise ConfigError(f"encoder {name!r} is unknown; use {', '.join(NETWORKS)}.")
    with torch.random.fork_rng(devices=[]):  # timm initialises from the global stream
        torch.manual_seed(seed)
        network = NETWORKS[name]()
    return Encoder(name, frontend, network).to(memory_format=torch.channels_last)


def save_encoder(encoder: Encoder, path: Path) -> None:
    """One safetensors file that holds all of it: weights, standardisation, configuration."""
    about = {"name": encoder.name, "frontend": asdict(encoder.frontend.config)}
    state = {key: value.contiguous().cpu() for key, value in encoder.state_dict().items()}
    content = save(state, {FORMAT: json.dumps(about)})  # two keys would come in any order
    write_atomically(Path(path), lambda out: out.write_bytes(content))


def load(path: Path | str) -> Encoder:
    """The encoder of a file that save_encoder wrote, in evaluation mode on the CPU.

    ConfigError when the file is none.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file; give an encoder.safetensors of a run.")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        need(FORMAT in about, f"its format is {', '.join(about)!r}, {FORMAT!r} is needed")
        parts = json.loads(about[FORMAT])
        encoder = build(parts["name"], Frontend(**parts["frontend"]))
        encoder.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{path}: is no whole encoder of asglib ({reason}); give an encoder.safetensors of a "
            "run."
        ) from None
    return encoder.eval()


def projection_head(dim: int, hidden: int, out: int, seed: int = 0) -> nn.Sequential:
    """z = g(h): linear, batch normalisation, ReLU, linear (2.3): [B, dim] -> [B, out]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out)
        )
