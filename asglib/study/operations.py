"""What a training computes, in multiply-adds: counted by torch, and the same on every machine."""

from __future__ import annotations

from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from asglib import encoder
from asglib.batches import Batch
from asglib.config import Pretraining
from asglib.methods.contract import Material
from asglib.processes import precision

CLIPS = 2  # of a step that is counted: what batches ask of each other is next to nothing


def multiply_adds(config: Pretraining, steps: int, device: str = "cpu") -> float:
    """Of all convolutions and matrix products of `steps` steps, forward and backward (D67).

    Spectrograms and what is done to waves are not among them.
    """
    return _of_a_clip(_shape(config), device) * config.batch * steps if steps else 0.0


def _shape(config: Pretraining) -> Pretraining:
    """Only what decides the work of a clip, so that it is counted once for many runs."""
    names = ("settings", "frames", "encoder", "batch", "precision", "frontend")
    return Pretraining(method="", **{name: getattr(config, name) for name in names})


@cache
def _of_a_clip(config: Pretraining, device: str) -> float:
    settings, generator = config.settings, torch.Generator(device).manual_seed(0)
    network = encoder.build(config.encoder, config.frontend)
    material = Material(network, torch.ones(1, 1, device=device), classes=2)
    method = settings.build(config, material).to(device).train()
    size = CLIPS, settings.crops, settings.samples(config)
    crops = torch.randn(size, generator=generator, device=device)
    batch = Batch(crops, torch.arange(CLIPS), torch.arange(CLIPS)).to(torch.device(device))
    amp = precision(config.precision, torch.device(device), config.frames) == "bf16"
    half = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=amp)  # as in training
    with FlopCounterMode(display=False) as counter, half:
        method(batch, generator).backward()
    return counter.get_total_flops() / 2 / CLIPS  # a multiplication and an addition are one
