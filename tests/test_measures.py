"""What an encoder notices of a move: encoders whose answer is known, and sets of points with a closed form."""

import math

import pytest
import torch
from conftest import gen
from torch import nn

from asglib import sensitivity as measures
from asglib.sensitivity import SHIFTS, alignment, curves, similarity_to_moved, uniformity


class Notices(nn.Module):
    """An encoder that keeps only what `keep` says of a spectrogram, and counts nothing else."""

    def __init__(self, keep):
        super().__init__()
        self.keep = keep

    def forward(self, x):
        return self.keep(x).flatten(1)


def spectrograms(clips=20):
    return torch.randn(clips, 40, 50, generator=gen())


@pytest.mark.parametrize(
    "keep, blind, sees",
    [
        (lambda x: x.mean(2), ["FT", "ST"], ["FF", "SF"]),
        (lambda x: x.mean(1), ["FF", "SF"], ["FT", "ST"]),
    ],
)
def test_an_encoder_that_averages_an_axis_is_blind_along_it(keep, blind, sees):
    for kind in blind:
        torch.testing.assert_close(
            similarity_to_moved(Notices(keep), spectrograms(), kind, 7), torch.ones(20)
        )
    for kind in sees:
        assert similarity_to_moved(Notices(keep), spectrograms(), kind, 7).mean().abs() < 0.2


@pytest.mark.parametrize("cone", [0.0, 1.0, 10.0])
def test_nothing_in_common_is_0_also_in_a_narrow_cone(cone):
    """Clips at bins 0, 1, 2 of 6: scrolled by 3 they are as unlike themselves as other clips, whatever all share."""
    x = torch.eye(6)[:3, :, None]
    encoder = Notices(lambda s: torch.cat([s, torch.full_like(s[:, :1], cone)], 1))
    torch.testing.assert_close(
        similarity_to_moved(encoder, x, "SF", 3), torch.zeros(3), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        similarity_to_moved(encoder, x, "SF", 6), torch.ones(3), rtol=0, atol=1e-4
    )


def test_written_out():
    """Cosines of (1, 0) and (0.6, 0.8) with their flips; the two clips are 0.6 apart."""
    x = torch.tensor([[[1.0], [0.0]], [[0.6], [0.8]]])
    found = similarity_to_moved(Notices(lambda s: s), x, "FF")
    torch.testing.assert_close(found, torch.tensor([(0 - 0.6) / 0.4, (0.96 - 0.6) / 0.4]))


def test_curves_start_at_1_and_hold_every_shift():
    encoder = nn.Sequential(nn.Flatten(), nn.Dropout(0.5))
    found = curves(encoder, spectrograms())
    assert list(found) == ["FT", "FF", "SF", "ST"] and not encoder.training
    assert (
        len(found["FT"]) == len(found["FF"]) == 1
        and len(found["SF"]) == len(found["ST"]) == len(SHIFTS) == 7
    )
    for kind in ("SF", "ST"):
        assert found[kind][0] == pytest.approx(1, abs=1e-5) and max(found[kind][1:]) < 0.1
    expected = (
        similarity_to_moved(encoder, spectrograms(), "ST", 25).mean().item()
    )  # half of 50 frames
    assert found["ST"][SHIFTS.index(0.5)] == expected


def test_alignment_written_out():
    """Squared distances 2, 0 and 4 of unit vectors, whatever the lengths were."""
    h, h_p = torch.tensor([[2.0, 0], [0, 3], [1, 0]]), torch.tensor([[0, 5.0], [0, 1], [-7, 0]])
    assert alignment(h, h_p) == pytest.approx(2.0)


def test_uniformity_written_out():
    cross = torch.tensor(
        [[1.0, 0], [0, 2], [-3, 0], [0, -1]]
    )  # 4 pairs at squared distance 2, 2 at 4
    assert uniformity(cross) == pytest.approx(math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6))
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)
    assert measures.uniformity(torch.randn(50, 30, generator=gen())) < -3
