"""Runs: what names them, what finds them again, and what a damaged file or a kill does to them."""

import dataclasses
import json
import multiprocessing
import resource
import shutil
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import ranks
import torch
from conftest import QUICK, ROOT, TINY, asked, damage, essence, same_bits, write
from digits import digits, recording
from torch.backends import cudnn

from asglib import config, encoder
from asglib.config import SENSITIVITY, Downstream, Evaluation, Frontend, Positives, Pretraining
from asglib.data import corpus
from asglib.data.index import DATASETS
from asglib.data.workspace import Workspace
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.study import embedded, identity, names, plans, runs
from asglib.study.evaluator import Evaluator
from asglib.study.profiles import SMOKE

# --- names ---------------------------------------------------------------------------------------

CHANGED = {
    "method": "FT",
    "settings": change(METHODS["ASG"], temperature=0.2),
    "corpus": "toy-b",
    "seed": 1,
    "frames": 40,
    "encoder": "resnet18",
    "batch": 8,
    "epochs": 3,
    "warmup_epochs": 0,
    "optimizer": "adamw",
    "lr_per_256": 0.1,
    "weight_decay": 0.0,
    "momentum": 0.8,
    "clips_per_epoch": 32,
    "precision": "bf16",
    "frontend": Frontend(window=256, n_fft=256, floor=1e-5),
}
OF_ASG = {
    "moves": ("FT",),
    "min_scroll": 31,
    "temperature": 0.2,
    "head": (32, 8),
    "positives": Positives(noise_max=0.02),
}
OF_TRAINING = {
    "epochs": 4,
    "drop_epoch": 1,
    "batch": 32,
    "lr": 2e-3,
    "max_frames": 40,
    "hidden": 8,
    "overlap": 0.5,
    "aggregate": "naive Bayes",
    "last": 1,
    "max_clips": 20,
    "folds": True,
}


def names_of(configs, workspace):
    return [runs.run_name(each, workspace) for each in configs]


def test_every_field_of_a_pretraining_changes_its_name(study):
    assert set(CHANGED) == {field.name for field in dataclasses.fields(Pretraining)}
    assert set(OF_ASG) == {field.name for field in dataclasses.fields(TINY.settings)}
    others = [replace(TINY, **{name: value}) for name, value in CHANGED.items()]
    for name, value in OF_ASG.items():
        others.append(replace(TINY, settings=change(TINY.settings, **{name: value})))
    found = names_of([TINY, *others], study)
    assert len(set(found)) == len(found) and names_of([TINY], study) == found[:1]
    assert all(name.startswith("pretrain-ASG-") for name in found if name != found[1])


def test_every_field_of_an_evaluation_changes_its_name_and_the_encoders_too(study):
    assert set(OF_TRAINING) == {field.name for field in dataclasses.fields(Downstream)}
    others = [asked(training=replace(QUICK, **{key: value})) for key, value in OF_TRAINING.items()]
    others += [asked(seed=1), asked("order"), asked(setting="fine-tuned"), asked(pretraining=None)]
    others += [asked(pretraining=replace(TINY, seed=1)), asked(data_set="toy-b")]
    others += [asked("", setting=SENSITIVITY)]
    found = names_of([asked(), *others], study)
    assert len(set(found)) == len(found)


def test_the_folds_of_the_clips_are_in_the_name_where_they_decide(study, monkeypatch):
    whole, found = corpus.load("toy-a", study), []
    for fold in (whole.rows.index % 3, whole.rows.index % 2):
        other = replace(whole, rows=whole.rows.assign(fold=fold))
        monkeypatch.setattr(names, "load", lambda sets, workspace, other=other: other)
        configs = [asked(training=replace(QUICK, folds=folds)) for folds in (True, False)]
        found.append(names_of(configs, study))
    (folded, usual), (other_folds, still) = found
    assert folded != other_folds and usual == still


def test_kinds_of_settings_with_the_same_numbers_are_told_apart(study, monkeypatch):
    before = runs.run_name(TINY, study)
    other = type("Others", (type(TINY.settings),), {})(**vars(TINY.settings))
    assert runs.run_name(replace(TINY, settings=other), study) != before


def test_another_code_is_another_run(study, monkeypatch):
    """Of the trained encoder for both; of the evaluation for the evaluation alone."""
    found = {}
    version = names.code_version
    for entry in ("none", "asglib.training", "asglib.evaluation"):

        def changed(*modules, entry=entry):
            return version(*modules) + ("changed" if entry in modules else "")

        monkeypatch.setattr(names, "code_version", changed)
        found[entry] = names_of([TINY, asked(), asked("", setting=SENSITIVITY)], study)
    plain, training, evaluation = found.values()
    assert all(one != other for one, other in zip(plain, training))
    assert evaluation[0] == plain[0] and evaluation[1] != plain[1] and evaluation[2] == plain[2]
    assert version is identity.code_version


def test_the_encoders_run_is_in_the_names_of_its_evaluations(study, monkeypatch):
    """Also where its configuration is the same: another code or corpus made it."""
    before, run_name = runs.run_name(asked(), study), names.run_name

    def other(each, workspace):
        return run_name(each, workspace) + ("x" if isinstance(each, Pretraining) else "")

    monkeypatch.setattr(names, "run_name", other)
    assert run_name(asked(), study) != before


def test_the_sound_of_impulse_responses_is_in_the_name(study, tmp_path):
    response = np.zeros(400)
    response[[0, 90]] = 1, 0.5
    write(tmp_path / "a.wav", response)
    positives = replace(TINY.settings.positives, rir_bank=str(tmp_path))
    of_a_folder = replace(TINY, settings=change(TINY.settings, positives=positives))
    before = runs.run_name(of_a_folder, study)
    assert before != runs.run_name(TINY, study)
    response[120] = 0.3
    write(tmp_path / "a.wav", response)
    names._sound.cache_clear()
    assert runs.run_name(of_a_folder, study) != before
    untouched = replace(TINY, method="Sup.", settings=METHODS["Sup."])
    assert METHODS["Sup."].rir_bank is None and runs.run_name(untouched, study)


@pytest.fixture
def spoken(tmp_path, study):
    """A workspace with recordings of ten digits, and its runs' names read anew each time."""
    shutil.copytree(study.cache, tmp_path / "runs/cache", ignore=shutil.ignore_patterns("waves"))
    return Workspace(digits(tmp_path / "data"), tmp_path / "runs")


def of_digits(workspace):
    """The names of a pretraining, of a supervised one, and of an evaluation on digits."""
    corpus.load.cache_clear()
    asg = replace(TINY, corpus="fsdd")
    supervised = replace(asg, method="Sup.", settings=METHODS["Sup."])
    tested = Evaluation(None, "fsdd", "digit", "frozen", QUICK, 0, TINY.frontend)
    return names_of([asg, supervised, tested], workspace)


def test_a_removed_test_file_renames_evaluations_and_no_pretraining(spoken):
    before = of_digits(spoken)
    recording(spoken.data, "3_theo_1.wav").unlink()
    after = of_digits(spoken)
    assert after[:2] == before[:2] and after[2] != before[2]
    recording(spoken.data, "3_theo_7.wav").unlink()
    assert not set(of_digits(spoken)) & set(after)


def test_a_file_replaced_by_one_of_its_size_renames_what_reads_it(spoken):
    before = of_digits(spoken)
    path = recording(spoken.data, "3_theo_7.wav")
    content = path.read_bytes()
    damage(path, "as long", content[:-400] + bytes(400))
    after = of_digits(spoken)
    assert not set(before) & set(after)
    damage(path, "as before", content)
    assert of_digits(spoken) == before


def test_what_the_table_of_sets_says_of_length_and_metric_is_in_the_name(spoken, monkeypatch):
    before, known = of_digits(spoken), DATASETS["fsdd"]
    monkeypatch.setitem(DATASETS, "fsdd", replace(known, seconds=0.6))
    after = of_digits(spoken)
    assert after[:2] == before[:2] and after[2] != before[2]
    digit = replace(known.tasks["digit"], metric="mAP")
    monkeypatch.setitem(DATASETS, "fsdd", replace(known, tasks=known.tasks | {"digit": digit}))
    assert of_digits(spoken)[2] not in (before[2], after[2])


def test_the_second_set_of_a_joined_corpus_is_in_the_name(spoken):
    joined = replace(TINY, corpus="toy-a+fsdd")
    before = runs.run_name(joined, spoken)
    recording(spoken.data, "3_theo_7.wav").unlink()
    corpus.load.cache_clear()
    assert runs.run_name(joined, spoken) != before


def test_a_pretraining_reads_the_training_clips_of_every_set_of_its_corpus_and_no_others(
    spoken, monkeypatch
):
    """The first set as its index has it, the second as the names of its files say."""

    class Enough(Exception):
        pass

    def pretrain(config, clips, *others):
        raise Enough(*(clips.path(i) for i in range(len(clips))))

    monkeypatch.setattr(runs.training, "pretrain", pretrain)
    corpus.load.cache_clear()
    with pytest.raises(Enough) as seen:
        runs.trained(replace(TINY, corpus="toy-a+fsdd"), spoken)
    toys = corpus.load("toy-a", spoken).rows
    expected = toys.file[toys.split == "train"].tolist()
    assert len(expected) == 192 < len(toys)
    takes = [f"{digit}_theo_{take}.wav" for digit in range(10) for take in (5, 6, 7, 8, 9)]
    expected += [str(recording(spoken.data, name).resolve()) for name in takes]
    assert sorted(seen.value.args) == sorted(expected)


def test_only_what_depends_on_a_field_is_run_again(study):
    """One changed field of the smoke profile: which of its runs get another name."""
    smoke = replace(SMOKE, seeds=(0,), tasks=SMOKE.tasks[:1], fine_tuned_tasks=SMOKE.tasks[:1])

    def every(profile):
        chosen = [*plans.ablation(profile), *plans.spectrogram_type(profile)]
        chosen += plans.sensitivity(profile)
        found = {runs.run_name(e, study): e for e in dict.fromkeys(chosen)}
        encoders = {e.pretraining for e in chosen if e.pretraining}
        return found | {runs.run_name(each, study): each for each in encoders}

    before = every(smoke)

    def renamed(profile):
        return [before[name] for name in set(before) - set(every(profile))]

    tuned = renamed(replace(smoke, fine_tuning=replace(smoke.fine_tuning, lr=2e-3)))
    assert tuned and {e.setting for e in tuned} == {"fine-tuned"}
    frozen = renamed(replace(smoke, frozen=replace(smoke.frozen, lr=2e-3)))
    assert frozen and {e.setting for e in frozen} <= {"frozen", SENSITIVITY}
    mel = renamed(replace(smoke, n_mels=48))
    trained = {e.method for e in mel if isinstance(e, Pretraining)}
    assert trained == {"untrained", "NONE", "ASG"} and {e.frontend.n_mels for e in mel} == {64}
    other = smoke.settings | {"asg": {**smoke.settings["asg"], "temperature": 0.2}}
    kept = set(before.values()) - set(renamed(replace(smoke, settings=other)))
    assert kept and all(isinstance(e, Evaluation) and e.pretraining is None for e in kept)


def test_runs_are_the_clones_wherever_a_kernel_is_started(tmp_path, monkeypatch):
    """JupyterLab starts kernels in notebooks/: there a command's runs are found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASG_RUNS", raising=False)
    assert Workspace.here().runs == ROOT / "runs" == Workspace().runs
    monkeypatch.setenv("ASG_RUNS", "elsewhere")
    assert Workspace.here().runs == tmp_path / "elsewhere"


def test_arithmetic_is_settled_wherever_a_run_is_computed(study, monkeypatch):
    """In a command and in a notebook's kernel as in a worker; what is called fp32 is no TF32."""
    found = []

    def seen(step):
        def spied(*given):
            found.append((cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32))
            return step(*given)

        return spied

    monkeypatch.setattr(runs.training, "pretrain", seen(runs.training.pretrain))
    monkeypatch.setattr(embedded, "embed", seen(embedded.embed))
    config = replace(TINY, seed=5, epochs=1)
    threads = torch.get_num_threads()
    asked_of = asked(pretraining=config)
    for compute in (runs.trained, lambda *of: Evaluator(*of)(asked_of)):
        with cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
            compute(config, study)
    assert found == [(True, False, False)] * 2
    assert torch.get_num_threads() == threads


# --- records and damage --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(study):
    """The weights and the record of the tiny run."""
    network, record = runs.trained(TINY, study)
    return network, record


def test_a_record_says_what_was_trained_on_what(study, made):
    network, record = made
    expected = {
        "kind": "pretraining",
        "run": runs.run_name(TINY, study),
        "method": "ASG",
        "corpus": "toy-a",
        "encoder": "tiny",
        "frontend": "linear",
        "seed": 0,
        "epochs": 2,
        "batch": 16,
        "steps": 8,
        "clips": 192,
        "processes": 1,
        "precision": "fp32",
        "skipped": [],
        "missing": 0,
        "too_short": 0,
        "collapsed": record["collapsed"],
        "code": names.code_of(TINY),
    }
    assert {key: record[key] for key in expected} == expected
    assert len(record["log"]["loss"]) == len(record["log"]["rate"]) == 8
    assert record["log"]["epoch"] == pytest.approx([(step + 1) / 4 for step in range(8)])
    assert record["final_loss"] == record["log"]["loss"][-1]
    assert record["measured"]["epoch"] == [0, 1, 2] and len(record["measured"]["spread"]) == 3
    assert record["rir"].startswith("simulated bank") and record["mean"] == pytest.approx(
        network.mean.item(), abs=1e-4
    )
    folder = study.runs / record["run"]
    assert not (folder / "checkpoint.pt").exists() and not network.training
    assert json.loads((folder / "config.json").read_text()) == config.as_dict(TINY)
    assert "curves" not in record


def test_a_long_log_is_thinned(monkeypatch):
    log = runs.training.Log(list(map(float, range(90_001))), [0.1] * 90_001)
    kept = runs._thinned(log, 1_000)
    assert len(kept["loss"]) == runs.LOGGED == len(kept["epoch"])
    assert (kept["loss"][0], kept["loss"][-1], kept["epoch"][-1]) == (0, 90_000, 90.001)
    assert runs._thinned(runs.training.Log(), 0) == {"epoch": [], "loss": [], "rate": []}


# --- several processes, kills, full disks --------------------------------------------------------


@pytest.fixture
def elsewhere(study, made, tmp_path):
    """Another workspace, in which nothing has been run."""
    shutil.copytree(study.cache, tmp_path / "runs/cache")
    return Workspace(None, tmp_path / "runs")


def same_run(workspace, record):
    """Whether a workspace has this run to the bit."""
    found = json.loads((workspace.runs / record["run"] / "record.json").read_text())
    return essence(found) == essence(record)


def test_two_processes_that_ask_for_one_run_do_it_once(study, elsewhere):
    finished = Evaluator(TINY, study)(asked())
    told = []
    for _ in range(2):
        reader, writer = multiprocessing.Pipe(duplex=False)
        told.append((reader, ranks.start(ranks.said_by, writer, asked(), elsewhere)))
        writer.close()
    steps = []
    for reader, process in told:
        steps += ranks.received(reader)
        process.join()
        assert process.exitcode == 0
    assert sorted(step for step in steps if step) == list(range(1, 9))
    assert steps.count(None) == 1  # who begins an evaluation says so without a step
    assert same_run(elsewhere, finished)
    assert not list(elsewhere.runs.rglob(".*.record.json"))


@pytest.mark.parametrize("step", [3, None])
def test_a_killed_batch_ends_as_if_it_had_not_been(study, elsewhere, step):
    """In the middle of the pretraining, and where the evaluation begins."""
    finished = Evaluator(TINY, study)(asked())
    ranks.killed_at(step, ranks.evaluation, asked(), elsewhere)
    for path in elsewhere.runs.rglob("*.json"):
        json.loads(path.read_text())  # whatever has its name is whole
    steps = []
    Evaluator(TINY, elsewhere, lambda row: steps.append(row.get("step")))(asked())
    assert same_run(elsewhere, finished)
    done = [number for number in steps if number]
    assert (not done) if step is None else (done[0] >= step and done[-1] == 8)


@contextmanager
def small_disk(size=300_000):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_half_written(made, elsewhere):
    read = corpus.load("toy-a", elsewhere)
    with small_disk(), pytest.raises(OSError, match="too large; make room: .*f32"):
        runs.trained(TINY, elsewhere)
    read.clips(read.rows[read.rows.split == "train"])
    with small_disk(), pytest.raises(OSError, match="too large; make room: .*encoder.*safetensors"):
        runs.trained(TINY, elsewhere)
    assert not list(elsewhere.runs.rglob("record.json"))
    left = {path.name for path in elsewhere.runs.rglob(".*")}
    assert not [name for name in left if "safetensors" in name or name.endswith(".f32")]
    network, record = runs.trained(TINY, elsewhere)
    assert same_bits(network, made[0]) and essence(record) == essence(made[1])


def test_a_full_disk_at_a_checkpoint_is_told_with_its_file(study, tmp_path, always_saved):
    shutil.copytree(study.cache, tmp_path / "runs/cache")
    here = Workspace(None, tmp_path / "runs")
    read = corpus.load("toy-a", here)
    read.clips(read.rows[read.rows.split == "train"])
    with small_disk(), pytest.raises(OSError, match="make room: .*/checkpoint.pt'$"):
        runs.trained(TINY, here)
    assert not list(here.runs.rglob("*checkpoint.pt"))


def test_an_untrained_encoder_is_a_run_of_no_steps(study):
    config = replace(TINY, method="untrained", epochs=0, warmup_epochs=0)
    network, record = runs.trained(config, study)
    assert record["steps"] == 0 and record["final_loss"] is None and not record["collapsed"]
    built = encoder.build("tiny", TINY.frontend, 0).state_dict()
    state = network.state_dict()
    assert all(torch.equal(state[key], built[key]) for key in state if key not in ("mean", "std"))


def test_the_record_of_another_run_is_not_taken_for_this_one(study, elsewhere, caplog):
    """Copied by hand with its checksum, it is whole, and of another task."""
    mine, other = asked(), asked("order")
    evaluator = Evaluator(TINY, study)
    right, wrong = evaluator(mine), evaluator(other)
    folder = elsewhere.runs / right["run"]
    shutil.copytree(study.runs / wrong["run"], folder)
    assert runs.record_of(mine, elsewhere) is None
    assert f"is the record of another run, {wrong['run']}" in caplog.text
    again = Evaluator(TINY, elsewhere)(mine)
    assert essence(again) == essence(right) and runs.record_of(mine, elsewhere) == again
