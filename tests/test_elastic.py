"""A pretraining that several processes share, started by the study: one run, also after a kill."""

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
import ranks
import torch
from conftest import TINY, asked, essence

from asglib import memory, networks
from asglib.config import ConfigError
from asglib.data.workspace import Workspace
from asglib.study import cluster, elastic, pool, runs
from asglib.study.cluster import StudyError

CONFIG = replace(TINY, epochs=2)


def shared(folder, tell=lambda row: None):
    return runs.trained(CONFIG, Workspace(None, folder, processes=2), tell)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Two processes that a test has started itself, without the launcher."""
    folder = tmp_path_factory.mktemp("ranks")
    found = ranks.together(ranks.trained, folder, 2, CONFIG, Workspace(None, folder / "runs"))
    weights, record, _ = found[0]
    return weights, record


def test_it_is_the_run_of_two_processes_that_meet_by_themselves(together, tmp_path):
    """Through the study's own pool: its worker starts them, and the terminal hears of them."""
    weights, record = together
    said, workspace = [], Workspace(None, tmp_path, processes=2)
    evaluated, errors = pool.computed([asked(pretraining=CONFIG)], workspace, 1, said.append)
    assert len(evaluated) == 1 and errors == {}
    network, found = shared(tmp_path)  # found, not trained again
    assert essence(found) == essence(record) and found["processes"] == 2
    assert all(torch.equal(weights[key], value) for key, value in network.state_dict().items())
    assert any(f"{found['run']} epoch" in line for line in said)
    assert not list(tmp_path.rglob("progress.json"))


def test_a_killed_process_ends_the_other_and_both_go_on(together, tmp_path):
    weights, record = together
    killed = []

    def kill(row):
        if not killed:
            killed.append(multiprocessing.active_children()[-1].pid)
            os.kill(killed[0], signal.SIGKILL)

    network, found = shared(tmp_path, kill)
    assert killed and essence(found) == essence(record)
    assert all(torch.equal(weights[key], value) for key, value in network.state_dict().items())


def fail(progress):
    raise ValueError("no such clip")


def test_what_fails_every_time_is_one_sentence_and_signals_are_as_before(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StudyError, match=r"of 2 ended 3 times, .*: ValueError: no such clip"):
        elastic.together(2, fail, (), tmp_path / "progress.json", print)
    assert signal.getsignal(signal.SIGTERM) == before


def test_more_processes_than_the_batch_can_feed_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="batch 16 cannot be shared by 9 processes"):
        runs.trained(CONFIG, Workspace(None, tmp_path, processes=9))


def test_gpus_are_given_in_shares(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,5,6,7")
    found = cluster.places("cuda", 2)
    pinned = [place["CUDA_VISIBLE_DEVICES"] for place in found.values()]
    assert list(found) == ["GPU 0,3", "GPU 5,6"] and pinned == ["0,3", "5,6"]
    with pytest.raises(StudyError, match="8 processes a run need as many GPUs, and 5 are there"):
        cluster.places("cuda", 8)


def test_a_network_that_would_lose_its_activations_is_not_shared():
    """torch's converter leaves timm's BatchNormAct2d without its SiLU; torchrun is told so."""
    network = networks.efficientnet_b0()
    acts = sum(type(part).__name__ == "BatchNormAct2d" for part in network.modules())
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)
    left = sum(type(part).__name__ == "BatchNormAct2d" for part in shared.modules())
    assert acts > 0 and left == 0
    config = replace(CONFIG, encoder="efficientnet_b0")
    runs.check_shares(config, 1)
    with pytest.raises(ConfigError, match="efficientnet_b0 cannot be shared by 2 processes"):
        runs.check_shares(config, 2)


def test_a_network_that_cannot_be_shared_is_trained_by_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ALONE", (CONFIG.encoder,))
    monkeypatch.setattr(elastic, "together", None)  # called, it would raise
    _, record = shared(tmp_path)
    assert record["processes"] == 1


def test_gpus_of_which_only_some_would_recompute_are_refused_in_every_process(tmp_path):
    """They would take batch normalisation's sums together a different number of times."""
    config = replace(CONFIG, precision="fp32")
    half = memory.forecast(config, False)[0] / 2  # of each of two processes
    least = round(half / memory.USED)
    much, little = 1.01 * least, 0.99 * least

    def said(name, *free):
        folder = tmp_path / name
        folder.mkdir()
        return ranks.together(ranks.alike, folder, 2, config, free)

    assert said("room", much, 2 * much) == said("none", little, little / 2) == [None, None]
    refused = said("some", much, little)
    assert refused[0] == refused[1] and refused[0].startswith("ASG recomputes on GPUs with less")
    assert "all must do the same. End what else runs on them" in refused[0]


def test_what_is_refused_for_its_gpus_is_not_begun(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "check_alike", lambda *given: asked.append(given))
    monkeypatch.setattr(runs.training, "pretrain", None)  # called, it raises TypeError
    with pytest.raises(TypeError):
        runs.trained(CONFIG, Workspace(None, tmp_path))
    assert asked == [(CONFIG, torch.device("cpu"))]
