"""Runs: what names them, what finds them again, what stops them, and what a broken file does to them."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from asglib import config, training
from asglib.config import ConfigError, Downstream, Evaluation, Frontend, Pretraining
from asglib.data import corpus
from asglib.data import index as datasets
from asglib.data.workspace import Workspace
from asglib.study import experiment, plans, pool, provenance, runs

TINY = Pretraining(
    corpus="toy-a",
    frames=32,
    encoder="tiny",
    head=(32, 16),
    batch=16,
    epochs=2,
    warmup_epochs=1,
    clips_per_epoch=64,
    precision="fp32",
    frontend=Frontend(window=256, n_fft=256),
)
QUICK = Downstream(epochs=3, drop_epoch=2)
ROOT = Path(__file__).parents[1]


def evaluated(task="direction", pretraining=TINY, setting="frozen", **changes):
    return Evaluation(pretraining, "toy-a", task, setting, QUICK, 0, TINY.frontend, **changes)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    training.settle(1)
    return Workspace(None, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def finished(place):
    return experiment.Evaluator(TINY, place)(evaluated())


def essence(record):
    """What a second computation must give again to the bit: all but time and place."""
    return {
        key: value
        for key, value in record.items()
        if "seconds" not in key and key not in ("finished", "commit")
    }


def test_a_limited_task_draws_the_same_few_clips_of_each_split(place):
    """Clips that are not drawn are neither trained on, nor tested, nor read."""
    whole = corpus.load("toy-a", place)
    few, again = whole.drawn(20), whole.drawn(20)
    assert whole.drawn(None) is whole and few.frame.equals(again.frame)
    counts = whole.frame.split.value_counts().clip(upper=20)
    assert few.frame.split.value_counts().to_dict() == counts.to_dict() and set(
        few.frame.path
    ) < set(whole.frame.path)
    assert list(few.frame.path) == [
        path for path in whole.frame.path if path in set(few.frame.path)
    ]
    limited = replace(evaluated(), training=replace(QUICK, max_clips=20))
    record = experiment.Evaluator(TINY, place)(limited)
    assert (record["counts"]["train"], record["counts"]["test"]) == (20, 20) and len(
        record["clips"]
    ) == 20
    assert set(record["clips"]) <= set(few.frame.path) and runs.run_name(
        limited, place
    ) != runs.run_name(evaluated(), place)


def test_a_run_is_found_again_and_is_the_same_when_made_anew(place, finished, tmp_path):
    folder = place.runs / finished["run"]
    before = (folder / "record.json").stat().st_mtime_ns
    assert experiment.Evaluator(TINY, place)(evaluated()) == finished
    assert (folder / "record.json").stat().st_mtime_ns == before
    again = Workspace(None, tmp_path / "other")
    assert essence(experiment.Evaluator(TINY, again)(evaluated())) == essence(finished)
    one, two = (
        load_file(p.runs / finished["pretraining"] / "encoder.safetensors") for p in (place, again)
    )
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_record_says_what_a_table_needs(place, finished):
    assert finished["value"] == np.mean(finished["correct"])
    assert finished["correct"] == [
        int(a == b) for a, b in zip(finished["labels"], finished["predictions"])
    ]
    assert finished["counts"]["train"] == 192 and finished["counts"]["test"] == 192 == len(
        finished["clips"]
    )
    folder = place.runs / finished["run"]
    assert {"config.json", "environment.json", "record.json"} <= {
        path.name for path in folder.iterdir()
    }
    trained = json.loads((place.runs / finished["pretraining"] / "record.json").read_text())
    assert trained["steps"] == 8 == len(trained["log"]["loss"]) and trained["clips"] == 192
    assert len(trained["curves"]["SF"]) == len(trained["shifts"]) and trained["curves"]["SF"][
        0
    ] == pytest.approx(1, abs=1e-5)


def test_every_field_of_the_configuration_names_another_run(place):
    name = runs.run_name(TINY, place)
    others = [
        replace(TINY, seed=1),
        replace(TINY, temperature=0.2),
        replace(TINY, method="NONE"),
        replace(TINY, epochs=3),
        replace(TINY, positives=replace(TINY.positives, noise_max=0.01)),
        replace(TINY, corpus="toy-b"),
        replace(TINY, frontend=replace(TINY.frontend, floor=1e-5)),
    ]
    assert len({name, *(runs.run_name(other, place) for other in others)}) == len(others) + 1


def test_only_what_depends_on_a_field_is_run_again(place):
    """One changed field of the smoke profile: which of its runs get another name."""

    def names(profile):
        found = plans.everything(profile)
        return {runs.run_name(e, place) for e in found} | {
            runs.run_name(e.pretraining, place) for e in found if e.pretraining
        }

    smoke = replace(config.SMOKE, seeds=(0,))
    before = names(smoke)
    tuned = before - names(replace(smoke, fine_tuning=replace(smoke.fine_tuning, lr=2e-3)))
    assert tuned and all(json_setting(name, smoke, place) == "fine-tuned" for name in tuned)
    frozen = before - names(replace(smoke, frozen=replace(smoke.frozen, lr=2e-3)))
    assert frozen and all(json_setting(name, smoke, place) == "frozen" for name in frozen)
    assert not any(name.startswith("pretrain") for name in tuned | frozen)
    mel = before - names(replace(smoke, n_mels=48))
    assert {name for name in mel if name.startswith("pretrain")} == {
        runs.run_name(plans.pretraining(smoke, method, 0, mel=True), place)
        for method in ("untrained", "NONE", "ASG")
    }
    every = before - names(replace(smoke, pretraining=replace(smoke.pretraining, temperature=0.2)))
    assert before - every == {
        runs.run_name(e, place) for e in plans.everything(smoke) if e.pretraining is None
    }


def json_setting(name, profile, place):
    return {runs.run_name(e, place): e.setting for e in plans.everything(profile)}[name]


def test_another_code_is_another_run_and_another_comment_is_not(place, monkeypatch, tmp_path):
    for room in provenance.CONTRASTIVE + ("evaluation",):
        (tmp_path / room).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "asglib" / f"{room}.py", tmp_path / f"{room}.py")
    version = provenance.code_version.__wrapped__
    before = version(provenance.CONTRASTIVE)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    loss = tmp_path / "loss.py"
    text = loss.read_text()
    loss.write_text(
        "# a comment\n" + text.replace("The mean of equation 2", "The average of equation 2")
    )
    assert version(provenance.CONTRASTIVE) == before
    loss.write_text(text.replace("/ temperature", "* temperature"))
    assert version(provenance.CONTRASTIVE) != before


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from test_experiment import *
training.settle(1)
record = experiment.Evaluator(TINY, Workspace(None, Path({runs!r})))(evaluated())
print(record["run"], flush=True)
"""


def child(folder, limit=None):
    code = CHILD.format(tests=str(ROOT / "tests"), runs=str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_two_processes_that_ask_for_one_run_do_it_once(tmp_path, finished):
    both = [child(tmp_path), child(tmp_path)]
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0] == finished["run"] + "\n"
    assert essence(json.loads((tmp_path / finished["run"] / "record.json").read_text())) == essence(
        finished
    )
    assert not list(tmp_path.rglob(".*.record.json"))


@pytest.mark.parametrize("seconds", [5.0, 7.0])
def test_a_killed_batch_ends_as_if_it_had_not_been(tmp_path, finished, seconds):
    process = child(tmp_path)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text())  # whatever has its name is whole
    again = child(tmp_path)
    said = again.communicate(timeout=240)
    assert again.returncode == 0, said
    assert essence(json.loads((tmp_path / finished["run"] / "record.json").read_text())) == essence(
        finished
    )


def test_a_full_disk_leaves_nothing_half_written(tmp_path, finished):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (300_000, 300_000)
        )  # a file may not grow beyond: errno EFBIG

    process = child(tmp_path, limit)
    out, error = process.communicate(timeout=240)
    assert process.returncode != 0 and "OSError" in error
    assert not list(tmp_path.rglob("record.json")) and not list(tmp_path.rglob("*.f32"))
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    again = child(tmp_path)
    assert again.communicate(timeout=240)[0] == finished["run"] + "\n"


def test_the_supervised_model_and_fine_tuning_have_records(place):
    supervised = replace(TINY, method="Sup.")
    record = experiment.Evaluator(supervised, place)(
        evaluated(pretraining=supervised, setting="fine-tuned")
    )
    assert (
        record["method"] == "Sup."
        and record["setting"] == "fine-tuned"
        and 0 <= record["value"] <= 1
    )


def test_the_spectrogram_itself_tells_the_register(place):
    record = experiment.Evaluator(None, place)(
        replace(evaluated("register", None), training=Downstream(epochs=40))
    )
    assert (
        record["method"] == "spectrogram" and record["value"] > 0.6
    )  # eight registers: chance is an eighth


def test_joint_labels_put_set_after_set(place):
    both = corpus.load("toy-a+toy-b", place)
    targets, classes, multi = experiment.joint_labels(both, both.frame)
    assert (classes, multi) == (6, False)
    a = both.frame.data_set == "toy-a"
    assert set(targets[a.to_numpy()].tolist()) == {0, 1, 2} and set(
        targets[~a.to_numpy()].tolist()
    ) == {3, 4, 5}


@pytest.fixture
def digits(tmp_path):
    """The first speaker's recordings 0 to 9 of the real Free Spoken Digits, as copies that a test may break."""
    data = Path(os.environ.get("ASG_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "free-spoken-digit-dataset").is_dir():
        pytest.skip("Free Spoken Digits is not there; set ASG_DATA to the folder that holds it")
    folder = tmp_path / "data" / "free-spoken-digit-dataset" / "recordings"
    folder.mkdir(parents=True)
    for path in (data / "free-spoken-digit-dataset" / "recordings").glob("*_george_[0-9].wav"):
        shutil.copyfile(path, folder / path.name)
    return folder


def test_broken_files_are_skipped_counted_and_listed(digits, tmp_path):
    hidden, text, nan, short = (digits / f"{d}_george_7.wav" for d in range(4))
    hidden.unlink()
    text.write_text("this is no sound")
    soundfile.write(nan, np.full(800, np.nan, np.float32), 8_000, "FLOAT")
    soundfile.write(short, np.full(80, 0.1), 8_000)  # 10 ms
    soundfile.write(digits / "4_george_7.wav", np.full((4_800, 2), 0.1), 48_000)  # stereo
    (digits / "5_george_7.wav").write_bytes(b"")
    place = Workspace(tmp_path / "data", tmp_path / "runs")
    run = replace(TINY, corpus="fsdd", clips_per_epoch=32)
    record = experiment.Evaluator(run, place)(
        Evaluation(run, "fsdd", "digit", "frozen", QUICK, 0, TINY.frontend)
    )
    assert record["counts"]["train"] + record["counts"]["test"] == 100 - 4
    skipped = {Path(item["path"]).name: item["reason"] for item in record["counts"]["skipped"]}
    assert set(skipped) == {text.name, nan.name}
    assert "cannot be decoded" in skipped[text.name] and "not finite" in skipped[nan.name]
    assert record["counts"]["missing"] >= 2  # the hidden one and the empty one


def test_runs_are_the_clones_wherever_a_kernel_is_started(tmp_path, monkeypatch):
    """JupyterLab starts kernels in notebooks/: there make reproduce's runs must be found and not computed anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASG_RUNS", raising=False)
    assert Workspace.here().runs == ROOT / "runs" == Workspace().runs
    monkeypatch.setenv("ASG_RUNS", "elsewhere")
    assert Workspace.here().runs == Path("elsewhere")


def test_what_is_not_there_is_told_in_one_sentence(place, tmp_path):
    with pytest.raises(ConfigError, match="data set 'birdsong' is unknown; the study has audioset"):
        corpus.load("birdsong", place)
    with pytest.raises(datasets.DataError, match="no data root is given; set ASG_DATA"):
        corpus.load("fsdd", place)
    (tmp_path / "free-spoken-digit-dataset").mkdir()
    with pytest.raises(datasets.DataError, match="is empty"):
        corpus.load("fsdd", Workspace(tmp_path, tmp_path / "runs"))
    with pytest.raises(
        ConfigError, match="toy-a has no task 'smell'; it has pattern, register, direction, order"
    ):
        experiment.Evaluator(TINY, place)(evaluated("smell"))
