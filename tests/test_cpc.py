"""CPC with an adversary (2, 3.1): loss, negatives, directions, adversary; its collapse shows."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import gen, small, tone
from torch import nn

from asglib import encoder
from asglib.batches import Batch
from asglib.config import ConfigError, Frontend
from asglib.methods import cpc
from asglib.methods.contract import Material


def build(frames=100, **changes):
    settings = cpc.Settings(**changes)
    how = {"method": "CPC", "settings": settings, "frames": frames, "encoder": "cpc-tiny"}
    config = replace(small("NONE"), **how)
    return settings.build(config, Material(encoder.build("cpc-tiny", Frontend())))


def batch(clips=6, samples=16_000):
    waves = torch.stack([torch.from_numpy(tone(300 + 500 * i, 1)) for i in range(clips)]).float()
    waves = waves + 0.05 * torch.randn(waves.shape, generator=gen())
    return Batch(waves[:, None, :samples], torch.arange(clips), None)


class Given(nn.Module):
    """Stands for the encoder's network: latents and contexts that are given."""

    def __init__(self, z, before, after):
        super().__init__()
        self.z, self.pair = z, (before, after)

    def latents(self, waves):
        return self.z

    def contexts(self, z):
        return self.pair


def test_the_loss_is_a_loop_over_clips_directions_steps_and_positions():
    method = build(tasks=2).double()
    b, d, m = 2, 32, 12
    z, before, after = (torch.randn(b, d, m, generator=gen(i)).double() for i in range(3))
    method.encoder.network = Given(z, before, after)
    chosen = cpc.draw_negatives("cross", b, m, 2, gen(9))
    flat = z.transpose(1, 2).reshape(b * m, d)
    values = []
    for direction, context in enumerate((before, after)):
        for task, step in enumerate((4, 5)):
            predictor = method.predictors[direction * 2 + task]
            for i in range(b):
                for t in range(m):
                    there = t + step if direction == 0 else t - step
                    if not 0 <= there < m:
                        continue
                    p = method.network(predictor(context[i, :, t]))
                    others = [flat[int(n)] for n in chosen[i, there]]
                    scores = [similarity(p, method.network(x)) for x in (z[i, :, there], *others)]
                    values.append(sum(map(soft, (-scores[0], *scores[1:]))))
    ours = method._loss(z, (before, after), gen(9)).item()
    assert ours == pytest.approx(sum(values) / len(values), abs=1e-5)


def similarity(a, b):
    return float(a @ b / (a.norm() * b.norm())) / 0.05


def soft(x):
    return math.log1p(math.exp(-abs(x))) + max(x, 0)


def test_known_values_of_the_loss():
    method = build(similarity="dot", temperature=1.0)
    zeros = torch.zeros(3, 32, 20)
    assert method._loss(zeros, (zeros, zeros), gen()).item() == pytest.approx(3 * math.log(2))
    same = build()
    ones = torch.ones(3, 32, 20)
    for predictor in same.predictors:
        nn.init.zeros_(predictor.weight)
        nn.init.ones_(predictor.bias)
    assert same._loss(ones, (ones, ones), gen()).item() == pytest.approx(40, abs=1e-3)
    assert same.ranked == 0


@pytest.mark.parametrize(("kind", "support"), [("cross", 20), ("local", 6), ("exclusive", 14)])
def test_negatives_are_uniform_over_what_the_kind_allows_and_never_the_own(kind, support):
    drawn = torch.cat([cpc.draw_negatives(kind, 3, 7, 2, gen(i)) for i in range(600)], dim=2)
    for clip in range(3):
        for position in range(7):
            counts = torch.bincount(drawn[clip, position], minlength=21)
            assert counts[clip * 7 + position] == 0 and (counts > 0).sum() == support
            of_clip = counts[clip * 7 : clip * 7 + 7].sum() / counts.sum()
            expected = {"cross": 6 / 20, "local": 1.0, "exclusive": 0.0}[kind]
            assert of_clip == pytest.approx(expected, abs=0.05)
            used = counts[counts > 0].double()
            chi_square = ((used - used.mean()).square() / used.mean()).sum()
            assert chi_square < 2.5 * support + 15


def test_both_directions_are_one_where_sound_reads_the_same_backwards():
    method = build()
    for task in range(4):
        method.predictors[4 + task].load_state_dict(method.predictors[task].state_dict())
    network = method.encoder.network.eval()
    network.backwards.load_state_dict(network.forwards.state_dict())
    z = torch.randn(2, 32, 15, generator=gen())
    z = torch.cat([z, z.flip(2)], dim=2)
    before, after = network.contexts(z)
    assert torch.allclose(before, after.flip(2), atol=1e-6)


def test_the_adversary_stays_within_epsilon_and_raises_the_loss():
    method, data = build(epsilon_db=-80.0).train(), batch()
    before = data.crops.clone()
    seen = []
    original = method.encoder.network.latents
    method.encoder.network.latents = lambda waves: (seen.append(waves.detach()), original(waves))[1]
    method(data, gen(1)).backward()
    moved = seen[1] - data.crops[:, 0]
    assert torch.equal(data.crops, before) and len(seen) == 2
    assert moved.abs().max() <= 1e-4 * (1 + 1e-3) and (moved.abs() > 0.9e-4).float().mean() > 0.9
    gradients = [p.grad for p in method.encoder.network.local[0].parameters()]
    assert all(g is not None and g.abs().max() > 0 for g in gradients)


def test_a_step_along_the_gradients_sign_is_worse_than_noise_of_its_size():
    method, data = build().eval(), batch()
    network, worse = method.encoder.network, 0
    for seed in range(8):
        waves = data.crops[:, 0].clone().requires_grad_()
        z = network.latents(waves)
        contexts = network.contexts(z)
        loss = method._loss(z, contexts, gen(seed))
        gradient = torch.autograd.grad(loss, waves)[0]
        noise = torch.randn(waves.shape, generator=gen(seed + 99))
        found = [
            method._loss(network.latents(waves.detach() + 1e-4 * move), contexts, gen(seed)).item()
            for move in (gradient.sign(), noise)
        ]
        worse += found[0] > max(found[1], loss.item())
    assert worse == 8


class Slopes(nn.Module):
    """Stands for the network: latents are the wave times a slope, the context twice and thrice."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def latents(self, waves):
        return (waves * self.slope)[:, None]

    def contexts(self, z):
        return 2 * z, 3 * z


def test_the_adversary_adds_epsilon_where_the_loss_rises_and_the_context_stays_clean():
    """A loss that is the sum of the latents: its gradient is the slope."""
    method, data = build(epsilon_db=-60.0).train(), batch()
    waves = data.crops[:, 0]
    slope = torch.where(torch.arange(16_000) % 3 == 0, -2.0, 0.5)
    method.encoder.network, seen = Slopes(slope), []
    method._loss = lambda z, contexts, generator: (seen.append((z, contexts)), z.sum())[1]
    method(data, gen())
    (clean, _), (moved, contexts) = seen
    assert torch.equal(clean[:, 0], waves * slope)
    expected = (waves + 0.001 * slope.sign()) * slope
    torch.testing.assert_close(moved[:, 0], expected, rtol=0, atol=1e-6)
    assert torch.equal(contexts[0], 2 * clean) and torch.equal(contexts[1], 3 * clean)


def test_noise_in_the_place_of_the_adversary_is_gaussian_of_its_level_and_in_training_only():
    method, data, seen = build(noise_db=-40.0), batch(), []
    method.encoder.network = Slopes(1.0)
    method._loss = lambda z, contexts, generator: (seen.append((z[:, 0], contexts)), z.sum())[1]
    method.train()(data, gen())
    method.eval()(data, gen())
    (heard, contexts), (plain, _) = seen
    assert torch.equal(plain, data.crops[:, 0]) and torch.equal(contexts[0][:, 0], 2 * heard)
    noise = ((heard - plain) / 0.01).double().flatten()  # 96,000 samples
    assert noise.mean().item() == pytest.approx(0, abs=0.015)
    assert noise.square().mean().item() == pytest.approx(1, abs=0.02)
    assert noise.pow(4).mean().item() == pytest.approx(3, abs=0.15)


def test_no_adversary_where_epsilon_vanishes_and_none_in_evaluation():
    plain, tiny = build(), build(epsilon_db=-400.0)
    data = batch()
    for method in (plain, tiny):
        method.eval()
    with torch.no_grad():
        assert plain(data, gen(3)).item() == tiny(data, gen(3)).item()


def test_decibels_are_of_amplitude():
    assert cpc.amplitude(-55) == pytest.approx(0.001778, abs=1e-6)
    assert cpc.amplitude(-75) == pytest.approx(0.000178, abs=1e-6)


def test_the_gradient_reaches_everything_and_labels_change_nothing():
    method, data = build(), batch()
    loss = method(data, gen(2))
    loss.backward()
    parts = (method.encoder.network.local[0], method.encoder.network.forwards.layers[0])
    for part in (*parts, method.encoder.network.backwards.layers[0], *method.predictors):
        assert all(p.grad.abs().max() > 0 for p in part.parameters())
    with_labels = build()(data._replace(labels=torch.arange(6)), gen(2))
    assert with_labels.item() == loss.item()


def test_training_ranks_more_positives_first_than_chance():
    method, data = build(), batch(clips=8)
    optim = torch.optim.Adam(method.parameters(), 1e-3)
    for step in range(60):
        loss = method(data, gen(step))
        optim.zero_grad()
        loss.backward()
        optim.step()
    assert method.ranked > 0.5  # chance is a third


def test_a_crop_too_short_for_its_steps_and_unknown_words_are_one_sentence():
    with pytest.raises(ConfigError, match="cpc: latents of a crop is 6; give 9 or more."):
        build(frames=16)
    with pytest.raises(ConfigError, match="cpc.negatives 'all' is unknown; use cross, local, "):
        build(negatives="all")
