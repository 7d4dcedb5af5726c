"""The GPU benchmark's measure of waiting, on a clock of its own with data that are late."""

import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT

from asglib.batches import Batches
from asglib.config import Frontend, Pretraining
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.processes import Machine

sys.path.append(str(ROOT / "benchmarks"))
import noise  # noqa: E402
import throughput  # noqa: E402

STEP, LATE = 0.1, 0.4  # seconds of the clock below


class Clock:
    """Each look at it is a step's work later."""

    now = 0.0

    def perf_counter(self):
        self.now += STEP
        return self.now


def test_a_step_waits_as_long_as_its_data_are_late(tmp_path, monkeypatch):
    clock = Clock()

    class Late(Batches):
        def __getitem__(self, step):
            clock.now += LATE
            return super().__getitem__(step)

    monkeypatch.setattr(throughput, "CLIPS", 4)
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    monkeypatch.setattr(throughput, "Batches", Late)
    settings = change(METHODS["ASG"], head=(16, 8))
    size = {"batch": 4, "frames": 32, "epochs": 1, "warmup_epochs": 0, "clips_per_epoch": 32}
    shape = {"encoder": "tiny", "frontend": Frontend(window=256, n_fft=256)}
    config = Pretraining("ASG", settings, **shape, **size)
    found = throughput.measure(config, tmp_path, "cpu", 0)
    assert found["waits for data"] == pytest.approx(LATE / (STEP + LATE))
    assert found["views a second"] == pytest.approx(4 * 4 / (STEP + LATE))
    clips, here = (
        noise.clips([tmp_path / f"{i}.flac" for i in range(4)], False),
        torch.device("cpu"),
    )
    resident = throughput.Resident(Late(config, clips))
    seconds = throughput.seconds_a_step(config, resident, clips, Machine(here))
    assert seconds == pytest.approx(STEP)
