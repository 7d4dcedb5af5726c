"""AutoEncoder (Audio2Vec, 4): what it is given and what it must give back."""

import pytest
import torch
from conftest import gen
from family import batch, build
from torch import nn


def test_the_loss_of_a_constant_is_the_variance_of_standardised_slices():
    method, config = build("AutoEncoder")
    method.decoder = Constant()
    data = batch(config)
    spectrogram = method.encoder.spectrogram(data.crops[:, 0])
    target = (spectrogram - method.encoder.mean) / method.encoder.std
    assert method(data, gen()).item() == pytest.approx(target.square().mean().item(), rel=1e-5)
    assert 0.8 < target.square().mean() < 1.2


class Constant(nn.Module):
    def forward(self, z):
        return torch.zeros(len(z), 1, 64, 64)


def test_the_autoencoder_embeds_the_spectrogram_as_every_encoder_does():
    """What it trains on is what evaluation gives the encoder: not standardised twice."""
    method, config = build("AutoEncoder")
    method.decoder, data = Constant(), batch(config)
    taken, original = [], method.encoder.embed
    method.encoder.embed = lambda s: (taken.append(s), original(s))[1]
    method(data, gen())
    assert torch.equal(taken[0], method.encoder.spectrogram(data.crops[:, 0]))
