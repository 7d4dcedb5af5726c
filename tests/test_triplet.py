"""TripletLoss (Audio2Vec, 4): semi-hard negatives and the margin."""

import pytest
import torch
import torch.nn.functional as F
from conftest import gen
from family import batch, build

from asglib.methods import triplet


def test_semi_hard_triplets_by_a_loop():
    a, p = (F.normalize(torch.randn(9, 4, generator=gen(i)), dim=1) for i in (1, 2))
    total = 0.0
    for i in range(9):
        own = (a[i] - p[i]).square().sum().item()
        others = [(a[i] - p[j]).square().sum().item() for j in range(9) if j != i]
        farther = [x for x in others if x > own]
        total += max(own - (min(farther) if farther else max(others)) + 0.1, 0) / 9
    assert triplet.semi_hard(a, p, 0.1).item() == pytest.approx(total, abs=1e-5)


def test_anchor_and_positive_are_unit_embeddings_of_two_crops_of_a_clip():
    method, config = build("Triplet")
    data = batch(config)
    method.eval()
    with torch.no_grad():
        a, p = (F.normalize(method.encoder(data.crops[:, i]), dim=1) for i in range(2))
        expected = triplet.semi_hard(a, p, 0.1).item()
        wrong = triplet.semi_hard(a, p.roll(1, 0), 0.1).item()
        assert method(data, gen()).item() == pytest.approx(expected, abs=1e-6)
    assert abs(wrong - expected) > 1e-3


def test_collapsed_triplets_stick_at_the_margin_and_random_ones_lie_2_apart():
    ones = F.normalize(torch.ones(6, 8), dim=1)
    assert triplet.semi_hard(ones, ones, 0.1).item() == pytest.approx(0.1, abs=1e-6)
    a, p = (F.normalize(torch.randn(500, 64, generator=gen(i)), dim=1) for i in (1, 2))
    assert torch.cdist(a, p).square().mean().item() == pytest.approx(2, abs=0.05)
