"""Audio2Vec and its family (3, 4): slices, decoder, gaps, triplets, and that nothing can cheat."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import gen, small
from scipy import stats
from torch import nn

from asglib import encoder
from asglib.batches import Batch
from asglib.config import ConfigError, Frontend
from asglib.frontend import LogSpectrogram
from asglib.methods import METHODS, slices, temporal_gap, triplet
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


def test_cbow_sees_all_but_the_middle_and_skip_gram_the_middle_alone():
    for name, seen in (("CBoW", [0, 1, 3, 4]), ("SG", [2])):
        method, config = build(name)
        data = batch(config)
        method.eval()
        taken = []
        original = method.encoder.embed
        method.encoder.embed = lambda s, taken=taken, original=original: (
            taken.append(s),
            original(s),
        )[1]
        method(data, gen())
        whole = slices.cut(method.encoder.spectrogram(data.crops[:, 0]), 64, 2, 2)
        assert torch.equal(taken[0], whole[:, seen].flatten(0, 1))


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


@pytest.mark.parametrize(("name", "hidden"), [("CBoW", [2]), ("SG", [0, 1, 3, 4])])
def test_the_loss_is_that_of_each_hidden_slice_with_its_own_prediction(name, hidden):
    """Given predictions, a number a slice, against slices cut by hand."""
    method, config = build(name)
    data, given = batch(config), torch.tensor([0.5, -1.0, 2.0, 0.25])[: len(hidden)]
    method.decoder = Given(given)
    with torch.no_grad():
        spectrogram = method.encoder.spectrogram(data.crops[:, 0]).double()
        ours = method(data, gen()).item()
        mean, std = method.encoder.mean.double(), method.encoder.std.double()
    assert std > 1.1 and abs(mean) > 1
    errors = []
    for value, number in zip(given.double(), hidden):
        standard = (spectrogram[:, :, 66 * number : 66 * number + 64] - mean) / std
        errors.append((standard - value).square().mean())
    assert ours == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)
    assert method.decoder.z.shape == (8, 128 * (5 - len(hidden)))


class Given(nn.Module):
    """Predicts a number a slice, whatever it is given."""

    def __init__(self, values):
        super().__init__()
        self.values, self.z = values, None

    def forward(self, z):
        self.z = z
        return self.values[None, :, None, None].expand(len(z), -1, 64, 64)


def test_the_decoder_gets_the_embeddings_of_a_clips_own_slices_in_their_order():
    method, config = build("CBoW")
    method.decoder = Given(torch.zeros(1))
    numbers = torch.arange(32.0)[:, None].expand(-1, 128)
    method.encoder.embed = lambda slices: numbers
    method(batch(config), gen())
    assert method.decoder.z[:, ::128].tolist() == numbers[:, 0].view(8, 4).tolist()


def test_the_autoencoder_embeds_the_spectrogram_as_every_encoder_does():
    """What it trains on is what evaluation gives the encoder: not standardised twice."""
    method, config = build("AutoEncoder")
    method.decoder, data = Constant(), batch(config)
    taken, original = [], method.encoder.embed
    method.encoder.embed = lambda s: (taken.append(s), original(s))[1]
    method(data, gen())
    assert torch.equal(taken[0], method.encoder.spectrogram(data.crops[:, 0]))


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


@pytest.mark.parametrize("name", FAMILY)
def test_one_batch_is_learnt_and_labels_matter_to_multihead_alone(name):
    method, config = build(name)
    data = batch(config)
    same = method(data, gen(0)).item()
    method, _ = build(name)
    shuffled = method(data._replace(labels=data.labels.flip(0)), gen(0)).item()
    assert (same == shuffled) == (name != "MultiHead")
    method, _ = build(name)
    optim = torch.optim.Adam(method.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        loss = method(data, gen(0))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert (
        np.mean(losses[-3:])
        < {"TemporalGap": 0.97, "SG": 0.8, "CBoW": 0.8}.get(name, 0.75) * losses[0]
    )


def test_slices_that_are_too_short_for_the_network_are_one_sentence():
    with pytest.raises(
        ConfigError, match="audio2vec: the frames of a slice is 24; give 32 or more"
    ):
        config_of("CBoW", frames=24)
