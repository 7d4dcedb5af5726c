"""The command line as a user types it: bad input is one sentence and status 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asglib.__main__ import main
from asglib.study import experiment
from asglib.training import TrainingError

ROOT = Path(__file__).parents[1]


def asglib(*words, cwd=ROOT, **environment):
    clean = {key: value for key, value in os.environ.items() if key not in ("ASG_DATA", "ASG_RUNS")}
    done = subprocess.run(
        [sys.executable, "-m", "asglib", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=clean | {"PYTHONPATH": str(ROOT)} | environment,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words, sentence",
    [
        (
            ("reproduce", "--profile", "large"),
            "profile 'large' is unknown; use smoke, small, small-gpu, paper, rehearsal.",
        ),
        (
            ("reproduce", "--data", "/no/such/folder"),
            "the data root /no/such/folder does not exist",
        ),
        (("reproduce", "--profile", "smoke:one"), "seeds 'one': give them as 0,1,2."),
        (("reproduce", "--only", "77"), "There is no notebook '77'"),
        (("prepare", "fsdd"), "no data root is given"),
        (("pretrain", "--method", "BYOL"), "method 'BYOL' is unknown; the study has NONE, ST, FT"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, tmp_path):
    status, _, error = asglib(*words, ASG_RUNS=str(tmp_path))
    assert (
        status == 2
        and sentence in error
        and "Traceback" not in error
        and len(error.splitlines()) == 1
    )


@pytest.mark.parametrize(
    "error, status",
    [(TrainingError("the loss is nan at step 7."), 2), (RuntimeError("a defect"), None)],
)
def test_a_run_that_cannot_go_on_is_one_sentence_and_a_defect_is_none(
    error, status, monkeypatch, capsys, tmp_path
):
    def diverge(*rest):
        raise error

    monkeypatch.setattr(experiment, "trained", diverge)
    monkeypatch.setenv("ASG_RUNS", str(tmp_path))
    if status is None:
        with pytest.raises(RuntimeError, match="a defect"):
            main(["pretrain"])
    else:
        assert (
            main(["pretrain"]) == status
            and capsys.readouterr().err == "asglib: the loss is nan at step 7.\n"
        )


def test_more_processes_than_a_batch_can_feed_are_refused(tmp_path):
    status, _, error = asglib(
        "pretrain", "--profile", "rehearsal", ASG_RUNS=str(tmp_path), WORLD_SIZE="5"
    )
    assert (
        status == 2
        and error
        == "asglib: batch 8 cannot be shared by 5 processes: each needs two clips, so start at most 4.\n"
    )


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path):
    status, said, _ = asglib(
        "reproduce",
        "--only",
        "03",
        "--set",
        "WINDOW=3",
        "--out",
        str(tmp_path / "out"),
        ASG_RUNS=str(tmp_path / "runs"),
    )
    assert status == 2 and "has no parameter WINDOW; it has" in said
    assert not (tmp_path / "out").exists()


def test_a_dry_run_prints_every_run_and_runs_none(tmp_path):
    status, said, _ = asglib("reproduce", "--profile", "paper", "--dry-run", ASG_RUNS=str(tmp_path))
    assert status == 0 and "pretrain ASG linear, seed 0" in said and "left out for want of" in said
    asg = next(
        line for line in said.splitlines() if "pretrain ASG linear" in line and " audioset " in line
    )
    clips = 22_160 + 2_041_789  # the rows that the two training lists state in their headers
    assert str(clips) in asg and str(clips // 512 * 50) in asg
    assert not list(tmp_path.glob("pretrain-*"))
    esc = next(
        line
        for line in said.splitlines()
        if line.startswith("left out for want of esc50, 12 runs: ")
    )
    assert (
        "extract https://github.com/karoldvl/ESC-50" in esc
    )  # and not the 8 of an absent encoder beside it


def test_a_pretraining_shared_by_two_processes_is_one_run(tmp_path):
    """torchrun with two gloo processes; the record and the encoder are written once."""
    script = tmp_path / "shared.py"
    script.write_text(
        "import sys; sys.path.insert(0, {0!r}); sys.path.insert(0, {1!r})\n"
        "from test_experiment import *\nfrom asglib import distributed\n"
        "with distributed.processes('cpu'):\n"
        "    training.settle(1)\n"
        "    _, record = experiment.trained(TINY, Workspace(None, Path({2!r})))\n"
        "    (Path({2!r}) / (str(distributed.rank_and_world()[0]) + '.said')).write_text(str(record['steps']) + record['run'])\n".format(
            str(ROOT), str(ROOT / "tests"), str(tmp_path / "runs")
        )
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc_per_node",
            "2",
            "--master_port",
            "0",
            "--rdzv_backend",
            "c10d",
            "--rdzv_endpoint",
            "localhost:0",
            str(script),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    said = [
        path.read_text() for path in (tmp_path / "runs").glob("[01].said")
    ]  # two processes' prints may interleave
    assert done.returncode == 0 and len(said) == 2 and said[0] == said[1], done.stderr[-2000:]
    assert said[0].startswith("8pretrain-ASG-")
    assert len(list((tmp_path / "runs").glob("pretrain-*/encoder.safetensors"))) == 1
