"""Downstream evaluation (section 3.2): known answers, written-out scores, encoders left alone."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import ranks
import torch
from conftest import (
    CPU,
    broken_files,
    clips_of,
    gen,
    run_small,
    same_bits,
    small,
    task_of,
    tone,
    tuned,
    write,
)
from scipy import stats
from sklearn.metrics import average_precision_score

from asglib import audio, evaluation, fine_tuning, metrics
from asglib.config import FINE_TUNING, Downstream
from asglib.data import clips as clips_file
from asglib.encoder import build
from asglib.evaluation import Segments, SpectrogramControl, Task, embed, train_linear
from asglib.fine_tuning import Classifier, Crops
from asglib.frontend import LogSpectrogram
from asglib.metrics import per_clip
from asglib.processes import Machine

FRONTEND = small().frontend
SHORT = Downstream(epochs=30, drop_epoch=20, batch=32, lr=1e-2)


# --- scores --------------------------------------------------------------------------------------


def test_scores_of_segments_are_averaged_by_clip():
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.8, 0.2], [0.3, 0.7]])
    clip = torch.tensor([0, 2, 0, 2, 2])
    expected = torch.tensor([[0.75, 0.25], [0.0, 0.0], [1.1 / 3, 1.9 / 3]])
    found = per_clip(scores, clip, 3)
    torch.testing.assert_close(found, expected)
    assert found[2].argmax() == 1 and scores[3].argmax() == 0  # the mean decides, not a segment


def test_the_score_of_a_clip_of_one_segment_is_that_segments():
    scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    found = per_clip(scores, torch.tensor([1, 0, 1]), 2)
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.8], [0.75, 0.25]]))


def test_probabilities():
    logits = torch.tensor([[0.0, float(np.log(3.0))]])
    one, several = (metrics.probabilities(logits, each) for each in (False, True))
    torch.testing.assert_close(one, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(several, torch.tensor([[0.5, 0.75]]))


def scored(test, clip, logits):
    """clip_scores of segments of four labelled clips, three classes."""
    task = Task(None, torch.tensor([0, 1, 0, 1]), np.array([0]), np.array(test), 3, 1)
    return evaluation.clip_scores(torch.tensor(logits), torch.tensor(clip), task)


def test_a_clips_score_is_the_mean_of_probabilities_not_of_logits():
    """One segment is sure of class 0, two lean to class 1: logits would be won by the first."""
    scores, rows = scored([3], [3, 3, 3], [[9.0, 0, -9], [0, 1.5, -9], [0, 1.5, -9]])
    assert rows.tolist() == [3] and scores.argmax() == 1
    p = 1 / (1 + np.exp(1.5))
    assert scores[0, 0].item() == pytest.approx((1 + 2 * p) / 3, abs=1e-3)


def test_scores_belong_to_the_rows_that_have_segments():
    """Clip 2 could not be decoded: its neighbour's score is not taken for its own."""
    scores, rows = scored([0, 2, 3], [0, 3, 3], [[9.0, 0, 0], [0.0, 9, 0], [0.0, 9, 0]])
    assert rows.tolist() == [0, 3] and scores.argmax(1).tolist() == [0, 1]


def test_average_precision_written_out():
    """Class 0: positives at ranks 1 and 3, (1/1 + 2/3) / 2; 1: none; 2: at rank 4 only, 1/4."""
    scores = torch.tensor([[0.9, 0.1, 0.8], [0.8, 0.4, 0.7], [0.7, 0.3, 0.6], [0.1, 0.2, 0.5]])
    targets = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]])
    found = metrics.average_precisions(scores, targets)
    assert found == [pytest.approx(5 / 6), None, pytest.approx(1 / 4)]
    assert found[0] == pytest.approx(average_precision_score([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]))
    assert metrics.mean_average_precision(found) == pytest.approx((5 / 6 + 1 / 4) / 2)
    assert metrics.mean_average_precision([None, 0.0, 1.0]) == 0.5
    assert metrics.mean_average_precision([None, None]) is None


def test_average_precision_equals_sklearns_on_random_scores():
    scores = torch.rand(80, 6, generator=gen())
    targets = (torch.rand(80, 6, generator=gen(1)) < 0.2).long()
    ours = metrics.mean_average_precision(metrics.average_precisions(scores, targets))
    theirs = average_precision_score(targets.numpy(), scores.numpy(), average="macro")
    assert ours == pytest.approx(theirs)


def test_an_outcome_is_the_metric_and_what_it_is_made_of():
    scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    found = metrics.outcome(scores, torch.tensor([0, 1, 1, 1]), "accuracy")
    assert (found["value"], found["correct"]) == (0.75, [1, 1, 0, 1])
    assert (found["labels"], found["predictions"]) == ([0, 1, 1, 1], [0, 1, 0, 1])
    ids = metrics.outcome(scores, torch.tensor([0, 1, 1, 1]), "mAP")
    hot = metrics.outcome(scores, torch.tensor([[1, 0], [0, 1], [0, 1], [0, 1]]), "mAP")
    assert ids == hot and ids["average_precision"] == [1.0, 1.0] and ids["value"] == 1.0
    empty = metrics.outcome(scores, torch.zeros(4, 2, dtype=torch.uint8), "mAP")
    assert empty["value"] is None and empty["undefined"] == "no test clip has any of the classes"


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, frames", [(5.0, 500), (0.8, 80), (3.004, 300), (10.0, 1_000), (64.0, 1_000)]
)
def test_frames_follow_the_average_duration(seconds, frames):
    assert Downstream().frames(seconds) == frames


def test_the_spectrogram_itself_is_ten_means_over_time():
    spectrogram = torch.arange(40.0).view(1, 2, 20)
    expected = [[0.5 + 2 * i for i in range(10)], [20.5 + 2 * i for i in range(10)]]
    control = SpectrogramControl(FRONTEND)
    assert control.embed(spectrogram).view(2, 10).tolist() == expected
    waves = torch.randn(2, 4_800, generator=gen())
    assert torch.equal(control(waves), control.embed(LogSpectrogram(FRONTEND)(waves)))


@pytest.fixture
def lengths(tmp_path):
    """Clips of 1, 2.5, 0.4 and 3.75 segments of 40 frames, each a tone of its own."""
    seconds = [0.4, 1.0, 0.16, 1.5]
    waves = [tone(500 + 900 * i, length) + 1e-3 for i, length in enumerate(seconds)]
    paths = [write(tmp_path / f"{i}.wav", wave) for i, wave in enumerate(waves)]
    return clips_of(paths, tmp_path / "cache")


def test_every_segment_is_embedded_once_and_in_order(lengths):
    control, sizes = SpectrogramControl(FRONTEND), []

    def counted(waves):
        sizes.append(len(waves))
        return control(waves)

    found = embed(counted, lengths, 6_400, CPU, batch=4)
    assert found.clip.tolist() == [0, 1, 1, 1, 2, 3, 3, 3, 3] and sizes == [4, 4, 1]
    parts = [part for i in range(4) for part in audio.segments(lengths.whole(i), 6_400)]
    alone = torch.cat([control(torch.from_numpy(part)[None]) for part in parts])
    torch.testing.assert_close(found.features, alone, rtol=1e-5, atol=1e-4)
    few = embed(control, lengths, 6_400, CPU, np.array([3, 1]))
    assert few.clip.tolist() == [3, 3, 3, 3, 1, 1, 1]
    torch.testing.assert_close(few.features[4:], alone[1:4], rtol=1e-5, atol=1e-4)
    x, clip = found.of(np.array([2, 0]))
    assert clip.tolist() == [0, 2] and torch.equal(x, found.features[[0, 4]])


def test_embedding_leaves_the_encoder_as_it_was(lengths):
    f = build("tiny", FRONTEND).eval()
    before = copy.deepcopy(f)
    found = embed(f, lengths, 6_400, CPU, batch=4)
    assert same_bits(f, before)
    assert found.features.shape == (9, 128) and not found.features.requires_grad
    alone = embed(f, lengths, 6_400, CPU, batch=1).features
    torch.testing.assert_close(found.features, alone, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_decoded_has_no_segments_and_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(clips_file, "CACHE_LIMIT", -1)
    good = write(tmp_path / "a.wav", tone(500, 0.4))
    empty, text, *_ = broken_files(tmp_path / "bad")
    found = embed(
        SpectrogramControl(FRONTEND), clips_of([empty, good, text, good], tmp_path), 6_400, CPU
    )
    assert found.clip.tolist() == [1, 3]
    assert [entry["path"] for entry in found.skipped] == [str(empty), str(text)]
    assert all(entry["path"] in entry["reason"] for entry in found.skipped)


# --- which rows ----------------------------------------------------------------------------------


def test_trained_and_tested_are_the_labelled_rows_of_these_splits_and_no_others():
    split = np.array(["train", "valid", "test", "train", "test", "valid", "train"])
    train, test = evaluation.parts(split, torch.tensor([0, 1, 1, -1, -1, 0, 1]))
    assert train.tolist() == [0, 6] and test.tolist() == [2]
    train, test = evaluation.parts(split, torch.zeros(7, 2, dtype=torch.uint8))
    assert train.tolist() == [0, 3, 6] and test.tolist() == [2, 4]


def test_every_fold_is_the_test_part_once_and_a_clip_without_a_fold_is_in_none():
    fold = np.array([2, 1, 3, 2, -1, 1])
    found = evaluation.folds(fold, torch.tensor([0, 1, 0, -1, 1, 0]))
    assert [(a.tolist(), b.tolist()) for a, b in found] == [
        ([0, 2], [1, 5]),
        ([1, 2, 5], [0]),
        ([0, 1, 5], [2]),
    ]


def test_pooled_clips_keep_their_scores():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    scores, rows = evaluation.pooled([(a, np.array([7])), (b, np.array([1, 2]))])
    assert rows.tolist() == [7, 1, 2] and scores.tolist() == [*a.tolist(), *b.tolist()]


# --- linear evaluation ---------------------------------------------------------------------------


def blobs(clips, seed, classes=4, per=3, spread=0.5):
    """Separable features of `per` segments a clip, on different scales, far from zero; labels."""
    labels = torch.arange(clips) % classes
    clip = torch.arange(clips).repeat_interleave(per)
    centres = 3 * torch.eye(classes, 8)
    features = centres[labels[clip]] + spread * torch.randn(len(clip), 8, generator=gen(seed))
    return Segments((features + 10) * torch.logspace(-1, 1, 8), clip, []), labels


def trained(segments, labels, config=SHORT, seed=0, classes=4):
    return train_linear(segments.features, labels[segments.clip], classes, config, seed)


@torch.no_grad()
def accuracy_of(layers, segments, labels):
    scores = metrics.probabilities(layers(segments.features), False)
    return metrics.accuracy(per_clip(scores, segments.clip, len(labels)).argmax(1), labels)


def test_separable_features_are_solved():
    (train, labels), (test, test_labels) = blobs(80, 0), blobs(40, 1)
    layers = trained(train, labels)
    assert accuracy_of(layers, train, labels) == accuracy_of(layers, test, test_labels) == 1.0


def test_shuffled_labels_give_chance():
    """Clips of one class fall together, so the trials are the shuffles, not the clips."""
    (train, labels), (test, test_labels) = blobs(80, 0), blobs(80, 1)
    quick, found = Downstream(epochs=4, drop_epoch=2, batch=32, lr=3e-2), []
    for seed in range(30):
        shuffled = labels[torch.randperm(80, generator=gen(seed))]
        found.append(accuracy_of(trained(train, shuffled, quick, seed), test, test_labels))
    assert stats.ttest_1samp(found, 0.25).pvalue > 1e-2 and np.std(found) < 0.3
    true = accuracy_of(trained(train, labels, quick), test, test_labels)
    assert true > 0.99  # the same with true labels


def test_frozen_evaluation_trains_on_the_training_rows_and_scores_the_test_rows():
    """Against a loop over clips, with rows in any order; the encoder's features tell the class."""
    segments, labels = blobs(60, 0)
    rows = torch.randperm(60, generator=gen(3)).numpy()
    train, test = rows[:40], np.sort(rows[40:])
    task = Task(None, labels, train, test, 4, 1)
    scores, found = evaluation.frozen(segments, task, SHORT, 0, CPU)
    mine = torch.tensor([clip in train for clip in segments.clip.tolist()])
    layers = train_linear(segments.features[mine], labels[segments.clip[mine]], 4, SHORT, 0)
    assert found.tolist() == test.tolist() and scores.argmax(1).tolist() == labels[test].tolist()
    for row, score in zip(test, scores):
        parts = layers(segments.features[segments.clip == row]).softmax(1)
        torch.testing.assert_close(score, sum(parts) / 3)


def test_a_clips_posterior_takes_the_classes_shares_among_the_training_clips_as_prior():
    """Shares 3/4 and 1/4; two segments: their product over the prior, by hand."""
    labels, train = torch.tensor([0, 1, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 3])
    task = Task(None, labels, train, np.array([5, 6]), 2, 1)
    p = torch.tensor([[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    scores, rows = evaluation.clip_scores(p.log(), torch.tensor([5, 5, 6]), task, "naive Bayes")
    odds = (0.6 * 0.7 / 0.75) / (0.4 * 0.3 / 0.25)
    assert rows.tolist() == [5, 6]
    expected = torch.tensor([[odds / (1 + odds), 1 / (1 + odds)], [0.2, 0.8]])
    torch.testing.assert_close(scores, expected)


def test_several_labels_a_clip():
    segments, labels = blobs(80, 0)
    targets = torch.stack([labels == 0, labels < 2, labels % 2 == 1], 1).long()
    layers = trained(segments, targets, classes=3)
    with torch.no_grad():
        scores = metrics.probabilities(layers(segments.features), True)
    found = metrics.average_precisions(per_clip(scores, segments.clip, 80), targets)
    assert found == [1.0, 1.0, 1.0]


def test_a_feature_that_never_changes_does_no_harm():
    segments, labels = blobs(80, 0)
    segments.features[:, 3] = 5.0
    layers = trained(segments, labels)
    assert torch.isfinite(layers(segments.features)).all()
    assert accuracy_of(layers, segments, labels) > 0.7


def test_the_same_seed_gives_the_same_classifier():
    segments, labels = blobs(80, 0)
    one, two, other = (trained(segments, labels, seed=seed) for seed in (0, 0, 1))
    assert same_bits(one, two) and not same_bits(one, other)


@pytest.mark.parametrize("config, drop", [(Downstream(), 50), (FINE_TUNING, 25)])
def test_the_learning_rate_drops_to_a_tenth(config, drop):
    rates = [evaluation.rate(config, epoch) for epoch in range(config.epochs)]
    assert rates == pytest.approx([1e-3] * drop + [1e-4] * (config.epochs - drop))


@pytest.fixture
def taken(monkeypatch):
    """The rate of every step of Adam."""
    rates = []

    class Noted(torch.optim.Adam):
        def step(self, *arguments):
            rates.append([group["lr"] for group in self.param_groups])
            return super().step(*arguments)

    monkeypatch.setattr(torch.optim, "Adam", Noted)
    return rates


def test_linear_evaluation_takes_every_step_at_the_rate_of_its_epoch(taken):
    segments, labels = blobs(16, 0)
    trained(segments, labels, Downstream(epochs=3, drop_epoch=2, batch=24, lr=0.5))
    assert taken == [[0.5]] * 4 + [[pytest.approx(0.05)]] * 2


def test_linear_evaluation_sees_every_segment_once_an_epoch_in_an_order_of_its_own(monkeypatch):
    segments, labels = blobs(8, 0)
    # the features of a segment are its number
    segments.features = torch.arange(24.0)[:, None].expand(24, 8) + 1
    epochs, objective = [], evaluation.objective

    def noted(logits, targets):
        epochs.append(targets.tolist())
        return objective(logits, targets)

    monkeypatch.setattr(evaluation, "objective", noted)
    numbers = torch.arange(24)
    train_linear(segments.features, numbers, 24, Downstream(epochs=4, drop_epoch=3, batch=10), 0)
    orders = [sum(epochs[i : i + 3], []) for i in range(0, 12, 3)]
    assert [sorted(order) for order in orders] == [list(range(24))] * 4
    assert len({tuple(order) for order in orders} | {tuple(range(24))}) == 5


# --- fine-tuning ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_pitches(tmp_path_factory):
    """36 files of a low or a high tone, in turn."""
    folder, rng = tmp_path_factory.mktemp("pitches"), np.random.default_rng(0)
    waves = [tone((600, 4_000)[i % 2] + rng.uniform(-200, 200), 0.3) for i in range(36)]
    return [write(folder / f"{i}.wav", wave) for i, wave in enumerate(waves)]


class Model(Classifier):
    """The classifier of the last fine-tuning."""

    last_one = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Model.last_one = self


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(fine_tuning, "Classifier", Model)
    return lambda: Model.last_one


def test_fine_tuning_learns_and_leaves_the_given_encoder_alone(two_pitches, tmp_path, model):
    f = build("tiny", FRONTEND)
    f.mean.fill_(-8.0)
    f.std.fill_(4.0)
    before = copy.deepcopy(f)
    scores, rows, skipped = tuned(two_pitches, tmp_path, encoder=f, epochs=15, drop_epoch=12)
    assert same_bits(f, before) and not same_bits(model().encoder, before)
    assert rows.tolist() == list(range(24, 36)) and skipped == []
    assert metrics.accuracy(scores.argmax(1), torch.arange(24, 36) % 2) == 1.0
    torch.testing.assert_close(scores.sum(1), torch.ones(12))


def test_fine_tuning_starts_at_the_frozen_encoders_weights(two_pitches, tmp_path, model):
    f = build("tiny", FRONTEND, seed=5)
    tuned(two_pitches, tmp_path / "still", encoder=f, epochs=1, drop_epoch=1, lr=1e-12)
    pairs = list(zip(model().encoder.parameters(), f.parameters()))
    assert len(pairs) > 10 and all(torch.allclose(a, b, rtol=0, atol=1e-9) for a, b in pairs)
    tuned(two_pitches, tmp_path / "moved", encoder=f, epochs=1, drop_epoch=1)
    pairs = zip(model().encoder.parameters(), f.parameters())
    assert not any(torch.equal(a, b) for a, b in pairs if b.ndim > 1)


def test_fine_tuning_trains_batch_normalisation_and_tests_with_its_statistics(
    two_pitches, tmp_path, model, monkeypatch
):
    """Running statistics follow the batches; while clips are scored they stay as they are."""
    f, modes, logits = build("tiny", FRONTEND), [], Model.logits

    def noted(self, waves):
        modes.append(self.training)
        return logits(self, waves)

    monkeypatch.setattr(Model, "logits", noted)
    tuned(two_pitches, tmp_path, encoder=f, epochs=1, drop_epoch=1, lr=1e-12)
    assert modes == [True] * 3 + [False]
    running = [key for key in f.state_dict() if "running_mean" in key]
    after = model().encoder.state_dict()
    assert len(running) > 8
    assert not any(torch.equal(f.state_dict()[key], after[key]) for key in running)


def test_fine_tuning_takes_every_step_at_the_rate_of_its_epoch(two_pitches, tmp_path, taken):
    tuned(two_pitches, tmp_path, epochs=3, drop_epoch=2, lr=0.001)
    assert taken == [[0.001]] * 6 + [[pytest.approx(0.0001)]] * 3


def test_fine_tuned_clips_are_scored_by_overlapping_segments_as_the_task_asks(
    tones, tmp_path, monkeypatch
):
    """0.5 s in segments of 0.24 s: at 0, 0.12, 0.24 and 0.26 s; even priors: a plain product."""
    logits, original = [], Classifier.logits

    def noted(self, waves):
        found = original(self, waves)
        if not self.training:
            logits.append(found)
        return found

    monkeypatch.setattr(Classifier, "logits", noted)
    task = replace(task_of(tones, tmp_path), overlap=0.5)
    how = Downstream(epochs=1, drop_epoch=1, batch=8, aggregate="naive Bayes")
    checkpoint = tmp_path / "checkpoint.pt"
    encoder, machine = build("tiny", FRONTEND), Machine(CPU)
    scores, rows, _ = fine_tuning.fine_tuned(encoder, task, how, 0, checkpoint, machine)
    assert rows.tolist() == task.test.tolist() and len(torch.cat(logits)) == 4 * 8
    parts = torch.cat(logits).log_softmax(1).view(8, 4, 2)
    torch.testing.assert_close(scores, parts.sum(1).softmax(1))


def test_fine_tuning_is_a_function_of_its_seed(two_pitches, tmp_path, model):
    f, state = build("tiny", FRONTEND), torch.get_rng_state()
    found = []
    for i, seed in enumerate((0, 0, 1)):
        tuned(two_pitches, tmp_path / str(i), encoder=f, seed=seed, epochs=1, drop_epoch=1)
        found.append(model())
    assert same_bits(found[0], found[1]) and not same_bits(found[0], found[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_processes_that_read_audio_do_not_change_a_bit_of_fine_tuning(two_pitches, tmp_path):
    f = build("tiny", FRONTEND)
    one, two = (
        tuned(two_pitches, tmp_path / str(n), encoder=f, loaders=n, epochs=2, drop_epoch=1)[0]
        for n in (0, 2)
    )
    assert torch.equal(one, two)


def epochs_of(crops):
    """Of each epoch: the clips in their order, and each clip's crop."""
    found = []
    for epoch in range(crops.config.epochs):
        steps = range(epoch * crops.steps_per_epoch, (epoch + 1) * crops.steps_per_epoch)
        batches = [crops[step][0] for step in steps]
        order = torch.cat([batch.clips for batch in batches]).tolist()
        found.append((order, dict(zip(order, torch.cat([batch.crops for batch in batches])))))
    return found


def test_fine_tuning_takes_every_training_clip_once_an_epoch_shuffled_with_other_crops(
    two_pitches, tmp_path
):
    task = task_of(two_pitches, tmp_path, samples=1_000)
    crops = Crops(task, Downstream(epochs=3, drop_epoch=2, batch=9), 0)
    epochs = epochs_of(crops)
    assert crops.steps_per_epoch == 2 and len(crops) == 6
    orders = [order for order, _ in epochs]
    assert [sorted(order) for order in orders] == [task.train.tolist()] * 3
    assert len({tuple(order) for order in orders} | {tuple(task.train)}) == 4
    for clip in task.train:
        one, two, three = (crop[clip] for _, crop in epochs)
        assert not torch.equal(one, two) and not torch.equal(two, three)
    batch, failed = crops[1]
    assert batch.labels.tolist() == [clip % 2 for clip in batch.clips.tolist()] and failed == []
    again = epochs_of(Crops(task, crops.config, 0))
    assert [order for order, _ in again] == orders
    assert torch.equal(again[2][1][5], epochs[2][1][5])
    assert epochs_of(Crops(task, crops.config, 1))[0][0] != orders[0]


def test_fine_tuning_crops_its_own_training_rows_by_its_seed_and_keeps_labels_with_clips(
    two_pitches, tmp_path, monkeypatch
):
    """Rows 12 to 35, each its own class; row 14 cannot be decoded."""
    monkeypatch.setattr(clips_file, "CACHE_LIMIT", -1)
    paths, found = list(two_pitches), []
    paths[14], *_ = broken_files(tmp_path / "bad")
    task = task_of(paths, tmp_path, samples=1_000)
    task = replace(task, train=np.arange(12, 36), targets=torch.arange(36), classes=36)
    for seed in (0, 1):
        crops = Crops(task, Downstream(epochs=1, drop_epoch=1, batch=9), seed)
        found += epochs_of(crops)
        for step in range(len(crops)):
            batch, _ = crops[step]
            assert torch.equal(batch.labels, batch.clips)
            assert batch.crops.shape == (len(batch.clips), 1, 1_000)
    rows = [12, 13, *range(15, 36)]
    (order, one), (other_order, other) = found
    assert sorted(order) == sorted(other_order) == rows
    assert not any(torch.equal(one[row], other[row]) for row in rows)


def test_the_layer_that_fine_tuning_adds_follows_the_seed():
    f = build("tiny", FRONTEND)
    one, same, other = (Classifier(f, 3, seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_test_clip_that_cannot_be_decoded_shifts_no_score(two_pitches, tmp_path, monkeypatch):
    """Read file by file: clips 3 and 26 of 36 are broken; the others keep their own labels."""
    monkeypatch.setattr(clips_file, "CACHE_LIMIT", -1)
    paths = list(two_pitches)
    paths[3], paths[26], *_ = broken_files(tmp_path / "bad")
    scores, rows, skipped = tuned(paths, tmp_path, epochs=15, drop_epoch=12)
    assert rows.tolist() == [24, 25, *range(27, 36)]
    assert metrics.accuracy(scores.argmax(1), torch.from_numpy(rows) % 2) == 1.0
    assert [str(paths[i]) in entry["reason"] for i, entry in zip((3, 26), skipped)] == [True, True]


def test_fine_tuning_that_is_killed_is_resumed_to_the_bit(two_pitches, tmp_path, model):
    """SIGKILL at the fifth step of a training that saves after every one."""
    ranks.killed_at(5, ranks.fine_tuning, two_pitches, tmp_path / "cut")
    steps = []
    again = tuned(two_pitches, tmp_path / "cut", tell=lambda row: steps.append(row["step"]))
    resumed = model()
    whole = tuned(two_pitches, tmp_path / "whole")
    assert 5 <= steps[0] < 12 and steps[-1] == 12
    assert same_bits(resumed, model()) and torch.equal(again[0], whole[0])


def test_a_trained_encoder_is_fine_tuned_from_its_own_front_end(tones, tmp_path, model):
    method, _ = run_small(tones, tmp_path / "run", small(epochs=1))
    tuned(tones, tmp_path / "tuned", encoder=method.encoder, epochs=1, drop_epoch=1)
    assert model().encoder.mean == method.encoder.mean != 0
