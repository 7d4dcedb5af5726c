"""BYOL-A: the loss, what moves and what does not, mixing in linear power, crops that fit."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import gen, small, tone
from scipy import stats
from torch import nn

from asglib import encoder
from asglib.batches import Batch
from asglib.config import ConfigError
from asglib.methods import byol_a
from asglib.methods.contract import Material


def build(**changes):
    settings = byol_a.Settings(**({"memory": 16, "head": (32, 16)} | changes))
    config = replace(small("NONE"), method="BYOL-A", settings=settings)
    return settings.build(config, Material(encoder.build("tiny", config.frontend)))


def batch(clips=8):
    waves = torch.stack([torch.from_numpy(tone(300 + 700 * i)) for i in range(clips)]).float()
    waves = waves + 0.02 * torch.randn(waves.shape, generator=gen())
    return Batch(waves[:, None, : 24 * 160], torch.arange(clips), None)


def test_the_loss_is_0_for_the_same_2_for_orthogonal_and_4_for_opposite_directions():
    one = torch.randn(5, 8, generator=gen())
    assert byol_a.distance(one, 3 * one).item() == pytest.approx(0, abs=1e-5)
    assert byol_a.distance(one, -one).item() == pytest.approx(4, abs=1e-5)
    assert byol_a.distance(torch.eye(4), torch.eye(4).roll(1, 0)).item() == 2


def test_the_target_gets_no_gradient_and_moves_by_a_hundredth():
    method, data = build().train(), batch()
    optim = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.5)
    online = next(m for m in method.encoder.modules() if isinstance(m, nn.Conv2d)).weight
    target = next(m for m in method.target_encoder.modules() if isinstance(m, nn.Conv2d)).weight
    start = target.clone()
    method(data, gen(1)).backward()
    optim.step()
    assert target.grad is None and torch.equal(target, start) and not torch.equal(online, start)
    expected = 0.99 * start + 0.01 * online.detach()
    method(data, gen(2))
    assert torch.allclose(target, expected, atol=1e-7)
    frozen = target.clone()
    method.eval()
    method(data, gen(3))
    assert torch.equal(target, frozen)


def test_all_of_the_target_follows_encoder_and_projector():
    method = build().train()
    names = [name for name, _ in method.named_parameters() if name.startswith("target_")]
    before = {name: method.get_parameter(name).clone() for name in names}
    online = {name: method.get_parameter(name.removeprefix("target_")) for name in names}
    with torch.no_grad():
        for weight in online.values():
            weight.add_(1.0)
    moved = {name: 0.99 * before[name] + 0.01 * online[name].detach() for name in names}
    method(batch(), gen())
    assert any("projector" in name for name in names) and len(names) > 20
    for name in names:
        torch.testing.assert_close(method.get_parameter(name).detach(), moved[name])


def test_each_view_predicts_the_other_view_of_its_own_crop():
    """Embeddings are the views' first numbers; the loss by a loop over views and crops."""
    method, data = build().eval(), batch()
    method.projector = method.predictor = method.target_projector = nn.Identity()
    drawn = [torch.randn(8, 129, 24, generator=gen(i)) for i in range(2)]
    views = iter(drawn)
    method._view = lambda spectrogram, generator: next(views)
    method.encoder.embed = lambda x: x[:, 0, :16]
    method.target_encoder.embed = lambda x: x[:, 1, :16]
    total = 0.0
    for one, other in (drawn, drawn[::-1]):
        for i in range(8):
            cosine = torch.cosine_similarity(one[i, 0, :16], other[i, 1, :16], dim=0)
            total += (2 - 2 * cosine.item()) / 16
    assert method(data, gen()).item() == pytest.approx(total, abs=1e-5)


def test_past_inputs_are_mixed_in_and_at_first_the_batchs_own(monkeypatch):
    method, seen, mixed_in = build(), [], byol_a.mixed_in

    def noted(x, past, *how):
        seen.append((x, past.clone()))
        return mixed_in(x, past, *how)

    monkeypatch.setattr(byol_a, "mixed_in", noted)
    for step in range(3):
        data = batch()
        method(data._replace(crops=data.crops * (step + 1)), gen(step))
    inputs = [seen[i][0] for i in (0, 2, 4)]
    expected = [inputs[0], inputs[0], torch.cat([inputs[1], inputs[0]])]
    assert not torch.equal(inputs[0], inputs[1])
    for step in range(3):
        for _, past in seen[2 * step : 2 * step + 2]:
            assert torch.equal(past, expected[step])


def test_mixing_adds_linear_power():
    x, past = torch.randn(3, 4, 5, generator=gen()), torch.randn(7, 4, 5, generator=gen(1))
    mixed = byol_a.mixed_in(x, past, 0.4, gen(2))
    which = torch.randint(7, (3,), generator=gen(2))
    generator = gen(2)
    torch.randint(7, (3,), generator=generator)
    share = 0.4 * torch.rand(3, 1, 1, generator=generator)
    expected = ((1 - share) * x.exp() + share * past[which].exp()).log()
    assert torch.allclose(mixed, expected, atol=1e-5)
    assert torch.allclose(byol_a.mixed_in(x, past, 0.0, gen(2)), x, atol=1e-6)


def test_past_inputs_are_remembered_the_newest_first_and_saved():
    method, data = build(), batch()
    for step in range(3):
        method(data, gen(step))
    spectrogram = method.encoder.spectrogram(data.crops[:, 0])
    assert int(method.remembered) == 16 and torch.allclose(method.memory[:8], spectrogram)
    assert {"memory", "remembered"} <= set(method.state_dict())


def test_a_crop_of_the_whole_is_the_spectrogram_itself():
    x = torch.randn(2, 16, 24, generator=gen())
    whole = byol_a.resized_crop(x, 1.0, 1.0, FixedHalf())
    inside = (slice(None), slice(2, -2), slice(2, -2))
    assert torch.allclose(whole[inside], x[inside], atol=1e-4)


def part(axis, seed, size=100, clips=400):
    """Where the crops of a ramp along an axis begin and how long they are, as shares of it."""
    ramp = torch.arange(float(size)).view((-1, 1) if axis == 1 else (1, -1)).expand(size, size)
    values, inside = (
        byol_a.resized_crop(x.expand(clips, -1, -1), 0.6, 1.5, gen(seed))
        for x in (ramp, torch.ones(size, size))
    )
    starts, lengths = [], []
    for value, ones in zip(values, inside):
        there = (ones - 1).abs() < 1e-4
        line = there.sum(axis - 1).argmax()  # a line across that is inside as far as can be
        cells = there.select(2 - axis, line).nonzero()[:, 0]
        value = value.select(2 - axis, line)
        first, last = cells[0].item(), cells[-1].item()
        length = (value[last] - value[first]).item() / (last - first)
        starts.append((value[first].item() + 0.5 - length * (first + 0.5)) / size)
        lengths.append(length)
    return np.array(starts), np.array(lengths)


def test_crops_are_uniform_in_size_and_place_and_as_wide_as_the_axis_allows():
    """A cubic interpolation leaves a straight line straight: it shows what was cut out."""
    (bottom, high), (left, wide) = part(1, 3), part(2, 3)
    whole = high > 1 - 1e-4
    assert np.abs(bottom[whole]).max() < 1e-4
    assert stats.binomtest(int(whole.sum()), 400, 5 / 9).pvalue > 1e-3
    some = (high < 0.95) & (wide < 1.45)  # elsewhere hardly any place is left to choose from
    up = bottom[some] / (1 - high[some])
    along = (left[some] + 0.25) / (1.5 - wide[some])
    for values in ((high[~whole] - 0.6) / 0.4, (wide - 0.6) / 0.9, up, along):
        assert values.min() > -0.01 and values.max() < 1.01
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(high, wide)[0, 1]) < 0.2 and abs(np.corrcoef(up, along)[0, 1]) < 0.3


class FixedHalf:
    """Stands for a generator: torch.rand gives a half, so that the crop is in the middle."""

    device = torch.device("cpu")


@pytest.fixture(autouse=True)
def halves(monkeypatch):
    original = torch.rand

    def rand(*size, generator=None, **how):
        if isinstance(generator, FixedHalf):
            return torch.full(size, 0.5)
        return original(*size, generator=generator, **how)

    monkeypatch.setattr(torch, "rand", rand)


def test_a_crop_beyond_the_end_of_time_holds_zeros_and_frequency_stays_inside():
    ones = torch.ones(300, 8, 40)
    out = byol_a.resized_crop(ones, 0.6, 1.5, gen())
    columns = out[:, 4]
    assert (columns.abs() < 1e-6).any(1).sum() > 50  # reached beyond an end
    full = (columns - 1).abs().max(1).values < 1e-4
    assert full.sum() > 10
    rows = out[full]
    assert (rows[:, 2:-2] - 1).abs().max() < 1e-4


def test_both_views_are_normalised_and_differ():
    method, data = build(), batch()
    spectrogram = method.encoder.spectrogram(data.crops[:, 0])
    method.encoder.standardise(data.crops[:, 0])
    one, two = (method._view(spectrogram, gen(seed)) for seed in (1, 2))
    for view in (one, two):
        standard = (view - method.encoder.mean) / method.encoder.std
        assert standard.mean().item() == pytest.approx(0, abs=1e-3)
        assert standard.std().item() == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(one, two)


def test_crops_are_of_standardised_inputs_so_that_beyond_the_end_is_the_corpus_mean(monkeypatch):
    method, data, seen = build(mixup=0.0), batch(), []
    method.encoder.standardise(data.crops[:, 0])
    spectrogram = method.encoder.spectrogram(data.crops[:, 0])
    monkeypatch.setattr(byol_a, "resized_crop", lambda x, *how: (seen.append(x), x)[1])
    view = method._view(spectrogram, gen())
    assert abs(method.encoder.mean) > 1
    expected = (spectrogram - method.encoder.mean) / method.encoder.std
    torch.testing.assert_close(seen[0], expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(view, spectrogram, rtol=0, atol=1e-2)


def test_one_batch_is_learnt_without_collapse():
    method, data = build(), batch()
    optim = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 1e-3)
    losses = []
    for step in range(40):
        loss = method(data, gen(step))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.75 * losses[0] and not math.isnan(losses[-1])
    method.eval()
    with torch.no_grad():
        h = method.encoder(data.crops[:, 0])
    assert h.std(0).mean() > 1e-3


def test_a_memory_smaller_than_a_batch_is_one_sentence():
    with pytest.raises(ConfigError, match="byol_a.memory is 4; give 8 or more."):
        build(memory=4)
