"""Methods: what every one must do, and that labels do not leak (3.4)."""

from dataclasses import replace

import pytest
import torch
from conftest import gen, responses, same_bits
from small_methods import batch, batch_for, build, build_for, smoke, steps
from torch import nn

from asglib import encoder
from asglib.config import ConfigError
from asglib.methods import METHODS, contract
from asglib.methods.contract import Material, change
from asglib.study.profiles import ABLATION

LABELLED = ("Sup.", "MultiHead")
ONE_EACH = ("NONE", "ASG", *(n for n in METHODS if not n.startswith("untr") and n not in ABLATION))


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
def test_every_crop_that_is_asked_for_counts(name):
    config = smoke(name)
    data = batch_for(config)
    plain = build_for(config)(data, gen(4)).item()
    for crop in range(config.settings.crops):
        changed = data.crops.clone()
        changed[:, crop] = changed[:, crop].flip(0)
        assert build_for(config)(data._replace(crops=changed), gen(4)).item() != plain


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


AUDIO2VEC = {"around": 2, "gap": 2}  # Audio2Vec 3 and 4
NUMBERS = {  # written out from the papers, and from README where they are silent
    "ASG": {"min_scroll": 30, "temperature": 0.1, "head": (4096, 256)},  # table 1; 3.2
    "Sup.": {"masks": 2, "share": 0.12},  # D15
    "COLA": {"noise": 0.4, "masks": 1, "mask_share": 0.12, "head": 512}  # 3.1, D41
    | {"stretch_probability": 0.5, "stretch": 0.1, "similarity_deviation": 0.05},  # 2.1, D42
    "BYOL-A": {"mixup": 0.4, "memory": 2048, "head": (4096, 256), "momentum": 0.99}
    | {"smallest": 0.6, "largest": 1.5},
    "CPC": {"negatives": "cross", "count": 2, "skip": 3, "tasks": 4, "hidden": 512}
    | {"similarity": "cosine", "temperature": 0.05, "epsilon_db": None, "noise_db": None},  # 3.1
    "CPC local": {"negatives": "local"},
    "CPC exclusive": {"negatives": "exclusive"},
    "CPC dot": {"similarity": "dot", "temperature": 1.0},
    "CPC gauss": {"noise_db": -55.0, "epsilon_db": None},
    "CPC adv-75": {"epsilon_db": -75.0},
    "CPC adv-65": {"epsilon_db": -65.0},
    "CPC adv-55": {"epsilon_db": -55.0},
    "CPC adv-45": {"epsilon_db": -45.0},
    "CPC adv-35": {"epsilon_db": -35.0},
    "CBoW": {"task": "cbow"} | AUDIO2VEC,
    "SG": {"task": "skip-gram"} | AUDIO2VEC,
    "TemporalGap": {"hidden": 64} | AUDIO2VEC,
    "Triplet": {"margin": 0.1},  # D46
}


@pytest.mark.parametrize("name", NUMBERS)
def test_the_settings_are_the_papers_numbers(name):
    found = vars(METHODS[name])
    assert NUMBERS[name] == {key: found[key] for key in NUMBERS[name]}


def test_which_impulse_responses_are_needed_is_told():
    assert [METHODS[name].rir_bank for name in ("ASG", "Sup.")] == ["simulated", None]
