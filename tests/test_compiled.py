"""torch.compile: the same step, other names; the blocks computed once or twice as without it."""

import copy
from dataclasses import replace

import pytest
import torch
from conftest import TINY, asked, assert_same_steps, gen
from timm.models.resnet import BasicBlock, Bottleneck

from asglib import encoder, memory
from asglib.config import Frontend
from asglib.data.workspace import Workspace
from asglib.methods import METHODS
from asglib.methods.contract import Material
from asglib.networks import NETWORKS
from asglib.study import names, pool, runs
from asglib.study.compiled import RESNETS, compile_networks, compiled

COMPILE = torch.compile


@pytest.fixture
def exact(monkeypatch):
    """torch.compile without code of its own: the same operations, so no rounding, and no need of a
    C++ compiler. The blocks that were compiled."""
    seen = []

    def compile_exactly(forward):
        seen.append(forward.__self__)
        return COMPILE(forward, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", compile_exactly)
    yield seen
    torch._dynamo.reset()


def test_a_compiled_pretraining_takes_the_same_steps_under_a_name_of_its_own(
    study, tmp_path, exact
):
    _, wanted = runs.trained(TINY, study)
    assert exact == []
    _, found = runs.trained(TINY, Workspace(None, tmp_path, compiled=True))
    assert len(exact) == len(blocks(encoder.build("tiny", TINY.frontend))) > 0
    assert found["log"]["loss"] == pytest.approx(wanted["log"]["loss"], abs=1e-5)
    assert found["run"] != wanted["run"] and found["code"] == wanted["code"]
    assert found["compiled"] and "compiled" not in wanted


def test_what_is_not_compiled_keeps_its_name(study):
    by_compiler = replace(study, compiled=True)
    other = replace(TINY, encoder="efficientnet_b0")
    for run in (replace(TINY, epochs=0, warmup_epochs=0), asked(pretraining=None), other):
        assert names.run_name(run, by_compiler) == names.run_name(run, study)
    assert names.run_name(asked(), by_compiler) != names.run_name(asked(), study)


def blocks(network):
    return [part for part in network.modules() if isinstance(part, BasicBlock | Bottleneck)]


@pytest.mark.parametrize("name", NETWORKS)
def test_which_networks_are_compiled(name):
    assert bool(blocks(NETWORKS[name]())) == (name in RESNETS)


@pytest.mark.parametrize("twice", [False, True])
def test_compiled_blocks_have_the_same_gradients_and_count_a_batch_once(exact, twice):
    plain = encoder.build("tiny", Frontend()).train()
    by_compiler = copy.deepcopy(plain)
    compile_networks(by_compiler)
    assert exact == blocks(by_compiler)
    if twice:
        memory.recompute(by_compiler.network)  # in this order in a training
    assert_same_steps(plain, by_compiler)


def test_every_block_of_a_resnet50_is_compiled_after_it_was_measured(exact, monkeypatch):
    """They share one code object, and dynamo makes few graphs of one."""
    network = encoder.build("resnet50", Frontend())
    compile_networks(network)
    monkeypatch.setattr(torch._dynamo.config, "fail_on_recompile_limit_hit", True)
    spectrogram = torch.randn(2, 257, 32, generator=gen(2))
    with torch.no_grad():
        network.eval().embed(spectrogram)
    network.train().embed(spectrogram).sum().backward()
    assert len(exact) == 16


def test_a_network_that_a_method_copies_is_compiled_on_its_own(exact):
    """BYOL-A's target has other weights than the network that it follows."""
    config = replace(TINY, method="BYOL-A", settings=METHODS["BYOL-A"])
    network = encoder.build("tiny", config.frontend)
    material = Material(network)
    method = compiled(config.settings).build(config, material)
    assert exact == blocks(method.encoder) + blocks(method.target_encoder)
    spectrogram = torch.randn(2, 129, 32, generator=gen(2))
    before = method.encoder.embed(spectrogram)
    for weight in method.target_encoder.parameters():
        weight.data.zero_()
    assert torch.equal(method.encoder.embed(spectrogram), before)
    assert method.target_encoder.embed(spectrogram).abs().max() == 0 < before.abs().max()


def test_settings_stay_those_of_the_method_and_a_checkpoint_tells_them_apart():
    settings = METHODS["ASG"]
    found = compiled(settings)
    assert isinstance(found, type(settings)) and vars(found) == vars(settings)
    assert repr(found) != repr(settings)


def test_a_worker_elsewhere_compiles_too(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(pool, "compute", lambda runs, workspace, tell: told.append(workspace))
    pool.compute_there([], Workspace(None, tmp_path, compiled=True), print)
    assert told[0].compiled
