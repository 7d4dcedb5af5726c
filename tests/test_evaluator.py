"""One evaluation: its record, the same bits after damage and kills, clips that cannot be read."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ranks
import torch
from conftest import QUICK, TINY, asked, essence, same_bits
from digits import BROKEN, TAKES, digit, digits, spoil

from asglib import encoder, evaluation, metrics, training
from asglib.config import SENSITIVITY, ConfigError, Downstream, Evaluation
from asglib.data import clips, corpus, index
from asglib.data.workspace import Workspace
from asglib.methods import METHODS
from asglib.study import names, runs
from asglib.study.evaluator import Evaluator


def evaluate(config, workspace, tell=lambda row: None):
    return Evaluator(config.pretraining, workspace, tell)(config)


@pytest.fixture(scope="module")
def finished(study):
    return evaluate(asked(), study)


@pytest.fixture
def elsewhere(study, tmp_path):
    """Another workspace, in which nothing has been run."""
    shutil.copytree(study.cache, tmp_path / "runs/cache")
    return Workspace(None, tmp_path / "runs")


# --- records -------------------------------------------------------------------------------------


def test_a_run_is_found_again_and_is_the_same_when_made_anew(study, finished, elsewhere):
    record = study.runs / finished["run"] / "record.json"
    before = record.stat().st_mtime_ns
    assert evaluate(asked(), study) == finished == runs.record_of(asked(), study)
    assert record.stat().st_mtime_ns == before
    assert runs.record_of(asked(), elsewhere) is None
    assert essence(evaluate(asked(), elsewhere)) == essence(finished)
    names = [w.runs / finished["pretraining"] / "encoder.safetensors" for w in (study, elsewhere)]
    assert same_bits(*map(encoder.load, names))


def test_a_record_says_what_a_table_needs(study, finished):
    assert finished["value"] == np.mean(finished["correct"])
    pairs = zip(finished["labels"], finished["predictions"])
    assert finished["correct"] == [int(label == found) for label, found in pairs]
    assert finished["counts"] == {
        "train": 192,
        "test": 192,
        "skipped": [],
        "truncated": [],
        "missing": 0,
        "absent_from_test": [],
    }
    assert len(finished["clips"]) == len(finished["groups"]) == 192
    assert finished["classes"] == ["forwards", "reversed"] and finished["metric"] == "accuracy"
    expected = {
        "kind": "evaluation",
        "pretraining": runs.run_name(TINY, study),
        "run": runs.run_name(asked(), study),
        "method": "ASG",
        "corpus": "toy-a",
        "encoder": "tiny",
        "frontend": "linear",
        "epochs": 2,
        "batch": 16,
        "precision": "fp32",
        "data_set": "toy-a",
        "task": "direction",
        "setting": "frozen",
        "protocol": "",
        "seed": 0,
        "frames": 80,
        "device": finished["device"],
        "threads": torch.get_num_threads(),
        "code": names.code_of(asked()),
    }
    assert {key: finished[key] for key in expected} == expected
    assert {"torch", "numpy", "python"} <= set(finished["versions"])
    rows = corpus.load("toy-a", study).rows
    known = dict(zip(rows.path, rows.direction))
    named = [finished["classes"][label] for label in finished["labels"]]
    assert named == [known[path] for path in finished["clips"]]


def test_a_limited_task_trains_and_tests_on_a_few_clips(study, finished):
    record = evaluate(asked(training=replace(QUICK, max_clips=20)), study)
    assert (record["counts"]["train"], record["counts"]["test"]) == (20, 20)
    few = corpus.load("toy-a", study).drawn(20).rows
    assert record["clips"] == few.path[few.split == "test"].tolist()
    assert record["run"] != finished["run"]


@pytest.mark.parametrize("metric", ["F1", "wAP"])
def test_a_compared_papers_metric_is_the_value(study, finished, monkeypatch, metric):
    """From the recorded predictions by their definitions; neither is a mean over clips."""
    data_set = index.DATASETS["toy-a"]
    changed = replace(data_set.tasks["direction"], metric=metric)
    tasks = data_set.tasks | {"direction": changed}
    monkeypatch.setitem(index.DATASETS, "toy-a", replace(data_set, tasks=tasks))
    record = evaluate(asked(), study)
    assert record["run"] != finished["run"] and record["predictions"] == finished["predictions"]
    said, true = np.array(record["predictions"]), np.array(record["labels"])
    right = [((said == c) & (true == c)).sum() for c in (0, 1)]
    precision = [right[c] / max((said == c).sum(), 1) for c in (0, 1)]
    recall = [right[c] / (true == c).sum() for c in (0, 1)]
    expected = {
        "F1": np.mean([2 * p * r / max(p + r, 1e-9) for p, r in zip(precision, recall)]),
        "wAP": sum(precision[c] * (true == c).mean() for c in (0, 1)),
    }
    assert record["value"] == pytest.approx(expected[metric]) and record["metric"] == metric
    assert record["correct"] == [] and len(record["clips"]) == 192


def test_a_sets_segments_are_embedded_once_for_all_its_tasks(study, finished, monkeypatch):
    calls, embed = [], evaluation.embed
    monkeypatch.setattr(
        evaluation, "embed", lambda *args, **how: calls.append(args) or embed(*args, **how)
    )
    evaluator = Evaluator(TINY, study)
    records = [evaluator(asked(task)) for task in ("order", "register")]
    assert len(calls) == 1 and [r["task"] for r in records] == ["order", "register"]
    halves = evaluator(asked("order", training=replace(QUICK, overlap=0.5)))
    assert halves["protocol"] == "overlap 0.5"
    evaluator(asked("order", training=replace(QUICK, max_frames=40)))
    assert len(calls) == 3


def test_the_supervised_model_and_the_spectrogram_have_records(study):
    supervised = replace(TINY, method="Sup.", settings=METHODS["Sup."])
    record = evaluate(asked(pretraining=supervised, setting="fine-tuned"), study)
    assert (record["method"], record["setting"]) == ("Sup.", "fine-tuned")
    assert 0 <= record["value"] <= 1 and record["rir"] == ""
    assert runs.record_of(supervised, study)["classes"] == 3
    itself = asked("register", None, training=Downstream(epochs=40))
    record = evaluate(itself, study)
    assert record["method"] == "spectrogram" and record["pretraining"] is None
    assert record["value"] > 0.6  # eight registers: chance is an eighth


def test_sensitivity_has_a_record_of_its_own(study, finished):
    record = evaluate(asked("", setting=SENSITIVITY), study)
    assert record["kind"] == record["setting"] == SENSITIVITY and record["clips"] == 64
    assert set(record["curves"]) == {"FT", "FF", "SF", "ST"} and record["skipped"] == []
    assert len(record["curves"]["SF"]) == len(record["curves"]["ST"]) == len(record["shifts"])
    assert record["curves"]["SF"][0] == pytest.approx(1, abs=1e-5)
    assert "value" not in record and record["pretraining"] == finished["pretraining"]


# --- what an evaluation must not do --------------------------------------------------------------


def test_a_frozen_encoder_is_frozen(study, finished):
    evaluator = Evaluator(TINY, study)
    evaluator(asked("pattern"))
    network, _ = evaluator.trained()
    saved = study.runs / finished["pretraining"] / "encoder.safetensors"
    assert not network.training and same_bits(network, encoder.load(saved))


@pytest.mark.parametrize("setting", ["frozen", "fine-tuned"])
def test_the_classifier_follows_its_seed(study, finished, monkeypatch, setting):
    scores, outcome = [], metrics.outcome
    monkeypatch.setattr(metrics, "outcome", lambda *args: scores.append(args[0]) or outcome(*args))
    short = replace(QUICK, epochs=1, max_clips=16, batch=8)
    for seed in (0, 1):
        evaluate(asked(setting=setting, training=short, seed=seed), study)
    assert not torch.equal(*scores)


def test_a_validation_part_is_neither_trained_on_nor_tested(study, monkeypatch):
    """Half of the training rows, and half of the test rows, are called validation."""
    whole = corpus.load("toy-a", study)
    held = whole.rows.index % 2 == 0
    other = replace(whole, rows=whole.rows.assign(split=whole.rows.split.mask(held, "valid")))
    for room in (names, runs):
        monkeypatch.setattr(room, "load", lambda sets, workspace: other)
    seen, pretrain = [], training.pretrain
    monkeypatch.setattr(training, "pretrain", lambda *args: seen.append(args[1]) or pretrain(*args))
    config = replace(TINY, epochs=1)
    record = evaluate(asked(pretraining=config), study)
    assert (record["counts"]["train"], record["counts"]["test"]) == (96, 96)
    left = other.rows[other.rows.split == "train"]
    assert [seen[0].path(i) for i in range(len(seen[0]))] == left.file.tolist()
    assert record["clips"] == other.rows.path[other.rows.split == "test"].tolist()
    split, targets = np.array(["train", "valid", "test", "train"]), torch.tensor([0, 1, 1, -1])
    train, test = evaluation.parts(split, targets)
    assert train.tolist() == [0] and test.tolist() == [2]
    assert set(names.evaluated(asked(), study).rows.split) == {"train", "test"}


def test_with_all_folds_every_clip_is_tested_once_by_a_classifier_that_never_saw_it(
    study, monkeypatch
):
    whole = corpus.load("toy-a", study)
    fold = np.arange(len(whole.rows)) % 3
    other = replace(whole, rows=whole.rows.assign(fold=fold))
    monkeypatch.setattr(names, "load", lambda sets, workspace: other)
    tasks, frozen = [], evaluation.frozen
    monkeypatch.setattr(evaluation, "frozen", lambda *args: tasks.append(args[1]) or frozen(*args))
    config = asked(pretraining=None, training=replace(QUICK, epochs=1, folds=True))
    record = evaluate(config, study)
    assert sorted(record["clips"]) == sorted(other.rows.path)
    assert len(tasks) == 3
    for number, task in enumerate(tasks):
        assert set(fold[task.test]) == {number} and number not in fold[task.train]
    labels = other.rows.set_index("path").loc[record["clips"], config.task]
    assert [record["classes"][label] for label in record["labels"]] == labels.tolist()


def test_clips_are_scored_by_the_mean_of_their_segments_probabilities():
    """Logits 4 and -1: the mean of the probabilities is below a half, of the logits above it."""
    task = evaluation.Task(None, torch.tensor([0, 1]), np.array([0]), np.array([1]), 2, 1)
    logits = torch.tensor([[1.0, 0.0], [-6.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    scores, rows = evaluation.clip_scores(logits, torch.ones(4, dtype=torch.long), task)
    assert rows.tolist() == [1] and scores[0, 0] > 0.5 > logits.mean(0).softmax(0)[0]
    torch.testing.assert_close(scores[0], logits.softmax(1).mean(0))


# --- damage and kills ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [2, 8])
def test_a_killed_fine_tuning_is_resumed_to_the_bit(study, finished, elsewhere, step):
    """The encoder is there; nine steps, and SIGKILL at one of them."""
    tuned = asked(setting="fine-tuned")
    whole = evaluate(tuned, study)
    shutil.copytree(study.runs / finished["pretraining"], elsewhere.runs / finished["pretraining"])
    ranks.killed_at(step, ranks.evaluation, tuned, elsewhere)
    folder, steps = elsewhere.runs / whole["run"], []
    assert not (folder / "record.json").exists()
    again = evaluate(tuned, elsewhere, lambda row: steps.append(row.get("step")))
    assert steps[0] is None and steps[1] >= step and steps[-1] == 9
    assert essence(again) == essence(whole) and not (folder / "checkpoint.pt").exists()


# --- clips that cannot be read -------------------------------------------------------------------

LEARNS = Downstream(epochs=15, drop_epoch=12, batch=8, lr=3e-3)


@pytest.fixture(params=["decoded", "crop by crop"])
def broken(request, tmp_path, study, monkeypatch):
    """Ten digits of which four recordings cannot be decoded."""
    if request.param == "crop by crop":
        monkeypatch.setattr(clips, "CACHE_LIMIT", 0)
    spoil(digits(tmp_path / "data"))
    shutil.copytree(study.cache, tmp_path / "runs/cache", ignore=shutil.ignore_patterns("waves"))
    return Workspace(tmp_path / "data", tmp_path / "runs")


def named(skipped):
    """The files that a list of skipped clips names."""
    return {name for name in BROKEN for entry in skipped if name in entry["reason"]}


def test_broken_clips_are_skipped_and_named_and_labels_do_not_shift(broken, monkeypatch):
    made, pretrain = [], training.pretrain
    monkeypatch.setattr(training, "pretrain", lambda *args: made.append(args) or pretrain(*args))
    config = replace(TINY, method="Sup.", settings=METHODS["Sup."], corpus="fsdd")
    config = replace(config, clips_per_epoch=None, epochs=3)
    train, test = 10 * (len(TAKES) - 3), 10 * 3
    for setting in ("frozen", "fine-tuned"):
        asked_for = Evaluation(config, "fsdd", "digit", setting, LEARNS, 0, TINY.frontend)
        record = evaluate(asked_for, broken)
        assert record["labels"] == [digit(path) for path in record["clips"]]
        assert len(record["clips"]) == record["counts"]["test"] == test - 2
        assert not set(BROKEN) & {Path(path).name for path in record["clips"]}
        assert named(record["counts"]["skipped"]) == set(BROKEN)
        assert len(record["counts"]["skipped"]) == 4
        assert record["value"] > 0.8, setting  # a shift would leave a tenth
    ((_, read, _, _, labels, classes, _),) = made
    assert classes == 10
    assert labels.tolist() == [digit(read.path(i)) for i in range(len(read))]
    before = runs.record_of(config, broken)
    assert named(before["skipped"]) == {"4_theo_5.wav", "6_theo_9.wav"}
    assert len(before["skipped"]) == 2 and before["missing"] == 10 * (50 - len(TAKES))
    assert before["clips"] == len(read) <= train


def test_sensitivity_names_what_it_cannot_measure(broken):
    config = replace(TINY, corpus="fsdd", epochs=0, warmup_epochs=0)
    asked_for = Evaluation(config, "fsdd", "", SENSITIVITY, QUICK, 0, TINY.frontend)
    with_all = replace(asked_for, training=replace(QUICK, max_clips=32))
    record = evaluate(with_all, broken)
    assert record["clips"] + len(record["skipped"]) == 32 + 30
    assert {"0_theo_0.wav", "3_theo_2.wav"} <= named(record["skipped"]) <= set(BROKEN)


def test_a_part_that_cannot_be_decoded_at_all_is_one_sentence(tmp_path, study):
    root = digits(tmp_path / "data")
    for path in (root / "free-spoken-digit-dataset/recordings").glob("*_theo_[012].wav"):
        path.write_text("this is no sound")
    itself = Evaluation(None, "fsdd", "digit", "frozen", QUICK, 0, TINY.frontend)
    workspace = Workspace(root, tmp_path / "runs")
    with pytest.raises(index.DataError, match="fsdd: 50 training and 0 test clips can be decoded"):
        evaluate(itself, workspace)
    for path in (root / "free-spoken-digit-dataset/recordings").glob("*_theo_[5-9].wav"):
        path.write_text("this is no sound")
    shutil.copytree(study.cache, tmp_path / "other/cache", ignore=shutil.ignore_patterns("waves"))
    with pytest.raises(index.DataError, match="fsdd: none of its 50 training clips can be deco"):
        runs.trained(replace(TINY, corpus="fsdd"), Workspace(root, tmp_path / "other"))


def test_what_is_not_there_is_told_in_one_sentence(study, tmp_path):
    with pytest.raises(ConfigError, match="data set 'birdsong' is unknown; the study has audioset"):
        corpus.load("birdsong", study)
    with pytest.raises(index.DataError, match="no data root is given; set ASG_DATA"):
        corpus.load("fsdd", study)
    (tmp_path / "free-spoken-digit-dataset").mkdir()
    with pytest.raises(index.DataError, match="is empty"):
        corpus.load("fsdd", Workspace(tmp_path, tmp_path / "runs"))
    said = "toy-a has no task 'smell'; it has pattern, register, direction, order"
    with pytest.raises(ConfigError, match=said):
        evaluate(asked("smell"), study)
    with pytest.raises(ConfigError, match="the spectrogram cannot be fine-tuned"):
        asked(pretraining=None, setting="fine-tuned")
