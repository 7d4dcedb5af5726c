"""The command line as a user types it: bad input is one sentence and status 2."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from conftest import noise, write

from asglib.__main__ import main, parser
from asglib.data.workspace import Workspace
from asglib.study import build, questions, runs
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


@pytest.fixture(autouse=True)
def own_environment():
    """Commands speak to the notebooks' kernels through the environment; no test hears another."""
    with mock.patch.dict(os.environ):
        for name in "DATA RUNS DEVICE PROCESSES LOADERS COMPILE COMPUTE WORKERS".split():
            os.environ.pop(f"ASG_{name}", None)
        yield


REFUSED = {
    "reproduce --profile large": "profile 'large' is unknown; use smoke, small",
    "reproduce --profile smoke:one": "seeds 'one': give them as 0,1,2",
    "reproduce --profile smoke:1,1": "seeds '1,1': give each once",
    "reproduce --seeds 0,0,1": "seeds '0,0,1': give each once",
    "reproduce --seeds 01,1": "seeds '01,1': give each once",
    "reproduce --seeds 0,-1": "seeds '0,-1': give them as 0,1,2",
    "reproduce --data /no/such/folder": "the data root /no/such/folder does not exist",
    "reproduce --processes 0": "'0' is no whole number from 1 on",
    "reproduce --device gpu": "device 'gpu' is unknown; use cpu, cuda or cuda:1",
    "reproduce --device cuda:99": "device 'cuda:99' is not there: torch finds",
    "reproduce --scheduler head:8786": "'head:8786' is no address of a scheduler; give one",
    "work tcp://head:65536": "'tcp://head:65536' is no address of a scheduler; give one",
    "reproduce --workers 0": "'0' is no whole number from 1 on",
    "reproduce --views-per-second 0": "'0' is no whole number from 1 on",
    "reproduce --out README.md": "README.md is none",
    "reproduce --runs README.md/runs": "README.md is none",
    "reproduce --only 77": "There is no notebook '77'",
    "reproduce --set CLIP": "'CLIP' is no NAME=VALUE",
    "reproduce --set CLIP=99999 --only 02": "CLIP=99999 is out of range; give 0 to 383",
    "reproduce --set CLIP=1.5 --only 01": "CLIP=1.5 is no int; the notebook has 44",
    "prepare '' --data tests": "name is empty: give it a value or leave it out",
    "prepare fsdd --data ''": "'' cannot be a folder: it is none",
    "prepare fsdd --data tests --convert ''": "'' cannot be a folder: it is none",
    "reproduce --runs ''": "'' cannot be a folder: it is none",
    "reproduce --out ''": "'' cannot be a folder: it is none",
    "reproduce --only 02 ''": "only is empty",
    "reproduce --seeds ''": "seeds is empty",
    "pretrain --corpus ''": "corpus is empty",
    "pretrain --corpus ' '": "corpus is empty",
    "embed '' --encoder e --out t": "files is empty",
    "embed a.wav --encoder '' --out t": "encoder is empty",
    "embed a.wav --encoder e --out ''": "out is empty",
    "export e --out ''": "out is empty",
    "card --out ''": "out is empty",
    "check ''": "folder is empty",
    "reproduce --fast": "unrecognized arguments: --fast",
    "prepare fsdd": "no data root is given",
    "prepare fsdd --workers two": "'two' is no whole number from 1 on",
    "pretrain --seed -1": "'-1' is no whole number from 0 on",
    "embed a.wav --encoder no/such --out t": "no/such: there is no such file; give an encoder",
    "embed --encoder e --out t": "the following arguments are required: FILE",
    "embed a.wav --out t": "the following arguments are required: --encoder",
    "embed a.wav --encoder e --out t --seconds inf": "'inf' is no number of seconds",
    "export README.md --out m": "README.md: is no whole encoder of asglib",
    "card --method BYOL": "method 'BYOL' is unknown; the study has NONE, ST, FT",
    "card --profile nonsense": "profile 'nonsense' is unknown; use smoke, small",
    "card --profile smoke": "There are no records at",
    "pretrain --method BYOL": "method 'BYOL' is unknown; the study has NONE, ST, FT",
}


@pytest.mark.parametrize("words", REFUSED)
def test_bad_input_is_one_sentence_before_any_work(words, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ASG_RUNS", str(tmp_path))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(build, "reproduce", lambda *rest, **more: pytest.fail("nothing may run"))
    assert status_of(shlex.split(words)) == 2
    said, error = capsys.readouterr()
    assert REFUSED[words] in error and error.startswith("asglib: ")
    assert said == "" and len(error.splitlines()) == 1 and os.listdir(tmp_path) == []


def status_of(words: list[str]) -> int:
    """What main returns, or the status with which argparse leaves."""
    try:
        return main(words)
    except SystemExit as left:
        return left.code


def test_a_refusal_leaves_with_status_2():
    status, said, error = asglib("reproduce", "--workers", "0")
    assert (status, said) == (2, "") and len(error.splitlines()) == 1


def test_relative_folders_are_made_absolute_at_the_door(monkeypatch, capsys, tmp_path):
    (tmp_path / "my data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASG_DATA", "my data")
    monkeypatch.setenv("ASG_RUNS", "elsewhere")
    seen = []
    monkeypatch.setattr(build, "reproduce", lambda *rest, **more: seen.append(rest[2]) or 0)
    assert main(["reproduce", "--only", "02", "--runs", "runs", "--out", "html"]) == 0
    assert os.environ["ASG_DATA"] == str(tmp_path / "my data")
    assert os.environ["ASG_RUNS"] == str(tmp_path / "runs")
    assert seen == [tmp_path / "html"]
    monkeypatch.setenv("ASG_RUNS", "elsewhere")
    assert main(["reproduce", "--only", "02"]) == 0
    assert os.environ["ASG_RUNS"] == str(tmp_path / "elsewhere")


def test_an_option_given_twice_counts_twice():
    words = [
        "reproduce",
        "--only",
        "05",
        "--only",
        "06",
        "07",
        "--set",
        "CLIP=1",
        "--set",
        "SEED=2",
    ]
    options = parser().parse_args(words)
    assert options.only == ["05", "06", "07"]
    assert [name for name, _ in options.set] == ["CLIP", "SEED"]
    assert parser().parse_args(["reproduce"]).set == []


@pytest.mark.parametrize(("profile", "written"), [("smoke", False), ("small", True)])
def test_only_evidence_goes_into_the_readme(profile, written, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("asglib.__main__.ROOT", tmp_path)
    monkeypatch.setattr("asglib.study.publish.publish", lambda *given: 18)
    monkeypatch.setattr("asglib.study.scorecard.write_readme", lambda *given: seen.append(given))
    (tmp_path / "reports" / "html").mkdir(parents=True)
    assert main(["publish", "--profile", profile, "--runs", str(tmp_path / "runs")]) == 0
    assert bool(seen) == written
    assert ("README's scorecard stays" in capsys.readouterr().out) != written


def test_the_clips_that_can_be_asked_for_are_those_of_the_embedded_corpus(tmp_path):
    _, rows = questions.toy_clips(Workspace(None, tmp_path), "test")
    assert len(rows) == 383 + 1


@pytest.fixture
def make(tmp_path):
    """Run a target with a program in Python's place that says how it was called."""
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\nprintf \'[%s]\' "$@" "$ASG_DATA"\necho\n')
    program.chmod(0o755)

    def run(*words, **environment):
        done = subprocess.run(
            ["make", "-s", "-o", ".venv/done", f"PYTHON={program}", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]} | environment,
        )
        return done.stdout.splitlines()[0] if done.returncode == 0 else "refused"

    return run


def test_make_hands_its_values_on_as_they_are(make, tmp_path):
    odd = tmp_path / 'my d\'ata; touch planted "$HOME"'
    odd.mkdir()
    plain = "[-m][asglib][reproduce][--profile][smoke]"
    assert make("reproduce") == f"{plain}[]"
    assert make("reproduce", DATA=str(odd)) == f"{plain}[--data][{odd}][]"
    assert make("reproduce", f"DATA={odd}") == f"{plain}[--data][{odd}][]"
    address = "tcp://head:8786"
    assert make("reproduce", SCHEDULER=address) == f"{plain}[--scheduler][{address}][]"
    said = make("reproduce", "PROFILE=small; touch planted", "ONLY=05 06; touch planted $(x) *")
    words = "[--only][05][06;][touch][planted][$(x)][*]"
    assert said == f"[-m][asglib][reproduce][--profile][small; touch planted]{words}[]"
    lab = "[-m][jupyterlab][notebooks]"
    assert make("lab", f"DATA={odd}") == f"{lab}[{odd}]"
    assert make("lab", "LAB=--a; touch planted") == f"{lab}[--a;][touch][planted][]"
    assert make("lab", ASG_DATA="tests") == f"{lab}[{ROOT / 'tests'}]"
    assert make("lab", "DATA=/no/such") == "refused"
    assert not (ROOT / "planted").exists()


@pytest.mark.parametrize(
    "error, status",
    [(TrainingError("the loss is nan at step 7."), 2), (RuntimeError("a defect"), None)],
)
def test_a_run_that_cannot_go_on_is_one_sentence_and_a_defect_is_none(
    error, status, monkeypatch, capsys, tmp_path
):
    def diverge(*rest):
        raise error

    monkeypatch.setattr(runs, "trained", diverge)
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
        == "asglib: batch 8 cannot be shared by 5 processes: each needs two clips, "
        "so start at most 4.\n"
    )


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path):
    status, _, said = asglib(
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
    absent = [line for line in said.splitlines() if line.startswith("left out for want of ")]
    esc = next(line for line in absent if line.startswith("left out for want of esc50, "))
    assert "extract https://github.com/karoldvl/ESC-50" in esc
    all_runs = int(re.search(r"^(\d+) runs: 0 done", said, re.M)[1])
    counts = [int(re.search(r", (\d+) runs: ", line)[1]) for line in absent]
    assert max(counts) <= all_runs  # a run that wants a set twice counts once


SHARED = """
import sys
from dataclasses import replace
from pathlib import Path

from asglib import processes
from asglib.data.workspace import Workspace
from asglib.study import plans, profiles, runs

folder = Path(sys.argv[1])
run = plans.pretraining(profiles.profile("smoke"), "ASG", 0)
run = replace(run, corpus="toy-a", batch=16, epochs=2, clips_per_epoch=64)
with processes.joined("cpu"):
    processes.settle(1)
    _, record = runs.trained(run, Workspace(None, folder))
    rank, _ = processes.rank_and_world()
    (folder / f"{rank}.said").write_text(f"{record['steps']} {record['run']}")
"""


def test_a_pretraining_shared_by_two_processes_is_one_run(tmp_path):
    """torchrun with two gloo processes; the record and the encoder are written once."""
    script, folder = tmp_path / "shared.py", tmp_path / "runs"
    script.write_text(SHARED)
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
            str(folder),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    said = [
        path.read_text() for path in folder.glob("[01].said")
    ]  # two processes' prints may interleave
    assert done.returncode == 0 and len(said) == 2 and said[0] == said[1], done.stderr[-2000:]
    assert said[0].startswith("8 pretrain-ASG-")
    assert len(list(folder.glob("pretrain-*/encoder.safetensors"))) == 1


@pytest.mark.parametrize(
    "name", ["ASG_PROCESSES", "ASG_LOADERS", "ASG_COMPILE", "ASG_COMPUTE", "ASG_WORKERS"]
)
def test_a_number_that_the_environment_says_is_checked_too(monkeypatch, capsys, name):
    monkeypatch.setenv(name, "many")
    assert main(["doctor"]) == 2
    assert "'many' is no whole number from" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "computes"), [(["--found"], False), ([], True)])
def test_found_computes_nothing_here_nor_in_the_kernels(monkeypatch, tmp_path, words, computes):
    asked = []
    monkeypatch.setattr(build, "reproduce", lambda *given: asked.append(given[5]) or 0)
    assert main(["reproduce", "--runs", str(tmp_path), *words]) == 0
    assert [asked[0].computes, Workspace.here().computes] == [computes, computes]


def test_a_pretraining_says_what_it_could_not_use(tmp_path, monkeypatch, capsys):
    """Of one's own recordings: they stood in the record only."""
    folder = tmp_path / "birds"
    for number in range(33):
        write(folder / f"{number}.wav", noise(9_000, number))
    (folder / "text.wav").write_text("no sound")
    (folder / "empty.wav").write_bytes(b"")
    monkeypatch.setenv("ASG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("ASG_DEVICE", "cpu")
    words = ["pretrain", "--method", "untrained", "--corpus", str(folder)]
    assert main(words) in (None, 0)
    *_, skipped, missing, last = capsys.readouterr().out.splitlines()
    assert skipped.startswith(f"birds: 1 skipped clip, the first {folder / 'text.wav'} (")
    assert missing == "birds: 1 clip missing or empty." and last.startswith("pretrain-untrained-")


def test_a_folders_name_may_end_as_a_shell_completes_it():
    assert parser().parse_args(["prepare", "birds/"]).name == "birds"
