"""Audio2Vec and its family as its paper compares them: a small run of each, and a batch for it."""

import math
from dataclasses import replace

import torch
from conftest import gen, small

from asglib import encoder
from asglib.batches import Batch
from asglib.methods import METHODS
from asglib.methods.contract import Material
from asglib.study.systems import MEL

FAMILY = ("CBoW", "SG", "TemporalGap", "Triplet", "AutoEncoder", "MultiHead")


def config_of(name, frames=64):
    how = {"encoder": "audio2vec", "frontend": MEL, "frames": frames}
    return replace(small("NONE"), method=name, settings=METHODS[name], **how)


def build(name, frames=64):
    config = config_of(name, frames)
    network = encoder.build("audio2vec", config.frontend)
    network.standardise(batch(config).crops[:, 0])
    return config.settings.build(config, Material(network, None, 4, False)), config


def batch(config, clips=8):
    settings = config.settings
    length = settings.samples(config)
    t = torch.arange(length) / 16_000
    pitch = 250 + 400 * torch.arange(clips)[:, None]
    waves = 0.4 * torch.sin(2 * math.pi * pitch * t * (1 + 0.2 * t)) * torch.exp(-3 * (t % 0.4))
    noise = 0.01 * torch.randn(clips, settings.crops, length, generator=gen())
    return Batch(waves[:, None] + noise, torch.arange(clips), torch.arange(clips) % 4)
