"""CPC with an adversary: latents predicted from both contexts, negatives drawn, FGSM (2, 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from asglib.batches import Batch
from asglib.config import Pretraining, between, one_of
from asglib.methods import contract
from asglib.methods.contract import seeded

NEGATIVES = ("cross", "local", "exclusive")


@dataclass(frozen=True)
class Settings(contract.Settings):
    """Sections 2 and 3.1; steps 4 to 7 are predicted: three are skipped, four are tasks (D49)."""

    crops: ClassVar[int] = 1
    negatives: str = "cross"  # from the whole batch, the same clip, or another clip; 2.1
    count: int = 2  # negatives of a positive; 3.1
    skip: int = 3  # 3.1
    tasks: int = 4  # 3.1
    similarity: str = "cosine"  # of a network's outputs, or "dot" of the vectors themselves; 2.2
    temperature: float = 0.05  # 3.1
    hidden: int = 512  # of that network; 3.1
    epsilon_db: float | None = None  # of the adversary, dB of full scale, D50; None: no adversary
    noise_db: float | None = None  # Gaussian noise of that RMS instead; table 1

    @property
    def views(self) -> int:
        return 1 if self.epsilon_db is None else 3

    def check(self, config: Pretraining) -> None:
        one_of("cpc.negatives", self.negatives, NEGATIVES)
        one_of("cpc.similarity", self.similarity, ("cosine", "dot"))
        between("cpc.temperature", self.temperature, 1e-6)
        latents = (config.samples - 955) // 320 + 1
        between("cpc: latents of a crop", latents, self.skip + self.tasks + 2)

    def build(self, config: Pretraining, material: contract.Material) -> CPC:
        return CPC(self, config, material.encoder)


class CPC(nn.Module):
    """loss = method(batch, generator); `ranked` is the share of positives ranked first."""

    def __init__(self, settings: Settings, config: Pretraining, encoder: nn.Module):
        super().__init__()
        self.settings = settings
        self.encoder = encoder
        dim, steps = encoder.dim // 2, range(2 * settings.tasks)

        def predictors() -> nn.Module:
            return nn.ModuleList(nn.Linear(dim, dim) for _ in steps)

        def network() -> nn.Module:
            first = nn.Linear(dim, settings.hidden)
            return nn.Sequential(first, nn.ReLU(), nn.Linear(settings.hidden, dim))

        self.predictors = seeded(config.seed, predictors)  # of each direction and step
        cosine = settings.similarity == "cosine"
        self.network = seeded(config.seed + 1, network) if cosine else nn.Identity()
        self.register_buffer("ranked", torch.tensor(float("nan")), persistent=False)

    @property
    def seen(self) -> dict[str, float]:
        """Of the last batch, for the record: chance is 1 / (1 + negatives)."""
        share = self.ranked.item()
        return {} if math.isnan(share) else {"ranked": share}

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        s, waves = self.settings, batch.crops[:, 0]
        if s.noise_db is not None and self.training:
            noise = torch.randn(waves.shape, generator=generator, device=waves.device)
            waves = waves + amplitude(s.noise_db) * noise
        if s.epsilon_db is None or not self.training:
            z = self.encoder.network.latents(waves)
            return self._loss(z, self.encoder.network.contexts(z), generator)
        waves = waves.detach().clone().requires_grad_()
        z = self.encoder.network.latents(waves)
        contexts = self.encoder.network.contexts(z)
        plain = self._loss(z, contexts, generator)
        (gradient,) = torch.autograd.grad(plain, waves, retain_graph=True)
        moved = (waves + amplitude(s.epsilon_db) * gradient.sign()).detach()
        # Algorithm 1: the context stays clean; targets and negatives are perturbed, D50
        return self._loss(self.encoder.network.latents(moved), contexts, generator)

    def _loss(self, z: Tensor, contexts: tuple[Tensor, Tensor], generator: Generator) -> Tensor:
        s, (clips, _, latents) = self.settings, z.shape
        chosen = draw_negatives(s.negatives, clips, latents, s.count, generator)
        targets = self.network(z.transpose(1, 2))
        others = targets.flatten(0, 1)[chosen]
        losses, ranked = [], []
        for direction, context in enumerate(contexts):
            for task in range(s.tasks):
                step = s.skip + 1 + task
                predictor = self.predictors[direction * s.tasks + task]
                predicted = self.network(predictor(context.transpose(1, 2)))
                first, last = slice(None, latents - step), slice(step, None)
                here, there = (first, last) if direction == 0 else (last, first)
                predicted = predicted[:, here, None]
                right = self._similar(predicted, targets[:, there, None])
                wrong = self._similar(predicted, others[:, there])
                losses.append((F.softplus(-right[..., 0]) + F.softplus(wrong).sum(2)).flatten())
                ranked.append((right > wrong).all(2).flatten())
        self.ranked.copy_(torch.cat(ranked).float().mean())
        return torch.cat(losses).mean()

    def _similar(self, a: Tensor, b: Tensor) -> Tensor:
        """Similarity over the last axis, divided by the temperature."""
        a, b = a.float(), b.float()
        if self.settings.similarity == "cosine":
            a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
        return (a * b).sum(-1) / self.settings.temperature


def amplitude(decibels: float) -> float:
    """Of full scale: -55 dB is 0.00178 (D50)."""
    return 10 ** (decibels / 20)


def draw_negatives(kind: str, clips: int, latents: int, count: int, generator: Generator) -> Tensor:
    """Which of the B x M latents are the negatives of each: [B, M, count], never the own one.

    "local": of the same clip; "exclusive": of another clip; "cross": of any.
    """
    shape = {"generator": generator, "device": generator.device}
    size = (clips, latents, count)
    clip = torch.arange(clips, device=generator.device)[:, None, None]
    position = torch.arange(latents, device=generator.device)[None, :, None]
    if kind == "cross":
        own = clip * latents + position
        drawn = torch.randint(clips * latents - 1, size, **shape)
        return drawn + (drawn >= own)
    if kind == "local":
        drawn = torch.randint(latents - 1, size, **shape)
        return clip * latents + drawn + (drawn >= position)
    other = torch.randint(clips - 1, size, **shape)
    return (other + (other >= clip)) * latents + torch.randint(latents, size, **shape)
