"""COLA, and COLA with more augmentation (augmented contrastive learning, sections 2 and 3.1).

Two crops of a clip are a pair, all else in the batch is negative, similarity is bilinear.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torchaudio.functional import phase_vocoder

from asglib.batches import Batch
from asglib.config import Pretraining, between, one_of
from asglib.loss import gather
from asglib.methods import contract
from asglib.methods.supervised import spec_augment
from asglib.positives import convolve

BLOCKS = ("stretch", "rir", "mask")  # in the order in which they are applied
N_FFT, HOP = 512, 128  # of time stretching


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Section 3.1; what is not stated is decided in D41 and D42."""

    blocks: tuple[str, ...] = ()  # of BLOCKS, on the positive; none: COLA itself, with noise only
    noise: float = 0.4  # of the crop's RMS: .001 on a clip of 10 s and unit L2 norm; D41
    stretch_probability: float = 0.5  # 2.1, D41
    stretch: float = 0.1  # faster or slower by so much; 2.1
    rirs: str = "simulated"  # 2.1 takes the DNS challenge's, D5
    masks: int = 1  # of each axis; 2.1
    mask_share: float = 0.12  # silent, D15
    head: int = 512  # 3.1
    similarity_deviation: float = 0.05  # of W at the start; silent, D42

    @property
    def rir_bank(self) -> str | None:
        return self.rirs if "rir" in self.blocks else None

    def samples(self, config: Pretraining) -> int:
        """Long enough to be shortened by stretching."""
        longer = 1 + self.stretch if "stretch" in self.blocks else 1
        return round(longer * config.samples)

    def check(self, config: Pretraining) -> None:
        for block in self.blocks:
            one_of("block", block, BLOCKS)
        between("cola.noise", self.noise, 0)
        between("cola.stretch", self.stretch, 0, 0.5)

    def build(self, config: Pretraining, material: contract.Material) -> COLA:
        return COLA(self, config, material)


class COLA(nn.Module):
    """loss = method(batch, generator): each anchor finds its positive among the batch's."""

    def __init__(self, settings: Settings, config: Pretraining, material: contract.Material):
        super().__init__()
        self.settings, self.length, self.rirs = settings, config.samples, material.rirs
        self.encoder = material.encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.head = nn.Sequential(
                nn.Linear(self.encoder.dim, settings.head), nn.LayerNorm(settings.head), nn.Tanh()
            )
            start = torch.randn(settings.head, settings.head)
        self.similarity = nn.Parameter(settings.similarity_deviation * start)

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        anchor, positive = self.views(batch, generator)
        # one forward: one batch for batch normalisation
        z = self.head(self.encoder.embed(torch.cat([anchor, positive])))
        return bilinear_loss(z[: len(anchor)], z[len(anchor) :], self.similarity)

    def views(self, batch: Batch, generator: Generator) -> tuple[Tensor, Tensor]:
        """Log-spectrograms of anchors and positives: [B, F, T] each."""
        s = self.settings
        anchor, positive = batch.crops[:, 0, : self.length], batch.crops[:, 1]
        if "stretch" in s.blocks:
            positive = stretched(positive, s.stretch_probability, s.stretch, generator)
        positive = positive[:, : self.length]
        if "rir" in s.blocks:
            which = torch.randint(
                len(self.rirs), (len(positive),), generator=generator, device=positive.device
            )
            positive = convolve(positive, self.rirs[which])
        waves = [noisy(part, s.noise, generator) for part in (anchor, positive)]
        anchor, positive = (self.encoder.spectrogram(part) for part in waves)
        if "mask" in s.blocks:
            fill = self.encoder.mean
            positive = spec_augment(positive, fill, generator, s.masks, s.mask_share)
        return anchor, positive


def bilinear_loss(anchor: Tensor, positive: Tensor, similarity: Tensor) -> Tensor:
    """Mean cross-entropy of row i of anchor W positive^T against i: [B, D], [B, D], [D, D].

    Rows only, no temperature. The positives of all processes are candidates.

    >>> z = torch.eye(3)
    >>> round(bilinear_loss(z, z, torch.zeros(3, 3)).exp().item(), 4)  # nothing is nearer
    3.0
    """
    with torch.autocast(anchor.device.type, enabled=False):
        candidates, first = gather(positive.float())
        scores = anchor.float() @ similarity.float() @ candidates.T
        return F.cross_entropy(scores, torch.arange(len(anchor), device=scores.device) + first)


def noisy(waves: Tensor, level: float, generator: Generator) -> Tensor:
    """Gaussian noise of `level` times each wave's RMS added: [B, N] -> [B, N] (D41)."""
    rms = waves.square().mean(1, keepdim=True).sqrt()
    noise = torch.randn(waves.shape, generator=generator, device=waves.device)
    return waves + level * rms * noise


def stretched(waves: Tensor, probability: float, amount: float, generator: Generator) -> Tensor:
    """Some rows faster or slower at the same pitch: [B, N] -> [B, N / (1 + amount)].

    Half of those that change are faster.
    """
    shape = {"generator": generator, "device": waves.device}
    changes = torch.rand(len(waves), **shape) < probability
    faster = torch.rand(len(waves), **shape) < 0.5
    length = round(waves.shape[1] / (1 + amount))
    out = waves[:, :length].clone()
    for rate, chosen in ((1 + amount, changes & faster), (1 - amount, changes & ~faster)):
        if chosen.any():
            out[chosen] = time_stretch(waves[chosen], rate)[:, :length]
    return out


def time_stretch(waves: Tensor, rate: float) -> Tensor:
    """`rate` times as fast at the same pitch, by a phase vocoder: [B, N] -> [B, N / rate]."""
    window = torch.hann_window(N_FFT, device=waves.device)
    with torch.autocast(waves.device.type, enabled=False):
        spectrum = torch.stft(waves.float(), N_FFT, HOP, window=window, return_complex=True)
        advance = torch.linspace(0, torch.pi * HOP, N_FFT // 2 + 1, device=waves.device)
        spectrum = phase_vocoder(spectrum, rate, advance[:, None])
        return torch.istft(spectrum, N_FFT, HOP, window=window, length=round(waves.shape[1] / rate))
