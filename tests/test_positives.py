"""Positive samples (paper section 2.1, table 1): scipy's convolution, distributions of draws."""

import numpy as np
import pytest
import torch
from conftest import gen
from scipy import signal, stats

from asglib.config import Positives
from asglib.positives import PositiveTransform, convolve, db_to_gain

NOTHING = {"rir_probability": 0.0, "volume_probability": 0.0, "noise_probability": 0.0}
DELAY = torch.tensor([[0.0, 1.0]])  # an impulse response that shows: one sample later


def transform(rirs=DELAY, **changes):
    return PositiveTransform(Positives(**(NOTHING | changes)), rirs)


def waves(clips=4_000, samples=16, seed=0):
    return torch.rand(clips, samples, generator=gen(seed)) + 0.1


def binomial(count, trials, probability):
    """Whether a count is one that happens: the two-sided p-value is above 1 in 1,000."""
    return stats.binomtest(int(count), trials, probability).pvalue > 1e-3


# --- room impulse responses ----------------------------------------------------------------------


@pytest.mark.parametrize("samples, taps", [(3_000, 700), (500, 900), (48_000, 8_000)])
def test_convolution_equals_scipys(samples, taps):
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((2, samples)), rng.standard_normal((2, taps)) / np.sqrt(taps)
    expected = signal.fftconvolve(x, h, axes=1)[:, :samples]
    ours = convolve(torch.from_numpy(x).float(), torch.from_numpy(h).float())
    np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-5)


def test_convolution_written_out():
    x, h = torch.tensor([[1.0, 2, 3, 4], [0, 0, 1, 0]]), torch.tensor([[1.0, 0, 10], [5, 6, 7]])
    np.testing.assert_allclose(convolve(x, h), [[1, 2, 13, 24], [0, 0, 5, 6]], atol=1e-5)


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.9, 1.0])
def test_rooms_are_as_frequent_as_asked(probability):
    x = waves()
    out = transform(rir_probability=probability)(x, gen(1))
    plain = torch.isclose(out, x, atol=1e-5).all(1)
    later = torch.isclose(out[:, 1:], x[:, :-1], atol=1e-5).all(1) & (out[:, 0].abs() < 1e-5)
    assert (plain ^ later).all()
    assert (
        later.sum() == 4_000 * probability
        if probability in (0, 1)
        else binomial(later.sum(), 4_000, probability)
    )


def test_every_room_is_used_equally_often():
    impulse = torch.zeros(4_000, 8)
    impulse[:, 0] = 1
    out = transform(torch.eye(5), rir_probability=1.0)(impulse, gen(2))
    counts = torch.bincount(out.argmax(1), minlength=5)
    assert len(counts) == 5 and stats.chisquare(counts.numpy()).pvalue > 1e-3


# --- volume --------------------------------------------------------------------------------------


def test_decibels():
    np.testing.assert_allclose(
        db_to_gain(torch.tensor([-20.0, 0, 6.0206, 20])), [0.1, 1, 2, 10], rtol=1e-5
    )


def test_volume_is_uniform_in_decibels():
    x = waves()
    ratio = transform(volume_probability=1.0)(x, gen(3)) / x
    decibels = 20 * ratio.log10().numpy()
    assert np.ptp(decibels, axis=1).max() < 1e-4  # one factor a clip
    assert -10 <= decibels.min() < -9.9 and 9.9 < decibels.max() <= 10
    assert stats.kstest(decibels[:, 0], stats.uniform(-10, 20).cdf).pvalue > 1e-3
    assert (
        stats.kstest(decibels[:, 0], stats.uniform(-9, 19).cdf).pvalue < 1e-6
    )  # the check can fail


def test_volume_is_as_frequent_as_asked():
    x = waves()
    changed = (transform(volume_probability=0.3)(x, gen(4)) != x).all(1)
    assert binomial(changed.sum(), 4_000, 0.3)


# --- noise ---------------------------------------------------------------------------------------


def test_noise_is_uniform_and_of_random_intensity():
    added = transform(noise_probability=1.0)(torch.zeros(2_000, 2_000), gen(5)).numpy()
    peak = np.abs(added).max(axis=1)
    assert 0.0299 < peak.max() <= 0.03
    assert stats.kstest(peak / 0.03, stats.uniform(0, 1).cdf).pvalue > 1e-3
    np.testing.assert_allclose(
        np.sqrt(3) * added.std(axis=1), peak, rtol=0.08
    )  # uniform: deviation = peak / sqrt 3
    shape = (added / peak[:, None]).ravel()[::4]
    assert stats.kstest(shape, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(shape[1:], shape[:-1])[0, 1]) < 0.01


def test_noise_is_as_frequent_as_asked_and_not_scaled_by_the_volume():
    louder = transform(noise_probability=0.6, volume_probability=1.0, volume_db=(20.0, 20.0))
    out = louder(torch.zeros(4_000, 16), gen(6))
    assert binomial((out != 0).any(1).sum(), 4_000, 0.6) and out.abs().max() <= 0.03


# --- the draws -----------------------------------------------------------------------------------


def test_the_three_are_drawn_apart():
    """Whether a clip gets a room says nothing about its noise."""
    x = torch.zeros(4_000, 16)
    x[:, 0] = 1
    out = transform(rir_probability=0.5, noise_probability=0.5)(x, gen(7))
    room, noise = (out[:, 0].abs() < 0.1).numpy(), (out[:, 3:].abs() > 1e-6).any(1).numpy()
    assert binomial((room & noise).sum(), 4_000, 0.25) and binomial(
        (room & ~noise).sum(), 4_000, 0.25
    )


def test_same_seed_same_bits():
    x, everything = (
        waves(8, 500),
        PositiveTransform(Positives(), torch.rand(3, 50, generator=gen(8))),
    )
    before = x.clone()
    assert torch.equal(everything(x, gen(9)), everything(x, gen(9)))
    assert not torch.equal(everything(x, gen(9)), everything(x, gen(10)))
    assert torch.equal(x, before)
    assert everything(x, gen(9)).dtype == torch.float32 and everything(x, gen(9)).shape == x.shape


def test_clips_do_not_touch_each_other():
    everything = PositiveTransform(Positives(), torch.rand(3, 50, generator=gen(8)))
    x = waves(8, 500)
    other = x.clone()
    other[3] = 0.25
    same = [torch.equal(a, b) for a, b in zip(everything(x, gen(11)), everything(other, gen(11)))]
    assert same == [row != 3 for row in range(8)]


def test_the_global_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    PositiveTransform(Positives(), torch.eye(3))(waves(8), gen(12))
    assert torch.equal(torch.get_rng_state(), before)
