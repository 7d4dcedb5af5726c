"""Slices and their decoder (Audio2Vec, 3 and 4)."""

import torch
import torch.nn.functional as F
from conftest import gen

from asglib.config import Frontend
from asglib.frontend import LogSpectrogram
from asglib.methods import slices


def test_a_slice_shares_no_sample_with_its_neighbour_at_the_papers_numbers():
    def leaks(window, gap):
        waves = torch.randn(1, 488 * 160, generator=gen())
        changed = waves.clone()
        end = 96 * 160 - (160 - window // 2) + 80  # the last sample that slice 0 sees
        changed[:, :end] += 1
        frontend = LogSpectrogram(Frontend(window=window, n_mels=64, f_min=60, f_max=7_800))
        one, two = (slices.cut(frontend(w), 96, 2, gap)[:, 1] for w in (waves, changed))
        return (one - two).abs().max().item()

    assert leaks(400, 2) == 0 and leaks(400, 0) > 0.1 and leaks(512, 2) > 0


def test_slices_stand_where_the_paper_puts_them():
    assert slices.span(96, 2, 2) == 488
    counted = torch.arange(488.0).expand(1, 1, -1)
    starts = slices.cut(counted, 96, 2, 2)[0, :, 0]
    assert starts[:, 0].tolist() == [0, 98, 196, 294, 392] and starts[4, -1] == 487


def test_the_decoder_has_the_weights_counted_by_hand_and_a_linear_end():
    decoder = slices.Decoder(512, 1, (64, 96))
    assert sum(p.numel() for p in decoder.parameters()) == 126_262
    out = decoder(torch.randn(5, 512, generator=gen()))
    assert out.shape == (5, 1, 64, 96) and out.min() < 0 < out.max()


def test_the_decoder_is_its_layers_between_nearest_neighbour_upsamplings():
    """The last layer by its weights: along time, normalised, positive part, along frequency."""
    decoder = slices.Decoder(12, 2, (64, 96))
    decoder(torch.randn(4, 12, generator=gen()))  # gives the normalisations statistics
    decoder.eval()
    z = torch.randn(3, 12, generator=gen(1))

    def doubled(x):
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    with torch.no_grad():
        first = z @ decoder.first.weight.T + decoder.first.bias
        x = first[:, :, None, None].repeat(1, 1, 2, 3)
        for layer in decoder.layers:
            x = layer(doubled(x))
        x, last = doubled(x), decoder.last
        y = F.conv2d(F.pad(x, (1, 1)), last.time.weight)
        mean, variance = (
            part[:, None, None] for part in (last.norm.running_mean, last.norm.running_var)
        )
        y = ((y - mean) / (variance + 1e-5).sqrt()).clamp(min=0)
        y = F.conv2d(F.pad(y, (0, 0, 1, 1)), last.frequency.weight)
        weight, bias = last.around.weight[:, :, 0, 0], last.around.bias
        y = y + torch.einsum("oc,bcft->boft", weight, x) + bias[:, None, None]
        torch.testing.assert_close(decoder(z), y, rtol=1e-4, atol=1e-5)
