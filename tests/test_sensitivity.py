"""What an encoder notices of a move: encoders whose answer is known, sets with closed forms."""

import math

import numpy as np
import pytest
import torch
from conftest import broken_files, clips_of, gen, noise, small, write
from torch import nn

from asglib import audio, sensitivity, training
from asglib.data import clips
from asglib.sensitivity import SHIFTS, alignment, curves, similarity_to_moved, spread, uniformity


class Notices:
    """An encoder that keeps only what `keep` says of a spectrogram."""

    def __init__(self, keep):
        self.keep = keep

    def embed(self, x):
        return self.keep(x).flatten(1)


def spectrograms(clips=20):
    return torch.randn(clips, 40, 50, generator=gen())


# --- moves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keep, blind, sees",
    [
        (lambda x: x.mean(2), ["FT", "ST"], ["FF", "SF"]),
        (lambda x: x.mean(1), ["FF", "SF"], ["FT", "ST"]),
    ],
)
def test_an_encoder_that_averages_an_axis_is_blind_along_it(keep, blind, sees):
    for kind in blind:
        found = similarity_to_moved(Notices(keep), spectrograms(), kind, 7)
        torch.testing.assert_close(found, torch.ones(20))
    for kind in sees:
        assert similarity_to_moved(Notices(keep), spectrograms(), kind, 7).mean().abs() < 0.2


@pytest.mark.parametrize("cone", [0.0, 1.0, 10.0])
def test_nothing_in_common_is_0_also_in_a_narrow_cone(cone):
    """Clips at bins 0, 1, 2 of 6, scrolled by 3: as unlike themselves as other clips are."""
    x = torch.eye(6)[:3, :, None]
    encoder = Notices(lambda s: torch.cat([s, torch.full_like(s[:, :1], cone)], 1))
    far, whole = (similarity_to_moved(encoder, x, "SF", length) for length in (3, 6))
    torch.testing.assert_close(far, torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(whole, torch.ones(3), rtol=0, atol=1e-4)


def test_written_out():
    """Cosines of (1, 0) and (0.6, 0.8) with their flips; the two clips are 0.6 apart."""
    x = torch.tensor([[[1.0], [0.0]], [[0.6], [0.8]]])
    found = similarity_to_moved(Notices(lambda s: s), x, "FF")
    torch.testing.assert_close(found, torch.tensor([(0 - 0.6) / 0.4, (0.96 - 0.6) / 0.4]))


def test_curves_start_at_1_and_hold_every_shift():
    encoder = Notices(lambda s: s)
    found = curves(encoder, spectrograms())
    assert list(found) == ["FT", "FF", "SF", "ST"]
    assert [len(found[kind]) for kind in found] == [1, 1, 7, 7] and len(SHIFTS) == 7
    for kind in ("SF", "ST"):
        assert found[kind][0] == pytest.approx(1, abs=1e-5) and max(found[kind][1:]) < 0.1
    half = similarity_to_moved(encoder, spectrograms(), "ST", 25).mean().item()  # of 50 frames
    assert found["ST"][SHIFTS.index(0.5)] == half


# --- how embeddings lie --------------------------------------------------------------------------


def test_alignment_written_out():
    """Squared distances 2, 0 and 4 of unit vectors, whatever the lengths were."""
    h, h_p = torch.tensor([[2.0, 0], [0, 3], [1, 0]]), torch.tensor([[0, 5.0], [0, 1], [-7, 0]])
    assert alignment(h, h_p) == pytest.approx(2.0)


def test_uniformity_written_out():
    """Of four points on a cross four pairs are at squared distance 2, two at 4."""
    cross = torch.tensor([[1.0, 0], [0, 2], [-3, 0], [0, -1]])
    assert uniformity(cross) == pytest.approx(math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6))
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)
    assert uniformity(torch.randn(50, 30, generator=gen())) < -3


def test_spread_is_one_minus_the_mean_cosine_of_different_clips():
    assert spread(torch.tensor([[1.0, 0], [0, 2], [5, 0]])) == pytest.approx(1 - 1 / 3)
    assert spread(torch.ones(4, 3)) == pytest.approx(0, abs=1e-6)
    assert spread(torch.ones(4, 3)) < sensitivity.COLLAPSED < spread(torch.eye(4))


# --- the clips that are measured -----------------------------------------------------------------


def test_the_measured_clips_are_spread_over_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "MEASURED_CLIPS", 3)
    paths = [write(tmp_path / f"{i}.wav", noise(3_000 + i, i)) for i in range(7)]
    found = clips_of(paths, tmp_path / "cache")
    expected = [audio.segments(found.whole(i), 2_000)[0] for i in (0, 3, 6)]
    np.testing.assert_array_equal(sensitivity.centres(found, 2_000), expected)


def test_what_cannot_be_decoded_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "CACHE_LIMIT", -1)
    good = write(tmp_path / "a.wav", noise(3_000))
    paths = [good, *broken_files(tmp_path / "bad"), good]
    assert sensitivity.centres(clips_of(paths, tmp_path / "cache"), 2_000).shape == (2, 2_000)


def test_geometry_is_measured_in_evaluation_mode_with_the_same_positives_each_time(tones, tmp_path):
    found = clips_of(tones, tmp_path / "cache")
    method = training.started(small(), found, rirs=torch.eye(2, 60))
    waves = sensitivity.centres(found, small().samples)
    first, second = (sensitivity.geometry(method.train(), waves) for _ in range(2))
    assert first == second and not method.training
    with torch.no_grad():
        h = method.encoder(waves)
        positive = method.encoder(method.positives(waves, gen(0)))
    expected = {"uniformity": uniformity(h), "spread": spread(h)}
    assert first == expected | {"alignment": alignment(h, positive)}

    class Plain(nn.Module):
        encoder = method.encoder

    assert sensitivity.geometry(Plain(), waves) == expected  # a method without positives
