"""TemporalGap (Audio2Vec, 3): how gaps are drawn, and the loss of an estimate."""

import math

import pytest
import torch
import torch.nn.functional as F
from conftest import gen
from family import batch, build
from scipy import stats
from torch import nn

from asglib.methods import temporal_gap


def test_gaps_are_uniform_and_slices_inside_in_random_order():
    starts, gap = temporal_gap.draw(20_000, 200, gen())
    assert starts.min() >= 0 and starts.max() <= 200
    distance = (starts[:, 0] - starts[:, 1]).abs()
    assert torch.equal(distance.float() / 200, gap)
    assert stats.kstest(gap.numpy(), "uniform").statistic < 0.015
    assert (starts[:, 0] > starts[:, 1]).float().mean().item() == pytest.approx(0.5, abs=0.02)
    near = starts.min(1).values[gap < 0.1].double()
    assert near.mean().item() == pytest.approx(95, abs=4)


def test_every_gap_and_every_place_for_it_is_drawn_equally_often():
    """Of at most 3 frames: gap 0 at four places, 1 at three, 2 at two, 3 at one."""
    starts, gap = temporal_gap.draw(24_000, 3, gen(2))
    gaps = (3 * gap).round().long()
    assert stats.chisquare(torch.bincount(gaps, minlength=4).numpy()).pvalue > 1e-3
    for size in range(4):
        places = torch.bincount(starts[gaps == size].min(1).values)
        assert len(places) == 4 - size and (places > 0).all()
        assert size == 3 or stats.chisquare(places.numpy()).pvalue > 1e-3


def test_the_gaps_loss_lies_between_a_half_and_ln_2():
    gap = torch.rand(100_000, generator=gen()).clamp(1e-4, 1 - 1e-4)
    constant = F.binary_cross_entropy_with_logits(torch.zeros_like(gap), gap)
    best = F.binary_cross_entropy_with_logits(gap.logit(), gap)
    assert constant.item() == pytest.approx(math.log(2)) and best.item() == pytest.approx(
        0.5, abs=5e-3
    )
    method, config = build("TemporalGap")
    assert method(batch(config), gen()).item() == pytest.approx(math.log(2), abs=0.1)


def test_the_gaps_slices_are_those_that_were_drawn():
    method, config = build("TemporalGap")
    method.eval()
    data = batch(config)
    spectrogram = method.encoder.spectrogram(data.crops[:, 0])
    starts, _ = temporal_gap.draw(8, 328 - 64, gen(4))
    taken = []
    method.encoder.embed = lambda s: (taken.append(s), torch.zeros(len(s), 128))[1]
    method(data, gen(4))
    for i in range(8):
        for side in range(2):
            start = int(starts[i, side])
            assert torch.equal(taken[0][side * 8 + i], spectrogram[i, :, start : start + 64])


def test_the_gaps_loss_is_the_cross_entropy_of_given_estimates():
    method, config = build("TemporalGap")
    given, pairs = torch.linspace(-2, 3, 8).double(), []
    method.encoder.embed = lambda x: torch.arange(16.0)[:, None].expand(-1, 128)
    method.estimator = nn.Module()
    method.estimator.forward = lambda pair: (pairs.append(pair), given[:, None])[1]
    _, gap = temporal_gap.draw(8, 328 - 64, gen(4))
    p = 1 / (1 + torch.exp(-given))
    expected = -(gap * p.log() + (1 - gap) * (1 - p).log()).mean().item()
    assert method(batch(config), gen(4)).item() == pytest.approx(expected, abs=1e-5)
    assert pairs[0][:, ::128].tolist() == [[i, 8 + i] for i in range(8)]
