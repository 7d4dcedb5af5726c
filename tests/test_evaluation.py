"""Downstream evaluation (paper section 3.2): features with known answers, written-out scores, encoders left alone."""

import copy

import numpy as np
import pytest
import torch
from conftest import CPU, clips_of, gen, same_bits, tone, write
from scipy import stats
from sklearn.metrics import average_precision_score

from asglib import audio, encoder, evaluation
from asglib.config import Downstream, Frontend
from asglib.evaluation import Segments, embed, fine_tune, per_clip, train_linear
from asglib.frontend import LogSpectrogram

FRONTEND = LogSpectrogram(Frontend(window=256, n_fft=256))
SHORT = Downstream(epochs=30, drop_epoch=20, batch=32, lr=1e-2)


# --- scores --------------------------------------------------------------------------------------


def test_scores_of_segments_are_averaged_by_clip():
    scores = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.8, 0.2], [0.3, 0.7]])
    clip = torch.tensor([0, 2, 0, 2, 2])
    expected = torch.tensor([[0.75, 0.25], [0.0, 0.0], [1.1 / 3, 1.9 / 3]])
    torch.testing.assert_close(per_clip(scores, clip, 3), expected)
    assert (
        per_clip(scores, clip, 3)[2].argmax() == 1 and scores[3].argmax() == 0
    )  # the mean decides, not a segment


def test_probabilities():
    logits = torch.tensor([[0.0, float(np.log(3.0))]])
    torch.testing.assert_close(evaluation.scores(logits, False), torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(evaluation.scores(logits, True), torch.tensor([[0.5, 0.75]]))


def test_objectives_written_out():
    logits = torch.tensor([[0.0, float(np.log(3.0))]])
    assert evaluation.objective(logits, torch.tensor([0])).item() == pytest.approx(-np.log(0.25))
    expected = -(np.log(0.5) + np.log(0.25)) / 2  # first is there, second is not
    assert evaluation.objective(logits, torch.tensor([[1, 0]])).item() == pytest.approx(expected)


def test_accuracy():
    assert evaluation.accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])) == 0.75


def test_average_precision_written_out():
    """Class 0: positives at ranks 1 and 3, (1/1 + 2/3) / 2; class 1 has none; class 2: at rank 4 only, 1/4."""
    scores = torch.tensor([[0.9, 0.1, 0.8], [0.8, 0.4, 0.7], [0.7, 0.3, 0.6], [0.1, 0.2, 0.5]])
    targets = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]])
    found = evaluation.average_precisions(scores, targets)
    assert found == [pytest.approx(5 / 6), None, pytest.approx(1 / 4)]
    assert found[0] == pytest.approx(average_precision_score([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]))
    assert evaluation.mean_average_precision(found) == pytest.approx((5 / 6 + 1 / 4) / 2)
    assert evaluation.mean_average_precision([None, 0.0, 1.0]) == 0.5
    assert evaluation.mean_average_precision([None, None]) is None


def test_average_precision_equals_sklearns_on_random_scores():
    scores = torch.rand(80, 6, generator=gen())
    targets = (torch.rand(80, 6, generator=gen(1)) < 0.2).long()
    ours = evaluation.mean_average_precision(evaluation.average_precisions(scores, targets))
    assert ours == pytest.approx(
        average_precision_score(targets.numpy(), scores.numpy(), average="macro")
    )


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, frames", [(5.0, 500), (0.8, 80), (3.004, 300), (10.0, 1_000), (64.0, 1_000)]
)
def test_frames_follow_the_average_duration(seconds, frames):
    assert evaluation.frames_of(seconds, Downstream()) == frames


def test_blocks_are_means_over_time():
    spectrogram = torch.arange(40.0).view(1, 2, 20)
    expected = [[0.5 + 2 * i for i in range(10)], [20.5 + 2 * i for i in range(10)]]
    assert evaluation.blocks(spectrogram).view(2, 10).tolist() == expected


@pytest.fixture
def lengths(tmp_path):
    """Clips of 1, 2.5, 0.4 and 3.75 segments of 40 frames, each a tone of its own."""
    seconds = [0.4, 1.0, 0.16, 1.5]
    paths = [
        write(tmp_path / f"{i}.wav", tone(500 + 900 * i, s) + 1e-3) for i, s in enumerate(seconds)
    ]
    return clips_of(paths, tmp_path / "cache")


def test_every_segment_is_embedded_once_and_in_order(lengths):
    sizes = []
    found = embed(
        lambda s: sizes.append(len(s)) or evaluation.blocks(s), FRONTEND, lengths, 40, CPU, batch=4
    )
    assert found.clip.tolist() == [0, 1, 1, 1, 2, 3, 3, 3, 3] and sizes == [4, 4, 1]
    alone = [
        evaluation.blocks(FRONTEND(torch.from_numpy(part)[None]))[0]
        for i in range(4)
        for part in audio.segments(lengths.whole(i), 6_400)
    ]
    torch.testing.assert_close(found.features, torch.stack(alone), rtol=1e-5, atol=1e-4)
    assert torch.equal(
        embed(evaluation.blocks, FRONTEND, lengths, 40, CPU, batch=100).clip, found.clip
    )


def test_embedding_leaves_the_encoder_as_it_was(lengths):
    f = encoder.build("tiny", mean=-8, std=3).eval()
    before = copy.deepcopy(f)
    found = embed(f, FRONTEND, lengths, 40, CPU, batch=4)
    assert (
        same_bits(f, before)
        and found.features.shape == (9, 128)
        and not found.features.requires_grad
    )
    alone = embed(f, FRONTEND, lengths, 40, CPU, batch=1).features
    torch.testing.assert_close(found.features, alone, rtol=1e-4, atol=1e-5)


# --- linear evaluation ---------------------------------------------------------------------------


def blobs(clips, seed, classes=4, per=3, spread=0.5):
    """Separable features of `per` segments a clip, on different scales and far from zero, and the labels."""
    labels = torch.arange(clips) % classes
    clip = torch.arange(clips).repeat_interleave(per)
    centres = 3 * torch.eye(classes, 8)
    features = centres[labels[clip]] + spread * torch.randn(len(clip), 8, generator=gen(seed))
    return Segments((features + 10) * torch.logspace(-1, 1, 8), clip), labels


@torch.no_grad()
def accuracy_of(layer, segments, labels):
    scores = per_clip(
        evaluation.scores(layer(segments.features), False), segments.clip, len(labels)
    )
    return evaluation.accuracy(scores.argmax(1), labels)


def test_separable_features_are_solved():
    (train, labels), (test, test_labels) = blobs(80, 0), blobs(40, 1)
    layer = train_linear(train, labels, 4, SHORT, 0)
    assert accuracy_of(layer, train, labels) == accuracy_of(layer, test, test_labels) == 1.0


def test_shuffled_labels_give_chance():
    """Clips of one class fall together, so the trials are the shuffles, not the clips."""
    (train, labels), (test, test_labels) = blobs(80, 0), blobs(80, 1)
    quick = Downstream(epochs=4, drop_epoch=2, batch=32, lr=3e-2)
    found = []
    for seed in range(30):
        shuffled = labels[torch.randperm(80, generator=gen(seed))]
        found.append(accuracy_of(train_linear(train, shuffled, 4, quick, seed), test, test_labels))
    assert stats.ttest_1samp(found, 0.25).pvalue > 1e-2 and np.std(found) < 0.3
    assert (
        accuracy_of(train_linear(train, labels, 4, quick, 0), test, test_labels) > 0.99
    )  # the same with true labels


def test_several_labels_a_clip():
    segments, labels = blobs(80, 0)
    targets = torch.stack([labels == 0, labels < 2, labels % 2 == 1], 1).long()
    layer = train_linear(segments, targets, 3, SHORT, 0)
    with torch.no_grad():
        scores = per_clip(evaluation.scores(layer(segments.features), True), segments.clip, 80)
    assert evaluation.average_precisions(scores, targets) == [1.0, 1.0, 1.0]


def test_a_feature_that_never_changes_does_no_harm():
    segments, labels = blobs(80, 0)
    segments.features[:, 3] = 5.0
    layer = train_linear(segments, labels, 4, SHORT, 0)
    assert (
        torch.isfinite(layer(segments.features)).all()
        and accuracy_of(layer, segments, labels) > 0.7
    )


def test_the_same_seed_gives_the_same_classifier():
    segments, labels = blobs(80, 0)
    one, two, other = (train_linear(segments, labels, 4, SHORT, seed) for seed in (0, 0, 1))
    assert same_bits(one, two) and not same_bits(one, other)


@pytest.mark.parametrize("epoch, rate", [(0, 1e-3), (49, 1e-3), (50, 1e-4), (99, 1e-4)])
def test_the_learning_rate_drops_after_50_epochs(epoch, rate):
    optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=7.0)
    evaluation._set_rate(optim, Downstream(), epoch)
    assert optim.param_groups[0]["lr"] == pytest.approx(rate)


# --- fine-tuning ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_pitches(tmp_path_factory):
    """24 clips of a low or a high tone; the labels."""
    folder = tmp_path_factory.mktemp("pitches")
    rng = np.random.default_rng(0)
    paths = [
        write(folder / f"{i}.wav", tone((600, 4_000)[i % 2] + rng.uniform(-200, 200), 0.3))
        for i in range(24)
    ]
    return clips_of(paths, folder / "cache"), torch.arange(24) % 2


def tuned(two_pitches, f, rows=np.arange(24), seed=0, workers=0, **changes):
    clips, labels = two_pitches
    how = Downstream(**({"epochs": 15, "drop_epoch": 12, "batch": 8, "lr": 3e-3} | changes))
    return fine_tune(f, FRONTEND, clips, rows, labels[rows], 2, 24, how, seed, CPU, workers=workers)


def test_fine_tuning_learns_and_leaves_the_given_encoder_alone(two_pitches):
    clips, labels = two_pitches
    f = encoder.build("tiny", mean=-8, std=4)
    before = copy.deepcopy(f)
    model = tuned(two_pitches, f)
    assert same_bits(f, before) and not same_bits(model[0], before) and not model.training
    segments = embed(model, FRONTEND, clips, 24, CPU)
    assert (
        evaluation.accuracy(per_clip(segments.features, segments.clip, 24).argmax(1), labels) == 1.0
    )


def test_fine_tuning_starts_at_the_frozen_encoders_weights(two_pitches):
    f = encoder.build("tiny", seed=5)
    model = tuned(two_pitches, f, epochs=1, drop_epoch=1, lr=1e-12)
    pairs = list(zip(model[0].parameters(), f.parameters()))
    assert len(pairs) > 10 and all(torch.allclose(a, b, rtol=0, atol=1e-9) for a, b in pairs)
    moved = tuned(two_pitches, f, epochs=1, drop_epoch=1)
    assert not any(
        torch.equal(a, b) for a, b in zip(moved[0].parameters(), f.parameters()) if b.ndim > 1
    )


def test_fine_tuning_is_a_function_of_its_seed(two_pitches):
    f, state = encoder.build("tiny"), torch.get_rng_state()
    one, two, other = (
        tuned(two_pitches, f, seed=seed, epochs=1, drop_epoch=1) for seed in (0, 0, 1)
    )
    assert (
        same_bits(one, two)
        and not same_bits(one, other)
        and torch.equal(torch.get_rng_state(), state)
    )


def test_loader_processes_do_not_change_a_bit_of_fine_tuning(two_pitches):
    f = encoder.build("tiny")
    assert same_bits(
        *(tuned(two_pitches, f, workers=workers, epochs=2, drop_epoch=1) for workers in (0, 2))
    )


def test_only_the_rows_asked_for_are_trained_on(two_pitches, monkeypatch):
    clips, _ = two_pitches
    seen, crop = [], clips.crop
    monkeypatch.setattr(clips, "crop", lambda i, *rest: seen.append(i) or crop(i, *rest))
    tuned(
        two_pitches, encoder.build("tiny"), rows=np.array([3, 20, 8, 13, 5, 6, 1, 0, 2]), epochs=2
    )
    assert sorted(seen) == sorted([3, 20, 8, 13, 5, 6, 1, 0, 2] * 2)
