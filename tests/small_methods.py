"""Any method in a small run: its batch of tones, the method before its first step, a few steps."""

from dataclasses import replace

import torch
from conftest import gen, responses, small, tone

from asglib import encoder
from asglib.batches import Batch
from asglib.methods.contract import Material
from asglib.study import plans
from asglib.study.profiles import SMOKE


def sounds(clips, crops, samples, seed=0):
    """[clips, crops, samples] of tones, each clip at a pitch of its own."""
    waves = torch.stack([torch.from_numpy(tone(300 + 700 * i, 1.0)) for i in range(clips)]).float()
    waves = waves.repeat(1, -(-(samples + 3_000 * crops) // waves.shape[1]))
    waves = waves + 0.02 * torch.randn(waves.shape, generator=gen(seed))
    starts = range(0, 3_000 * crops, 3_000)
    return torch.stack([waves[:, start : start + samples] for start in starts], 1)


def batch_for(config, clips=8):
    """What the method of a run is given; the pitch does not tell the labels."""
    settings = config.settings
    crops = sounds(clips, settings.crops, settings.samples(config))
    return Batch(crops, torch.arange(clips), torch.tensor([0, 0, 1, 1] * (clips // 4)))


def build_for(config, **material):
    network = encoder.build(config.encoder, config.frontend, config.seed)
    network.standardise(batch_for(config).crops[:, 0])
    space = {"rirs": responses(), "classes": 2} | material
    return config.settings.build(config, Material(network, **space))


def smoke(name):
    """The smoke profile's pretraining of any method."""
    return replace(plans.pretraining(SMOKE, name, 0), precision="fp32")


def batch(clips=8):
    return batch_for(small(), clips)


def build(name, **changes):
    return build_for(small(name, **changes))


def steps(method, data, count, lr=3e-3):
    """The losses of `count` steps of Adam on one batch, with the same draws each time."""
    optim = torch.optim.Adam(method.parameters(), lr=lr)
    losses = []
    for _ in range(count):
        loss = method(data, gen(1))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    return losses
