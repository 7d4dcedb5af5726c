"""Multiply-adds: against layers counted by hand, and what follows from the methods' definitions."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from asglib import encoder
from asglib.batches import Batch
from asglib.methods.contract import Material
from asglib.study import plans, profiles
from asglib.study.operations import CLIPS, multiply_adds

SMOKE, SMALL = profiles.profile("smoke"), profiles.profile("small")


def work(method, profile=SMOKE, steps=1):
    run = plans.pretraining(profile, method, 0)
    return multiply_adds(run, steps) / (run.batch * steps)  # of a clip


def test_a_step_of_none_is_three_times_its_layers_but_for_the_first_ones_input():
    """Each weight multiplies once forward, once for its own gradient, once for that of its input;
    nothing asks for the gradient of a spectrogram."""
    run = plans.pretraining(SMOKE, "NONE", 0)
    method = run.settings.build(
        run, Material(encoder.build(run.encoder, run.frontend), torch.ones(1, 1))
    )
    layers = []

    def count(layer, _, out):
        taken = layer.weight[0].numel()  # input channels of a group by kernel, or features
        layers.append(out.numel() * taken)

    for layer in method.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    crops = torch.randn(CLIPS, 2, run.settings.samples(run))
    method(Batch(crops, torch.arange(CLIPS), None), torch.Generator().manual_seed(0))
    views, dim = 2 * CLIPS, run.settings.head[-1]
    similar = 3 * views * views * dim
    expected = 3 * sum(layers) - layers[0] + similar
    assert CLIPS * work("NONE") == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("profile", [SMOKE, SMALL])
def test_asg_works_as_much_as_none_for_twice_the_epochs(profile):
    """D57: as many spectrograms; the table of similarities alone is larger."""
    run, twice = (plans.pretraining(profile, method, 0) for method in ("NONE", "NONE x2"))
    assert twice.epochs == 2 * run.epochs
    assert work("ASG", profile) == pytest.approx(2 * work("NONE", profile), rel=1e-3)
    # of the supervised network one crop is encoded, of NONE's two
    assert work("Sup.", profile) == pytest.approx(work("NONE", profile) / 2, rel=0.01)


def test_an_adversary_costs_a_second_pass_through_the_latents():
    """Algorithm 1: forward twice, backward twice, but for the contexts, which are computed once."""
    assert 1.9 < work("CPC adv-55") / work("CPC") < 2.1
    assert work("CPC gauss") == work("CPC exclusive") == work("CPC")


def test_work_is_that_of_all_steps_and_the_same_for_every_seed():
    run = plans.pretraining(SMOKE, "COLA", 0)
    one = multiply_adds(run, 1)
    assert one > 1e9 and multiply_adds(run, 10) == 10 * one
    assert multiply_adds(replace(run, seed=5), 1) == one
    assert multiply_adds(plans.pretraining(SMOKE, "untrained", 0), 0) == 0


def test_every_trained_system_of_the_small_profiles_is_counted():
    """Within two orders of magnitude of NONE: none is left out, none counted twice over."""
    for profile in (SMOKE, SMALL):
        own = {name for names in profile.compared.values() for name in names}
        base = work("NONE", profile)
        for method in own | set(profiles.ABLATION):
            assert base / 100 < work(method, profile) < 3 * base, (profile.name, method)
