"""COLA and augmented COLA (2, 3.1): the loss, what each block does, and that blocks can be off."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import gen, responses, small, tone
from torch import nn

from asglib import encoder
from asglib.batches import Batch
from asglib.config import ConfigError, Frontend
from asglib.methods import cola
from asglib.methods.contract import Material


def waves(clips=6, samples=16_896):
    found = torch.stack([torch.from_numpy(tone(300 + 500 * i, 3)) for i in range(clips)]).float()
    found = found + 0.02 * torch.randn(found.shape, generator=gen())
    return torch.stack([found[:, :samples], found[:, 9_000 : 9_000 + samples]], dim=1)


def build(*blocks, **changes):
    settings = cola.Settings(blocks, head=16, **changes)
    how = {"method": "COLA", "frames": 96, "frontend": Frontend(n_mels=64)}
    config = replace(small("NONE"), settings=settings, **how)
    network = encoder.build("tiny", config.frontend)
    return settings.build(config, Material(network, responses())), config


def batch(config):
    length = config.settings.samples(config)
    crops = waves(samples=length)
    return Batch(crops, torch.arange(len(crops)), None)


def test_the_loss_is_a_double_loop_over_rows():
    a, p = (torch.randn(5, 3, generator=gen(seed)).double() for seed in (1, 2))
    w = torch.randn(3, 3, generator=gen(3)).double()
    total = 0.0
    for i in range(5):
        scores = [math.exp(float(a[i] @ w @ p[j])) for j in range(5)]
        total -= math.log(scores[i] / sum(scores)) / 5
    assert cola.bilinear_loss(a, p, w).item() == pytest.approx(total, abs=1e-5)
    swapped = cola.bilinear_loss(p, a, w.T).item()
    assert abs(swapped - total) > 1e-3  # rows only: it is not symmetric
    order = torch.randperm(5, generator=gen(4))
    assert cola.bilinear_loss(a[order], p[order], w).item() == pytest.approx(total, abs=1e-5)


def test_the_positives_of_other_processes_are_candidates_too(monkeypatch):
    """Two rows of a process before this one: its own positives stand behind them."""
    a, p, others = (torch.randn(rows, 3, generator=gen(rows)).double() for rows in (4, 5, 2))
    p, w = p[:4], torch.randn(3, 3, generator=gen(3)).double()
    monkeypatch.setattr(cola, "gather", lambda z: (torch.cat([others.float(), z]), 2))
    every, total = torch.cat([others, p]), 0.0
    for i in range(4):
        scores = [math.exp(float(a[i] @ w @ every[j])) for j in range(6)]
        total -= math.log(scores[2 + i] / sum(scores)) / 4
    assert cola.bilinear_loss(a, p, w).item() == pytest.approx(total, abs=1e-5)


def test_anchor_and_positive_are_the_first_and_the_second_crop_from_their_beginning():
    method, config = build("stretch", noise=0.0, stretch_probability=0.0)
    data = batch(config)
    assert data.crops.shape[2] == round(1.1 * config.samples)
    views = method.views(data, gen())
    for number, view in enumerate(views):
        expected = method.encoder.spectrogram(data.crops[:, number, : config.samples])
        assert torch.equal(view, expected)
    assert not torch.allclose(*views)


def test_each_anchor_looks_for_its_positive_and_not_the_other_way_round():
    method, config = build()
    method.eval()
    data = batch(config)
    anchor, positive = method.views(data, gen(1))
    z, z_p = (method.head(method.encoder.embed(part)) for part in (anchor, positive))
    expected = F.cross_entropy(z @ method.similarity @ z_p.T, torch.arange(len(z)))
    assert method(data, gen(1)).item() == pytest.approx(expected.item(), abs=1e-5)


def test_every_room_is_used_and_each_clip_has_its_own():
    """Of an impulse the responses themselves remain: an echo at 7, 19, 31 or 53 samples."""
    method, config = build("rir", noise=0.0)
    crops = torch.zeros(64, 2, config.samples)
    crops[:, 1, 0] = 1.0
    heard = []
    method.encoder.spectrogram = lambda waves: (heard.append(waves), waves)[1]
    method.views(Batch(crops, torch.arange(64), None), gen())
    assert torch.equal(heard[0], crops[:, 0])
    echoes = heard[1][:, 1:60].argmax(1) + 1
    assert set(echoes.tolist()) == {7, 19, 31, 53}


def test_known_values_of_the_loss():
    z = F.normalize(torch.randn(7, 7, generator=gen()), dim=1)
    assert cola.bilinear_loss(z, z, torch.zeros(7, 7)).item() == pytest.approx(math.log(7))
    assert cola.bilinear_loss(torch.eye(7), torch.eye(7), 50 * torch.eye(7)).item() < 1e-6


def test_the_noise_lies_8_decibels_below_each_wave():
    """Whatever its level is, and however its level changes with time."""
    wave = torch.from_numpy(tone(440, 2)).float() * torch.linspace(0, 1, 32_000)
    waves = torch.stack([wave, 0.1 * wave, 0.1 * wave.flip(0)])
    noise = cola.noisy(waves, cola.Settings().noise, gen()) - waves
    snr = 10 * (waves.square().mean(1) / noise.square().mean(1)).log10()
    assert snr.tolist() == pytest.approx([7.96] * 3, abs=0.2)
    halves = noise.square().reshape(3, 2, -1).mean(2)
    assert (halves[:, 0] / halves[:, 1]).tolist() == pytest.approx([1] * 3, abs=0.1)
    assert torch.equal(cola.noisy(torch.zeros(1, 99), 0.4, gen()), torch.zeros(1, 99))


@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_stretching_keeps_the_pitch_and_changes_the_length(rate):
    wave = torch.from_numpy(tone(440, 2)).float()[None]
    slow = cola.time_stretch(wave, rate)
    assert slow.shape[1] == round(32_000 / rate)
    middle = slow[0, 4_000:20_000] * torch.hann_window(16_000)
    assert abs(torch.fft.rfft(middle).abs().argmax().item() - 440) <= 1


def test_stretching_by_one_is_the_wave_itself_and_librosas_elsewhere():
    import librosa

    wave = torch.from_numpy(tone(300, 1) + tone(1_100, 1)).float()[None]
    same = cola.time_stretch(wave, 1.0)
    assert (same - wave).abs().max() < 1e-5
    theirs = librosa.effects.time_stretch(wave[0].numpy(), rate=1.1, n_fft=512, hop_length=128)
    ours = cola.time_stretch(wave, 1.1)[0]
    inside = slice(1_000, 13_000)
    assert (ours[inside] - torch.from_numpy(theirs)[inside]).abs().max() < 0.02


def test_half_are_stretched_and_half_of_these_are_faster():
    many = torch.randn(1, 1_760, generator=gen()).expand(400, -1)
    out = cola.stretched(many, 0.5, 0.1, gen(1))
    assert out.shape == (400, 1_600)
    kinds = {}
    for row in out:
        kinds[round(row[800:].sum().item(), 4)] = kinds.get(round(row[800:].sum().item(), 4), 0) + 1
    assert len(kinds) == 3
    unchanged = kinds.pop(round(many[0, 800:1_600].sum().item(), 4))
    assert 160 < unchanged < 240 and min(kinds.values()) > 60


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0, 0, 0), (0.2, 50, 110), (1, 400, 400)]
)
def test_as_many_are_stretched_as_asked(probability, least, most):
    many = torch.randn(1, 1_760, generator=gen()).expand(400, -1)
    out = cola.stretched(many, probability, 0.1, gen(1))
    assert least <= (out != many[:, :1_600]).any(1).sum() <= most


def test_without_blocks_it_is_cola_and_each_block_changes_the_positive_alone():
    plain, config = build()
    anchor, positive = plain.views(batch(config), gen(5))
    for block in ("rir", "mask"):
        method, config = build(block)
        same, changed = method.views(batch(config), gen(5))
        if block == "mask":
            assert torch.equal(same, anchor)
        assert changed.shape == positive.shape and not torch.equal(changed, positive)


def test_a_unit_impulse_as_room_leaves_the_positive_as_it_is():
    method, config = build("rir")
    method.rirs = F.one_hot(torch.tensor([0]), 60).float()
    plain, _ = build()
    data = batch(config)
    with torch.no_grad():
        plain.settings = method.settings
        plain.rirs = method.rirs
        one = method.views(data, gen(2))[1]
        two = plain.views(data, gen(2))[1]
    assert torch.allclose(one, two)


def test_masks_differ_between_clips_and_are_filled_with_the_corpus_mean():
    method, config = build("mask")
    data = batch(config)
    method.encoder.standardise(data.crops[:, 0])
    _, masked = method.views(data, gen(1))
    filled = (masked - method.encoder.mean).abs() < 1e-4
    stripes = filled.all(1)
    assert stripes.any(1).sum() > 2 and len({tuple(row.tolist()) for row in stripes}) > 2


def test_the_gradient_reaches_encoder_head_and_similarity_and_one_batch_is_learnt():
    method, config = build(similarity_deviation=0.01)
    data = batch(config)
    optim = torch.optim.Adam(method.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        loss = method(data, gen(0))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    stem = next(m for m in method.encoder.modules() if isinstance(m, nn.Conv2d))
    assert stem.weight.grad.abs().max() > 0 and method.similarity.grad.abs().max() > 0
    assert losses[0] == pytest.approx(math.log(6), abs=0.3) and losses[-1] < 0.7 * losses[0]


def test_unknown_blocks_are_one_sentence():
    with pytest.raises(ConfigError, match="block 'reverb' is unknown; use stretch, rir, mask."):
        build("reverb")
