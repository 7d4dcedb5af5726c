"""The GPU benchmark's measure of waiting, with data that are late by a known time."""

import sys
import time

import torch
from conftest import ROOT

from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.processes import Machine

sys.path.append(str(ROOT / "benchmarks"))
import throughput  # noqa: E402

LATE = 0.5  # seconds: the machine may be busy


class Late(Batches):
    def __getitem__(self, step):
        time.sleep(LATE)
        return super().__getitem__(step)


def test_a_step_waits_as_long_as_its_data_are_late(tmp_path, monkeypatch):
    monkeypatch.setattr(throughput, "CLIPS", 4)
    settings = change(METHODS["ASG"], head=(16, 8))
    size = {"batch": 4, "frames": 32, "epochs": 1, "warmup_epochs": 0, "clips_per_epoch": 32}
    shape = {"encoder": "tiny", "frontend": Frontend(window=256, n_fft=256)}
    config = Pretraining("ASG", settings, **shape, **size)
    clips, here = throughput.corpus(tmp_path), Machine(torch.device("cpu"))
    steps = Late(config, clips)
    late = throughput.seconds_a_step(config, steps, clips, here)
    there = throughput.seconds_a_step(config, throughput.Resident(steps), clips, here)
    assert 0.8 * LATE < late - there < 1.5 * LATE
    found = throughput.measure(config, tmp_path, "cpu", 0)
    assert 0 <= found["waits for data"] < 1 and found["views a second"] > 4 * 4 / late
