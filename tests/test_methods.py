"""Methods (paper section 2 and 3.4): what every one must do, what ASG's batch is, and that labels do not leak."""

from dataclasses import replace

import pytest
import torch
from asglib.batch import Batch
from conftest import gen, responses, same_bits, small, tone
from torch import nn

from asglib import config, methods
from asglib.adversaries import move
from asglib.config import Positives
from asglib.loss import nt_xent
from asglib.methods.supervised import mixup, spec_augment

CONTRASTIVE = [name for name in methods.METHODS if name != "Sup."]
MOVES = {"ST": {"ST"}, "FT": {"FT"}, "SF": {"SF"}, "FF": {"FF"}, "ASG": {"FT", "FF", "SF"}}  # 3.5
AS_IT_IS = Positives(rir_probability=0, volume_probability=0, noise_probability=0)


def batch(clips=8, samples=24 * 160, seed=0):
    """Two crops of each of `clips` tones, and two classes that the pitch does not tell."""
    waves = torch.stack([torch.from_numpy(tone(300 + 700 * i, 1.0)) for i in range(clips)]).float()
    waves = waves + 0.02 * torch.randn(waves.shape, generator=gen(seed))
    first, second = waves[:, :samples], waves[:, 3_000 : 3_000 + samples]
    return Batch(first, second, torch.arange(clips), torch.tensor([0, 0, 1, 1] * (clips // 4)))


def build(name, **changes):
    return methods.build(small(method=name, **changes), responses(), classes=2)


def steps(method, data, count, lr=3e-3):
    """The losses of `count` steps of Adam on one batch, with the same draws each time."""
    optim = torch.optim.Adam(method.parameters(), lr=lr)
    losses = []
    for _ in range(count):
        loss = method(data, gen(1))
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    return losses


def test_the_methods_are_the_rows_of_the_table_in_order():
    assert (
        tuple(methods.METHODS)
        == config.METHODS
        == ("NONE", "ST", "FT", "SF", "FF", "ASG", "Sup.", "untrained")
    )


# --- every method --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_finite_scalar_whose_gradient_reaches_the_first_layer(name):
    method = build(name)
    steps(method, batch(), 1)  # a head that starts at zero passes nothing on at first
    method.zero_grad()
    loss = method(batch(), gen(2))
    loss.backward()
    stem = next(m for m in method.encoder.modules() if isinstance(m, nn.Conv2d))
    assert loss.shape == () and loss.dtype == torch.float32 and torch.isfinite(loss)
    assert stem.weight.grad.abs().max() > 1e-6


@pytest.mark.parametrize("name", methods.METHODS)
def test_labels_leak_into_none_but_the_supervised(name):
    method, data = build(name), batch()
    steps(method, data, 1)
    losses = [
        method(data._replace(labels=labels), gen(3)).item()
        for labels in (data.labels, 1 - data.labels)
    ]
    assert (losses[0] == losses[1]) == (name != "Sup.")
    if name != "Sup.":
        assert method(data._replace(labels=None), gen(3)).item() == losses[0]


@pytest.mark.parametrize("name", ["NONE", "FF", "ASG", "Sup."])
def test_one_batch_is_learnt_by_heart(name):
    """With fresh draws each would be harder; with the same ones the loss must fall far below its start."""
    losses = steps(build(name), batch(), 40, 1e-2)
    floor = {"Sup.": 0.45}.get(name, 0.0)  # the entropy of mixed labels is not zero
    assert losses[-1] - floor < 0.4 * (losses[0] - floor)


@pytest.mark.parametrize("name", methods.METHODS)
def test_same_draws_same_bits(name):
    one, two = build(name), build(name)
    assert same_bits(one, two)
    assert one(batch(), gen(4)).item() == two(batch(), gen(4)).item()


def test_all_methods_start_from_the_same_weights():
    """What is compared differs in its moves only; another seed differs."""
    first, *others = [build(name) for name in CONTRASTIVE]
    assert len(others) == 6 and all(same_bits(first, other) for other in others)
    assert same_bits(first.encoder, build("Sup.").encoder)
    assert not same_bits(first.encoder, build("NONE", seed=1).encoder)


# --- the contrastive ones ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["NONE", "untrained"])
def test_none_is_nt_xent_of_the_two_views(name):
    method, data = build(name), batch()
    x, x_p = method.frontend(data.first), method.frontend(method.positives(data.second, gen(5)))
    z, z_p = method.head(method.encoder(torch.cat([x, x_p]))).chunk(2)
    assert method(data, gen(5)).item() == nt_xent(z, z_p, 0.1).item()


@pytest.mark.parametrize("name", MOVES)
def test_the_batch_also_holds_the_moved_pairs(name):
    """first = [x; x_n] and second = [x_p; x_pn]; x and x_p are those of NONE, x_n and x_pn one move of them."""
    data = batch()
    first, second = build(name).views(data, gen(6))
    x, x_p = build("NONE").views(data, gen(6))
    assert first.shape == second.shape == (16, 129, 24)
    assert torch.equal(first[:8], x) and torch.equal(second[:8], x_p)
    for plain, other in ((x, first), (x_p, second)):
        assert torch.equal(other[8:].flatten(1).sort().values, plain.flatten(1).sort().values)
        assert not any(torch.equal(a, b) for a, b in zip(plain, other[8:]))


@pytest.mark.parametrize("name", MOVES)
def test_both_members_of_a_pair_get_the_same_of_the_methods_moves(name):
    """With x_p = x every moved pair is two equal spectrograms, each a move of x that the method has."""
    data = batch()
    data = data._replace(second=data.first)
    method, found = build(name, positives=AS_IT_IS), set()
    least = {
        "SF": range(15, 115),
        "ST": range(2, 23),
        "FT": [0],
        "FF": [0],
    }  # L_ms = 30 of 257 bins, of 300 frames
    for seed in range(4):
        first, second = method.views(data, gen(seed))
        assert torch.equal(first, second)
        for plain, moved in zip(first[:8], first[8:]):
            kinds = {
                kind
                for kind in least
                if any(torch.equal(move(plain, kind, n), moved) for n in least[kind])
            }
            assert len(kinds) == 1
            found |= kinds
    assert found == MOVES[name]


def test_more_negatives_make_a_higher_loss():
    """An untrained network: ASG's loss is about log((4N - 1) / (2N - 1)) above NONE's."""
    data = batch()
    asg, none = (build(name, temperature=5.0)(data, gen(11)).item() for name in ("ASG", "NONE"))
    assert asg - none == pytest.approx(torch.tensor(31 / 15).log().item(), abs=0.1)


# --- the supervised one --------------------------------------------------------------------------


def test_mixup_mixes_inputs_and_targets_alike():
    targets = torch.eye(5)
    x, mixed = mixup(targets[:, :, None], targets, gen(7))
    assert torch.equal(x[..., 0], mixed)
    torch.testing.assert_close(mixed.sum(1), torch.ones(5))
    weight = mixed.diagonal()
    assert ((weight > 0) & (weight < 1)).all() and weight.unique().numel() == 5
    torch.testing.assert_close(mixed, torch.diag(weight) + torch.diag(1 - weight).roll(-1, 1))


def test_spec_augment_masks_stripes():
    x = torch.randn(300, 50, 100, generator=gen(8))
    keep = x.clone()
    out = spec_augment(x, torch.tensor(9.0), gen(9))
    assert torch.equal(x, keep)
    masked = out == 9.0
    assert torch.equal(out[~masked], x[~masked])
    rows, columns = masked.all(2), masked.all(1)
    assert torch.equal(masked, rows[:, :, None] | columns[:, None, :])
    for stripes, most in ((rows, 6), (columns, 12)):  # 12 % each
        starts = (
            stripes & ~torch.cat([torch.zeros(300, 1, dtype=torch.bool), stripes[:, :-1]], 1)
        ).sum(1)
        assert starts.max() == 2 and stripes.sum(1).max() <= 2 * (most - 1) and stripes.any(0).all()
        assert (
            0.5 * (most - 1) < stripes.sum(1).float().mean() < 1.1 * (most - 1)
        )  # two of half the width on average


def test_the_supervised_loss_begins_at_that_of_a_guess():
    data = batch()
    assert build("Sup.")(data, gen(10)).item() == pytest.approx(0.693147, abs=1e-5)  # log 2
    several = methods.build(small(method="Sup."), responses(), classes=3, multi_label=True)
    labels = torch.tensor([[1, 0, 1]] * 8)
    assert several(data._replace(labels=labels), gen(10)).item() == pytest.approx(
        0.693147, abs=1e-5
    )
    losses = steps(several, data._replace(labels=labels), 30, 1e-2)
    assert losses[-1] < 0.2


def test_an_unknown_method_is_refused():
    with pytest.raises(
        config.ConfigError,
        match="method 'BYOL' is unknown; the study has NONE, ST, FT, SF, FF, ASG",
    ):
        replace(small(), method="BYOL")
