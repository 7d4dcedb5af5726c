"""The supervised baseline: mixup, SpecAugment, and the loss of mixed targets (3.4, D15)."""

import math

import pytest
import torch
from conftest import gen, small
from scipy import stats
from small_methods import batch, build, build_for, steps
from torch import nn

from asglib.methods import supervised
from asglib.methods.supervised import mixup, spec_augment


def test_mixup_mixes_inputs_and_targets_alike():
    targets = torch.eye(5)
    x, mixed = mixup(targets[:, :, None], targets, gen(7))
    assert torch.equal(x[..., 0], mixed)
    torch.testing.assert_close(mixed.sum(1), torch.ones(5))
    weight = mixed.diagonal()
    assert ((weight > 0) & (weight < 1)).all() and weight.unique().numel() == 5
    torch.testing.assert_close(mixed, torch.diag(weight) + torch.diag(1 - weight).roll(-1, 1))


def test_spec_augment_masks_two_stripes_of_each_axis():
    x = torch.randn(300, 50, 100, generator=gen(8))
    keep = x.clone()
    out = spec_augment(x, torch.tensor(9.0), gen(9), 2, 0.12)
    assert torch.equal(x, keep)
    masked = out == 9.0
    torch.testing.assert_close(out[~masked], x[~masked], rtol=0, atol=1e-5)
    rows, columns = masked.all(2), masked.all(1)
    assert torch.equal(masked, rows[:, :, None] | columns[:, None, :])
    before = torch.zeros(300, 1, dtype=torch.bool)
    for stripes, widest in ((rows, 6), (columns, 12)):  # 12 % each
        starts = (stripes & ~torch.cat([before, stripes[:, :-1]], 1)).sum(1)
        assert starts.max() == 2 and stripes.sum(1).max() <= 2 * widest
        assert stripes.any(0)[:-1].all()  # torchaudio's stripes end one cell before the end
        # two stripes of half the width on average
        assert 0.6 * widest < stripes.sum(1).float().mean() < 1.1 * widest


def test_a_stripe_is_as_often_of_each_width_up_to_its_share():
    """One stripe an axis: 12 % of 50 bins are 0 to 6, of 100 frames 0 to 12."""
    x = torch.zeros(4_000, 50, 100)
    masked = spec_augment(x, torch.tensor(9.0), gen(2), 1, 0.12) == 9.0
    for stripes, widest in ((masked.all(2), 6), (masked.all(1), 12)):
        counts = torch.bincount(stripes.sum(1))
        assert len(counts) == widest + 1
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_the_supervised_network_sees_mixed_and_masked_spectrograms(monkeypatch):
    """Cells are those of the mixture or, in stripes, the corpus' mean; targets are as mixed."""
    method, data, mixtures = build("Sup."), batch(), []

    def noted(*arguments):
        mixtures.append(mixup(*arguments))
        return mixtures[0]

    monkeypatch.setattr(supervised, "mixup", noted)
    seen, embed = [], method.encoder.embed
    method.encoder.embed = lambda x: (seen.append(x), embed(x))[1]
    method.eval()
    loss = method(data, gen(3)).item()
    ((mixed, targets),) = mixtures
    masked = (seen[0] - method.encoder.mean).abs() < 1e-5
    stripes = masked.all(2)[:, :, None] | masked.all(1)[:, None, :]
    torch.testing.assert_close(seen[0][~stripes], mixed[~stripes], rtol=0, atol=1e-4)
    assert 0.02 < stripes.float().mean() < 0.4
    assert (mixed - method.encoder.spectrogram(data.crops[:, 0])).abs().mean() > 0.1
    logs = method.head(embed(seen[0])).log_softmax(1)
    assert loss == pytest.approx(-(targets * logs).sum(1).mean().item(), abs=1e-5)


def test_the_loss_of_several_labels_is_the_mean_of_each_ones_cross_entropy():
    method = build_for(small("Sup."), classes=3, multi_label=True)
    nn.init.zeros_(method.head.weight)
    with torch.no_grad():
        method.head.bias.copy_(torch.tensor([-1.0, 0.0, 2.0]))
    labels = torch.tensor([[1, 0, 1]] * 8)
    p = [1 / (1 + math.exp(1)), 0.5, 1 / (1 + math.exp(-2))]
    expected = -(math.log(p[0]) + math.log(1 - p[1]) + math.log(p[2])) / 3
    loss = method(batch()._replace(labels=labels), gen()).item()
    assert loss == pytest.approx(expected, abs=1e-5)


def test_spec_augment_is_a_function_of_the_generator_and_leaves_the_global_stream():
    x, fill = torch.randn(4, 50, 100, generator=gen(8)), torch.tensor(0.0)
    state = torch.get_rng_state()
    one, two, other = (spec_augment(x, fill, gen(seed), 2, 0.3) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_the_supervised_loss_is_the_cross_entropy_of_mixed_targets():
    """A head of zeros guesses: log 2 for two classes, and for each of three labels."""
    data, one = batch(), build("Sup.")
    several = build_for(small("Sup."), classes=3, multi_label=True)
    labels = torch.tensor([[1, 0, 1]] * 8)
    for method, target in ((one, data.labels), (several, labels)):
        nn.init.zeros_(method.head.weight)
        nn.init.zeros_(method.head.bias)
        loss = method(data._replace(labels=target), gen(10)).item()
        assert loss == pytest.approx(0.693147, abs=1e-5)
    assert steps(several, data._replace(labels=labels), 30, 1e-2)[-1] < 0.2
