"""Many runs: found, computed, shared between commands, and what stops some of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_study
import torch

from asglib.config import SENSITIVITY
from asglib.data.workspace import Workspace
from asglib.study import costs, plans, pool, runs
from asglib.study.cluster import StudyError
from asglib.study.profiles import PAPER
from asglib.study.worker import Unfit

ROOT = Path(__file__).parents[1]
FIRST = "ASG linear on toy-a/direction, frozen, seed 0"


@pytest.fixture(scope="module")
def wanted():
    """One encoder on two tasks, its sensitivity, the spectrogram, and two that must fail."""
    direction, order, *_ = tiny_study.runs()
    measured = replace(direction, task="", setting=SENSITIVITY)
    wrong = replace(direction.pretraining, batch=512)  # more than the corpus has clips
    spectrogram = replace(order, pretraining=None)
    return {
        "direction": direction,
        "order": order,
        "measured": measured,
        "spectrogram": spectrogram,
        "mel": replace(spectrogram, frontend=replace(order.frontend, n_mels=32)),
        "wrong encoder": replace(direction, pretraining=wrong),
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(None, tmp_path_factory.mktemp("runs"))


def test_what_is_missing_is_computed_and_what_cannot_be_is_named(workspace, wanted):
    said, able = [], [e for name, e in wanted.items() if name != "wrong encoder"]
    found, errors = pool.computed(able, replace(workspace, computes=False), progress=said.append)
    assert found == {} and said[-1] == f"5 runs: 0 found, 0 computed, 5 missing, the first {FIRST}"
    refused = f"5 of 5 records are missing ({FIRST} is the first): not computed"
    assert pool.failure(list(errors), 5, errors) == refused
    _, errors = pool.computed(list(wanted.values()), workspace, 2, said.append)
    assert errors.keys() == {wanted["wrong encoder"]}
    assert "fewer than one batch of 512" in errors[wanted["wrong encoder"]]
    assert said[-1].startswith("6 runs: 0 found, 5 computed, 1 missing, the first ASG linear")
    found, _ = pool.computed(able, workspace, progress=said.append)
    records = [found[e] for e in able]
    assert said[-1] == "5 runs: 5 found, 0 computed, 0 missing"
    assert [r["kind"] == SENSITIVITY for r in records] == [False, False, True, False, False]
    linear, mel = records[-2:]
    assert linear["predictions"] != mel["predictions"]  # computed one after the other


def test_available_says_what_is_left_out(workspace, wanted):
    direction = wanted["direction"]
    absent = [
        replace(direction, data_set="esc50", task="sound"),
        replace(direction, pretraining=replace(direction.pretraining, corpus="audioset")),
    ]
    able, reasons = pool.available([direction, *absent], workspace)
    assert able == [direction] and set(reasons) == {"esc50", "audioset"}


def test_the_cheapest_evaluation_comes_first_and_those_of_a_set_together(tmp_path):
    workspace = Workspace(None, tmp_path)
    runs_of_asg = [e for e in plans.evaluation(PAPER) if e.pretraining]
    found = {e: costs.cost(e, workspace) for e in runs_of_asg}
    tuned = max(cost for e, cost in found.items() if e.setting == "fine-tuned")
    assert tuned == max(found.values())
    sensitive = plans.sensitivity(PAPER)[0]
    assert costs.cost(sensitive, workspace) == 0 and costs.steps(sensitive, workspace) == 0


SHARED = """
import sys, time
from pathlib import Path
import tiny_study
from asglib.data.workspace import Workspace
from asglib.study import pool
Path(*sys.argv[1:]).touch()
while len(list(Path(sys.argv[1]).glob("ready*"))) < 2:
    time.sleep(0.01)
pool.computed(tiny_study.runs(), Workspace(None, Path(sys.argv[1])), workers=1)
"""


def test_two_commands_on_one_folder_share_the_work(tmp_path):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SHARED, str(tmp_path), f"ready{number}"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
        for number in range(2)
    ]
    said = [process.communicate(timeout=600)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [lines[-1] for lines in said] == ["4 runs: 0 found, 4 computed, 0 missing"] * 2
    trained = [
        {line.split(": ")[1].split()[0] for line in lines if ": pretrain" in line} for lines in said
    ]
    assert len(trained[0]) == len(trained[1]) == 1 and trained[0] != trained[1]


READ_ONLY = """
import sys
from pathlib import Path
import tiny_study
from asglib.data.workspace import Workspace
from asglib.study import pool, runs
workspace, wanted = Workspace(None, Path(sys.argv[1]), computes=False), tiny_study.runs()[:1]
print(len(pool.computed(wanted, workspace)[0]))
print(runs.trained(wanted[0].pretraining, workspace)[1]["kind"])
"""


def read_only(folder):
    """Takes the right to write from a folder and all below it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & 0o555)


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere"
)
def test_a_colleagues_folder_that_one_may_only_read_is_read(workspace, wanted, tmp_path):
    pool.computed([wanted["direction"]], workspace, progress=lambda line: None)
    shutil.copytree(workspace.runs, tmp_path / "runs")
    read_only(tmp_path / "runs")
    as_others = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [*as_others, sys.executable, "-c", READ_ONLY, str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.stdout.splitlines()[-2:] == ["1", "pretraining"], done.stderr
    assert (tmp_path / "runs").stat().st_mode & 0o222 == 0


def test_loader_processes_that_could_not_pass_on_what_they_read_are_told_before(
    wanted, tmp_path, monkeypatch
):
    encoder, workspace = wanted["direction"].pretraining, Workspace(None, tmp_path, workers=8)
    free = SimpleNamespace(free=2_000_000)
    monkeypatch.setattr(costs.shutil, "disk_usage", lambda path: free)
    costs.check_loaders([encoder], Workspace(None, tmp_path), 2)  # no loaders, nothing to pass on
    batch = 4 * 16 * 2 * 32 * 160  # bytes: clips, crops, frames, hop
    with pytest.raises(StudyError, match="16 processes") as error:
        costs.check_loaders([encoder], workspace, 2)
    assert f"need {(2 * 16 + 2) * batch / 1e9:.2f} GB" in str(error.value)
    assert "--shm-size" in str(error.value) and "ASG_LOADERS=0" in str(error.value)
    free.free = (2 * 16 + 2) * batch
    costs.check_loaders([encoder], workspace, 2)
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 140)
    with pytest.raises(StudyError, match="is too long for the sockets .* set TMPDIR=/tmp"):
        costs.check_loaders([encoder], workspace, 1)


def test_runs_share_the_cores_for_the_processes_that_read_audio(wanted, tmp_path, monkeypatch):
    seen = []

    class NoCrew:
        def __init__(self, compute, jobs, workspace, size):
            seen.append((workspace.workers, size))

        def finish(self, progress):
            return {}

    monkeypatch.setattr(pool, "Crew", NoCrew)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(6))
    two = [wanted["direction"], wanted["spectrogram"]]
    pool.computed(two, Workspace(None, tmp_path, workers=8), 2, lambda line: None)
    pool.computed(two, Workspace(None, tmp_path), 2, lambda line: None)
    assert seen == [(3, 2), (0, 2)]


@pytest.mark.parametrize(("device", "processes"), [("cuda", 1), ("cuda", 2), ("cpu", 2)])
def test_a_command_whose_workers_name_its_runs_otherwise_is_refused(
    wanted, tmp_path, monkeypatch, device, processes
):
    """On CPUs the number of processes is in a run's name: a head node would never find it."""
    monkeypatch.setenv("ASG_DEVICE", device)  # of the node of the workers
    monkeypatch.setattr(pool, "compute", lambda runs, workspace, tell: workspace.device)
    run = wanted["direction"].pretraining
    head = Workspace(None, tmp_path, processes=processes)
    names = {runs.run_name(run, where) for where in (head, replace(head, device=device))}
    if len(names) == 1:
        assert pool.compute_there([run], head, print) == device
        return
    told = "on cpu and its workers on cuda, where a run of 2 processes has another name"
    with pytest.raises(Unfit, match=told):
        pool.compute_there([run], head, print)


def test_a_long_tmpdir_is_no_matter_without_loaders(workspace, wanted, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    more = replace(wanted["order"], task="register")
    assert len(pool.computed([more], workspace, 1, lambda line: None)[0]) == 1
    assert runs.record_of(more, workspace)["task"] == "register"


def test_a_gpu_that_others_fill_is_a_sentence_with_the_bytes_that_are_missing(monkeypatch):
    gib = 1024**3
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (1 * gib, 80 * gib))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda: 9 * gib)

    def step():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has")

    said = pool._error(step)
    assert (
        f"the GPU lacks {2 * gib:,} bytes: of its {80 * gib:,} this run holds {9 * gib:,}" in said
    )
    assert f"other processes {70 * gib:,}" in said and "CUDA_VISIBLE_DEVICES" in said


def test_memory_of_the_run_before_is_given_back(wanted, tmp_path, monkeypatch):
    """A network that refers to itself is there until it is collected, and so is its memory."""
    network, given = torch.nn.Identity(), []
    network.itself, left = [network], weakref.ref(network)
    del network
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: given.append(left() is None))
    list(pool.compute([wanted["wrong encoder"]], Workspace(None, tmp_path), print))
    assert given == [True]
