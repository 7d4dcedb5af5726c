"""The plan of a study before it runs: what can run, what is left out and for want of what."""

import re
from dataclasses import replace

import pytest
import rehearsal_trees
import torch.nn.functional as F
from torch import nn

from asglib import networks
from asglib.data.workspace import Workspace
from asglib.encoder import build
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.study import costs, footprint, forecast, plans, pool
from asglib.study.profiles import PAPER, REHEARSAL
from asglib.study.runs import run_name


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """ESC-50 and a few clips of AudioSet, of which no batch of 512 can be made."""
    root = tmp_path_factory.mktemp("plan")
    for name in ("esc50", "audioset"):
        rehearsal_trees.SETS[name](root / "data")
    return Workspace(root / "data", root / "runs")


def test_what_is_left_out_is_left_out_for_want_of_something(workspace):
    table = forecast.forecast(plans.evaluation(PAPER), workspace)
    rows = table[table.data == "esc50/sound"].set_index("run")
    assert rows.state["frozen spectrogram linear, seed 0"] == "to run"
    assert rows.state["frozen untrained linear, seed 0"] == "to run"
    assert rows.loc["frozen ASG linear, seed 0", "for want of"] == "audioset, 512 clips"
    musan = table[table.data == "musan/kind"].set_index("run")["for want of"]
    assert musan["frozen Sup. linear, seed 0"] == "musan; audioset, 1024 clips"
    assert musan["frozen spectrogram linear, seed 0"] == "musan"
    said = forecast.summary(table).splitlines()
    able = sum(table.state == "to run")
    assert said[0].startswith(f"{len(table)} runs: 0 done, {able} can run on the data present")
    few = "audioset has 17 training clips here, fewer than one batch of 512: add to it."
    assert any(few in line for line in said)
    states = forecast.states({"tables 2 and 3": table})
    assert "tables 2 and 3 " in states and "nsynth" in states
    able, reasons = pool.available(plans.evaluation(PAPER), workspace)
    assert len(able) == 6  # 4 untrained, 2 spectrograms
    assert reasons.keys() >= {"musan", "audioset, 512 clips"}


def test_a_rehearsal_takes_two_steps_of_few_clips(workspace):
    table = forecast.forecast(plans.evaluation(REHEARSAL), workspace)
    trained = table[table.run.str.match("pretrain (NONE|Sup.|ASG)")]
    assert len(trained) == 3
    assert (trained.steps == 2).all() and (trained.state == "to run").all()
    tested = table[table.data == "esc50/sound"]
    assert (tested.clips == REHEARSAL.frozen.max_clips).all() and (tested.steps == 2).all()


def test_hours_follow_the_views_that_a_method_says_it_encodes(tmp_path):
    """By hand, on the published size of AudioSet, as no data are there."""
    workspace = Workspace(None, tmp_path)
    steps = 2_063_949 // 512 * 50
    wanted = {"NONE": 2, "ST": 4, "ASG": 4}
    runs = {method: plans.pretraining(PAPER, method, 0) for method in wanted}
    for method, views in wanted.items():
        assert costs.steps(runs[method], workspace) == steps
        assert costs.cost(runs[method], workspace) == views * 512 * steps
    once = replace(runs["ASG"], settings=METHODS["Sup."])
    assert costs.cost(once, workspace) == 512 * steps
    table = forecast.forecast(plans.evaluation(PAPER), workspace, views_per_second=1000)
    hours = table.set_index("run").hours["pretrain ASG linear, seed 0"]
    assert hours == pytest.approx(4 * 512 * steps / 1000 / 3600)
    assert forecast.forecast([], workspace).empty  # of a notebook that needs no run


def test_the_disk_is_that_of_every_encoder_that_is_kept(tmp_path):
    """ResNet-50 of one input channel: 25.6 million weights with a classifier of 1,000 classes,
    which goes: 23.5; six encoders on the way of 50 epochs (1, 2, 4 ... 32) and the last."""
    table = forecast.forecast(plans.evaluation(PAPER), Workspace(None, tmp_path))
    found = table.set_index("run").GB["pretrain ASG linear, seed 0"]
    assert found == pytest.approx(7 * 23.5e6 * 4 / 1e9, rel=0.01)
    run = replace(plans.pretraining(PAPER, "CPC", 0), epochs=0)
    network = build(run.encoder, run.frontend).state_dict()
    assert forecast._gigabytes(run) == pytest.approx(
        sum(part.nbytes for name, part in network.items() if name.startswith("network")) / 1e9
    )


def test_where_records_are_published_their_time_is_told(workspace):
    wanted = [e for e in plans.evaluation(PAPER) if e.data_set == "esc50" and e.seed == 0]
    wanted = [e for e in wanted if e.pretraining is None or e.pretraining.method == "untrained"]
    frozen = [e for e in wanted if e.setting == "frozen"]
    records = [
        {"run": run_name(frozen[0], workspace), "seconds": 5400.0},
        {"run": run_name(frozen[1], workspace), "seconds": 1800.0},
        {"run": "evaluate-ASG-of-other-code", "seconds": 3600.0},
    ]
    table = forecast.forecast(wanted, workspace, published=records)
    assert sorted(table.took.dropna()) == [0.5, 1.5] and len(table) > 2
    told = "2 of those that can run have a published record; these say 2.0 hours of one core or GPU"
    assert told in forecast.summary(table)
    assert "published" not in forecast.summary(forecast.forecast(wanted, workspace))
    absent = [e for e in plans.evaluation(PAPER) if e.data_set == "musan" and not e.pretraining]
    assert forecast.forecast(absent, workspace, published=records).took.isna().all()
    others = forecast.forecast(wanted, workspace, published=records[2:])
    assert "published" not in forecast.summary(others)


def test_the_largest_step_of_each_encoder_is_told_with_its_bytes(monkeypatch):
    sizes = {"ASG": (3 * 2**30, 2**30), "COLA": (2**30, 2**30)}
    monkeypatch.setattr(forecast.footprint, "forecast", lambda run: sizes[run.method])
    runs = [
        plans.evaluations(PAPER, method, ("esc50/sound",))[0] for method in ("NONE", "ASG", "COLA")
    ]
    assert forecast.memory_of(runs).splitlines() == [
        "resnet50: a step of ASG, batch 512, keeps 3.0 GiB, 1.0 GiB where it is recomputed",
        "efficientnet_b0: a step of COLA, batch 128, keeps 1.0 GiB",
    ]


def test_bytes_of_normalised_frames_by_hand():
    """On a GPU: bf16 into the convolution; fp32 into the normalisation and into the activation."""

    class Frames(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = networks.FrameLayer(1, 4, 1, 1, F.silu)

        def forward(self, batch, generator):
            return self.layer(batch.crops).sum()

    weights, moments = 2 * 4, 4 * 2 * 3 * 1_000
    wanted = 2 * 3 * 1_000 + weights + 4 * 3 * 4_000 + moments + 4 * 3 * 4_000
    assert footprint.kept(Frames(), 3, 1_000) == wanted


@pytest.mark.parametrize(("epsilon", "passes"), [(None, 1), (-55.0, 2)])
def test_the_bytes_of_cpc_are_those_of_a_gpu_and_of_its_loss_too(epsilon, passes):
    """By hand: 10 bytes for each number that a layer makes, and in each of eight tasks 46 for each
    of a context's: 116 GiB, where the network alone, as a CPU computes it, keeps 69. The adversary
    has latents and a loss of its own, and no contexts."""
    latents = [160_000]
    for kernel, stride in zip(networks.Cpc.KERNELS, networks.Cpc.STRIDES):
        latents.append((latents[-1] - kernel) // stride + 1)
    made = passes * sum(latents[1:]) + 2 * 12 * latents[-1]  # by nine layers, and two contexts
    wanted = 256 * 512 * (10 * made + passes * 8 * 46 * latents[-1])
    asked = plans.evaluations(PAPER, "CPC", ("esc50/sound",))[0]
    run = replace(asked.pretraining, settings=change(METHODS["CPC"], epsilon_db=epsilon))
    said = forecast.memory_of([replace(asked, pretraining=run)])
    found = re.fullmatch(r"cpc: a step of CPC, batch 256, keeps ([\d.]+) GiB", said)
    assert float(found[1]) * 2**30 == pytest.approx(wanted, rel=0.02)


def test_validation_clips_cost_nothing(workspace, monkeypatch):
    """No evaluation reads them."""
    sizes = {"train": 100, "valid": 50, "test": 12}
    monkeypatch.setattr(costs, "_sizes", lambda names, workspace: sizes)
    assert costs.clips("esc50", workspace) == (100, 12)
    assert costs.clips("esc50", workspace, 8) == (8, 8)
