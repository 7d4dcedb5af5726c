"""MultiHead (Audio2Vec, 4): the loss of given shares."""

import math

import pytest
import torch
from conftest import gen
from family import batch, build
from torch import nn


def test_multiheads_loss_is_the_cross_entropy_of_the_clips_classes():
    """Whatever the sound, a head of given shares: minus the mean log of each clip's own."""
    method, config = build("MultiHead")
    assert method.head.out_features == 4
    shares = torch.tensor([0.1, 0.2, 0.3, 0.4])
    data, labels = batch(config), torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])
    nn.init.zeros_(method.head.weight)
    with torch.no_grad():
        method.head.bias.copy_(shares.log())
    product = 0.1**3 * 0.2**2 * 0.3 * 0.4**2
    loss = method(data._replace(labels=labels), gen()).item()
    assert loss == pytest.approx(-math.log(product) / 8, abs=1e-5)
