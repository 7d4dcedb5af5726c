"""Methods: what every one must do, what ASG's batch is (2), and that labels do not leak (3.4)."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import gen, responses, same_bits, small, tone
from scipy import stats
from torch import nn

from asglib import encoder
from asglib.adversaries import move
from asglib.batches import Batch
from asglib.config import ConfigError, Positives
from asglib.loss import nt_xent
from asglib.methods import METHODS, contract, supervised
from asglib.methods.contract import Material, change
from asglib.methods.supervised import mixup, spec_augment
from asglib.study import plans
from asglib.study.profiles import ABLATION, SMOKE

MOVES = {"ST": {"ST"}, "FT": {"FT"}, "SF": {"SF"}, "FF": {"FF"}, "ASG": {"FT", "FF", "SF"}}  # 3.5
LABELLED = ("Sup.", "MultiHead")
ONE_EACH = ("NONE", "ASG", *(n for n in METHODS if not n.startswith("untr") and n not in ABLATION))
AS_IT_IS = Positives(rir_probability=0, volume_probability=0, noise_probability=0)


def sounds(clips, crops, samples, seed=0):
    """[clips, crops, samples] of tones, each clip at a pitch of its own."""
    waves = torch.stack([torch.from_numpy(tone(300 + 700 * i, 1.0)) for i in range(clips)]).float()
    waves = waves.repeat(1, -(-(samples + 3_000 * crops) // waves.shape[1]))
    waves = waves + 0.02 * torch.randn(waves.shape, generator=gen(seed))
    starts = range(0, 3_000 * crops, 3_000)
    return torch.stack([waves[:, start : start + samples] for start in starts], 1)


def batch_for(config, clips=8):
    """What the method of a run is given; the pitch does not tell the labels."""
    settings = config.settings
    crops = sounds(clips, settings.crops, settings.samples(config))
    return Batch(crops, torch.arange(clips), torch.tensor([0, 0, 1, 1] * (clips // 4)))


def build_for(config, **material):
    network = encoder.build(config.encoder, config.frontend, config.seed)
    network.standardise(batch_for(config).crops[:, 0])
    space = {"rirs": responses(), "classes": 2} | material
    return config.settings.build(config, Material(network, **space))


def smoke(name):
    """The smoke profile's pretraining of any method."""
    return replace(plans.pretraining(SMOKE, name, 0), precision="fp32")


def batch(clips=8):
    return batch_for(small(), clips)


def build(name, **changes):
    return build_for(small(name, **changes))


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


# --- every method --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_finite_scalar_whose_gradient_reaches_the_first_layer(name):
    config = smoke(name)
    method, data = build_for(config), batch_for(config)
    loss = method(data, gen(2))
    loss.backward()
    layers = (nn.Conv1d, nn.Conv2d)
    first = next(m for m in method.encoder.modules() if isinstance(m, layers))
    assert loss.shape == () and loss.dtype == torch.float32 and torch.isfinite(loss)
    assert first.weight.grad.abs().max() > 1e-9


@pytest.mark.parametrize("name", METHODS)
def test_labels_leak_into_none_but_those_that_have_them(name):
    config = smoke(name)
    data = batch_for(config)
    swapped = data._replace(labels=1 - data.labels)
    losses = [build_for(config)(each, gen(3)).item() for each in (data, data, swapped)]
    assert losses[0] == losses[1]  # same weights and draws, same bits
    assert (losses[0] == losses[2]) == (name not in LABELLED)
    assert METHODS[name].labels == (name in LABELLED)
    if name not in LABELLED:
        assert build_for(config)(data._replace(labels=None), gen(3)).item() == losses[0]


@pytest.mark.parametrize("name", ONE_EACH)
def test_clips_do_not_depend_on_the_global_stream(name):
    config = smoke(name)
    torch.manual_seed(5)
    one = build_for(config)
    state = torch.get_rng_state()
    first = one(batch_for(config), gen(4)).item()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    two = build_for(config)
    assert same_bits(two, build_for(config))
    assert two(batch_for(config), gen(4)).item() == first


@pytest.mark.parametrize("name", ["NONE", "FF", "ASG", "Sup."])
def test_one_batch_is_learnt_by_heart(name):
    """With fresh draws each would be harder; with the same ones the loss must fall far."""
    losses = steps(build(name), batch(), 25, 1e-2)
    floor = {"Sup.": 0.45}.get(name, 0.0)  # the entropy of mixed labels is not zero
    assert losses[-1] - floor < 0.4 * (losses[0] - floor)


def test_all_methods_of_the_ablation_start_from_the_same_weights():
    """What is compared differs in its moves only; another seed differs."""
    first, *others = [build(name) for name in (*ABLATION, "untrained")]
    assert len(others) == 6 and all(same_bits(first, other) for other in others)
    assert same_bits(first.encoder, build("Sup.").encoder)
    assert not same_bits(first.encoder, build("NONE", seed=1).encoder)


@pytest.mark.parametrize("name", ONE_EACH)
def test_every_weight_that_a_method_adds_follows_the_seed(name):
    """The heads, predictors and decoders beside one and the same encoder."""

    def weights(seed):
        config = replace(smoke(name), seed=seed)
        network = encoder.build(config.encoder, config.frontend)
        method = config.settings.build(config, Material(network, responses(), 2))
        own = {key: w for key, w in method.named_parameters() if "encoder." not in key}
        return {key: w for key, w in own.items() if w.ndim > 1}

    one, again, other = weights(3), weights(3), weights(4)
    assert one or name == "Triplet"
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one)


# --- the table of methods ------------------------------------------------------------------------


def test_the_methods_are_the_rows_of_the_tables_in_order():
    assert tuple(METHODS)[:7] == ("NONE", "ST", "FT", "SF", "FF", "ASG", "Sup.")
    assert tuple(METHODS)[-1] == "untrained" and set(ABLATION) < set(METHODS)


def test_two_methods_of_one_name_are_refused():
    row = ("ASG", METHODS["ASG"])
    with pytest.raises(ConfigError, match="two methods are called 'ASG'; a name means one method"):
        contract.table(("NONE", METHODS["NONE"]), row, row)
    assert contract.table(row) == dict([row])


def test_an_unknown_setting_is_named_with_those_there_are():
    with pytest.raises(ConfigError, match="asg has no setting colour, moods; it has moves, min_"):
        change(METHODS["ASG"], temperature=0.2, moods=("FT",), colour=1)
    assert change(METHODS["ASG"], temperature=0.2).temperature == 0.2


@pytest.mark.parametrize("name", METHODS)
def test_as_many_views_a_clip_are_encoded_as_are_told(name):
    """Counted where they enter a network; the gradient that CPC's adversary needs is a third."""
    config = smoke(name)
    method, entered = build_for(config), []
    for module in method.modules():
        if isinstance(module, encoder.Encoder):
            first = next(m for m in module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d))
            first.register_forward_pre_hook(lambda _, inputs: entered.append(len(inputs[0])))
    method(batch_for(config), gen(3))
    gradient = getattr(config.settings, "epsilon_db", None) is not None
    assert sum(entered) == (config.settings.views - gradient) * 8


def test_which_impulse_responses_are_needed_is_told():
    assert [METHODS[name].rir_bank for name in ("ASG", "Sup.")] == ["simulated", None]


# --- the contrastive ones ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["NONE", "untrained"])
def test_none_is_nt_xent_of_the_two_views(name):
    method, data = build(name), batch()
    x = method.encoder.spectrogram(data.crops[:, 0])
    x_p = method.encoder.spectrogram(method.positives(data.crops[:, 1], gen(5)))
    z, z_p = method.head(method.encoder.embed(torch.cat([x, x_p]))).chunk(2)
    assert method(data, gen(5)).item() == nt_xent(z, z_p, 0.1).item()


@pytest.mark.parametrize("name", MOVES)
def test_the_batch_also_holds_the_moved_pairs(name):
    """first = [x; x_n], second = [x_p; x_pn]; x and x_p are NONE's, x_n and x_pn their moves."""
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
    """With x_p = x every moved pair is two equal spectrograms, each a move that the method has."""
    data = batch()
    data = data._replace(crops=data.crops[:, :1].expand(-1, 2, -1))
    method, found = build(name, positives=AS_IT_IS), set()
    # L_ms = 30 of 257 bins, of 300 frames
    lengths = {"SF": range(15, 115), "ST": range(2, 23), "FT": [0], "FF": [0]}
    for seed in range(4):
        first, second = method.views(data, gen(seed))
        assert torch.equal(first, second)
        for plain, moved in zip(first[:8], first[8:]):
            kinds = {
                kind
                for kind in lengths
                if any(torch.equal(move(plain, kind, n), moved) for n in lengths[kind])
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
