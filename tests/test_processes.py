"""One process's arithmetic, and several as one run: the same loss, gradient, weights and record."""

import os
import socket
from dataclasses import replace

import pytest
import ranks
import torch
from conftest import CPU, TINY, clips_of, run_small, same_bits
from torch import nn

from asglib import processes
from asglib.config import ConfigError
from asglib.data import clips
from asglib.study import runs

# --- one process ---------------------------------------------------------------------------------


def test_settled_arithmetic_is_deterministic():
    processes.settle(1)
    assert torch.get_num_threads() == 1
    assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark


def test_precision_is_what_is_asked_for_where_it_can_be():
    assert processes.precision("bf16", CPU, 300) == "bf16"
    assert processes.precision("fp32", CPU, 300) == processes.precision("fp32", CPU, 2) == "fp32"
    assert processes.precision("auto", CPU, 300) in ("bf16", "fp32")
    assert processes.precision("auto", CPU, 32) == "fp32"
    with pytest.raises(ConfigError, match="bf16 on a CPU needs 33 frames or more, not 32; use 'fp"):
        processes.precision("bf16", CPU, 32)
    assert processes.precision("bf16", torch.device("cuda"), 8) == "bf16"


def test_alone_a_process_is_the_first_of_one():
    model = nn.Linear(2, 2)
    assert processes.rank_and_world() == (0, 1) and processes.meet() is None
    assert processes.share_of(7, CPU) == 1.0 and processes.wrapped(model, CPU) is model
    with processes.joined("cpu") as device:
        assert device == "cpu" and processes.rank_and_world() == (0, 1)


def joining(rank, world, port, folder):
    """What torchrun's environment makes of a process."""
    os.environ |= {"WORLD_SIZE": str(world), "RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
    os.environ["MASTER_PORT"] = str(port)
    with processes.joined("cpu") as device:
        processes.meet()
        found = device, processes.rank_and_world(), processes.share_of(rank + 1, CPU)
    torch.save((*found, processes.rank_and_world()), f"{folder}/{rank}.pt")


def test_processes_that_torchrun_started_join(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [ranks.start(joining, rank, 2, port, str(tmp_path)) for rank in range(2)]
    for process in both:
        process.join(60)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert found == [("cpu", (0, 2), 2 / 3, (0, 1)), ("cpu", (1, 2), 4 / 3, (0, 1))]


# --- several as one ------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [(5, 5), (8, 2), (3, 2, 2, 3), (1, 5, 1, 3)])
def test_a_loss_and_its_gradient_are_those_of_one_process(tmp_path, shares):
    """Even shares, and uneven ones, where clips of a process could not be decoded."""
    found = ranks.together(ranks.loss_and_gradient, tmp_path, len(shares), shares)
    loss, gradient = ranks.loss_and_gradient(0, (10,))
    together = sum(share * own for share, (own, _) in zip(shares, found)) / 10
    assert together == pytest.approx(loss, abs=1e-5) and gradient.abs().max() > 0.01
    for _, own in found:
        torch.testing.assert_close(own, gradient, rtol=0, atol=1e-5)


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("broken", [(), (3, 7, 12)])
def test_the_loop_takes_the_same_steps_whatever_the_processes(
    tones, tmp_path, monkeypatch, world, broken
):
    monkeypatch.setattr(clips, "CACHE_LIMIT", 0)
    paths = [tmp_path / "none.wav" if i in broken else path for i, path in enumerate(tones)]
    found = clips_of(paths, tmp_path)
    weights, losses, counts = ranks.loop(0, found, tmp_path)
    together = ranks.together(ranks.loop, tmp_path, world, found, str(tmp_path))
    shares = torch.tensor([own for *_, own in together], dtype=torch.float64)
    own = torch.tensor([loss for _, loss, _ in together], dtype=torch.float64)
    assert shares.sum(0).tolist() == counts
    assert bool(broken) == (len(set(shares.flatten().tolist())) > 1)
    mean = (shares * own).sum(0) / shares.sum(0)
    assert mean.tolist() == pytest.approx(losses, abs=1e-5)
    start = ranks.Plain().layer.weight.detach()
    assert (weights - start).abs().max() > 1e-3
    for same, *_ in together:
        torch.testing.assert_close(same, weights, rtol=0, atol=1e-5)


def test_two_processes_keep_the_same_weights_and_are_resumed_to_the_bit(tones, tmp_path):
    """Each sees its half of a batch; a run that was stopped ends as one that was not."""
    folders = [tmp_path / name for name in ("whole", "cut")]
    for folder in folders:
        folder.mkdir()
    whole = ranks.together(ranks.pretraining, folders[0], 2, tones, str(folders[0]))
    stopped = ranks.together(ranks.pretraining, folders[1], 2, tones, str(folders[1]), 4)
    assert stopped == [None, None] and (folders[1] / "checkpoint.pt").exists()
    again = ranks.together(ranks.pretraining, folders[1], 2, tones, str(folders[1]))
    (one, losses), (two, other_losses) = whole
    trained = [key for key in one if "running" not in key and "num_batches" not in key]
    assert len(trained) > 20 and all(torch.equal(one[key], two[key]) for key in trained)
    assert losses != other_losses and len(losses) == 6
    for (weights, _), (resumed, _) in zip(whole, again):
        assert all(torch.equal(weights[key], resumed[key]) for key in trained)
    assert all(torch.equal(one[key], again[0][0][key]) for key in one)  # statistics too: it writes
    assert again[0][1] == losses
    alone, _ = run_small(tones, tmp_path / "alone")
    assert not same_bits(alone, _Weights(one))


class _Weights:
    """Weights in the place of a module."""

    def __init__(self, weights):
        self.weights = weights

    def state_dict(self):
        return self.weights


def test_one_run_of_two_processes_has_one_record_and_a_name_of_its_own(study, tmp_path):
    """On CPUs batch normalisation is each process's own, so that their number decides bits."""
    config = replace(TINY, epochs=1)
    (weights, record, name), other = ranks.together(ranks.trained, tmp_path, 2, config, study)
    assert record == other[1] and name == other[2] == record["run"]
    assert all(torch.equal(weights[key], other[0][key]) for key in weights)
    assert record["processes"] == 2 and record["steps"] == 4
    assert name != runs.run_name(config, study)
    assert runs.record_of(config, study) is None
