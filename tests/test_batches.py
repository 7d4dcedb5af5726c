"""What a step sees of the clips (sections 3.2, 3.4): their order, the balanced draw, and crops."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import clips_of, gen, small, write
from scipy import stats
from torch.utils.data import DataLoader

from asglib.batches import BatchError, Batches, balanced, epoch_order, random_crops
from asglib.config import ConfigError
from asglib.data import clips


@pytest.fixture(scope="module")
def decoded(tones, tmp_path_factory):
    """24 clips of half a second."""
    return clips_of(tones, tmp_path_factory.mktemp("decoded"))


# --- the order of the clips ----------------------------------------------------------------------


def test_an_epoch_is_every_clip_once_in_an_order_of_its_own():
    orders = [
        epoch_order(small(seed=seed), epoch, 24, None).tolist()
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_order(small(), 1, 24, None).tolist() == orders[1]


@pytest.mark.parametrize("count, most", [(10, 1), (24, 1), (60, 3)])
def test_shorter_and_longer_epochs(count, most):
    order = epoch_order(small(clips_per_epoch=count), 0, 24, None)
    times = np.bincount(order, minlength=24)
    assert times.sum() == count
    assert times.max() == most and times.min() >= most - 1


def test_a_balanced_draw_gives_every_class_the_same_share_and_its_clips_by_chance():
    """As PANNs' rule: a rare class is not the rarer for the common labels that its clips carry."""
    labels = torch.tensor([0] * 90 + [1] * 10)
    order = epoch_order(small(clips_per_epoch=4_000), 0, 100, labels)
    counts = np.bincount(labels[order])
    assert counts.tolist() == [2_000, 2_000]
    rare = np.bincount(order[order >= 90] - 90)
    assert stats.chisquare(rare).pvalue > 1e-3
    plain = epoch_order(small(clips_per_epoch=4_000), 0, 100, None)
    assert np.bincount(labels[plain]).tolist() == [3_600, 400]


def test_a_balanced_draw_of_labels_in_any_order_gives_every_class_the_same_share():
    labels = torch.tensor(([0] * 9 + [1]) * 10)[torch.randperm(100, generator=gen())]
    drawn = balanced(labels, 4_000, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [2_000, 2_000]
    counts = np.bincount(drawn, minlength=100)
    assert stats.chisquare(counts[labels == 1]).pvalue > 1e-3
    assert stats.chisquare(counts[labels == 0]).pvalue > 1e-3


def test_a_class_whose_clips_carry_common_labels_too_is_drawn_as_often():
    """Two classes of 100 clips; those of the second carry two labels that 1,000 others have."""
    labels = torch.zeros(1_200, 4)
    labels[:100, 0] = 1
    labels[100:200, 1:] = 1
    labels[200:, 2:] = 1
    rng = np.random.default_rng(0)
    drawn = balanced(labels, 8_000, rng)
    first = np.bincount(drawn, minlength=1_200)[:100]
    assert first.sum() == 2_000 and stats.chisquare(first).pvalue > 1e-3
    # the second's share, and a hundred of 1,100 of the shares of the two common labels
    expected = 2_000 + 2 * 2_000 * 100 / 1_100
    second = int(((drawn >= 100) & (drawn < 200)).sum())
    assert abs(second - expected) < 5 * np.sqrt(expected)


def test_a_clip_without_a_label_is_never_drawn_and_a_class_without_clips_takes_no_share():
    labels = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]])
    drawn = balanced(labels, 3_000, np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], [750, 1_500, 750]).pvalue > 1e-3


# --- batches -------------------------------------------------------------------------------------


def positions(wave, parts):
    """Where in a wave each part was cut out; it must be there once."""
    windows = np.lib.stride_tricks.sliding_window_view(wave, len(parts[0]))
    found = []
    for part in parts:
        (where,) = np.flatnonzero((windows[:, :3] == part[:3]).all(1))
        np.testing.assert_array_equal(windows[where], part)
        found.append(where)
    return found


def test_a_batch_is_two_crops_of_each_clip(decoded):
    batches, seen = Batches(small(), decoded, torch.arange(24) % 3), []
    assert len(batches) == 6 and batches.steps_per_epoch == 3
    for step in range(6):
        batch, failed = batches[step]
        assert batch.crops.shape == (8, 2, 24 * 160) and failed == []
        assert batch.labels.tolist() == [number % 3 for number in batch.clips.tolist()]
        for number, crops in zip(batch.clips.tolist(), batch.crops.numpy()):
            one, other = positions(decoded.whole(number), crops)
            assert one != other
            seen.append(number)
    assert Batches(small(), decoded)[0][0].labels is None
    assert len(seen) == 48


def test_a_method_gets_as_many_crops_as_it_asks_for(decoded):
    config = small("Sup.")
    batch, _ = Batches(config, decoded, torch.arange(24) % 3)[0]
    assert config.settings.crops == 1 and batch.crops.shape == (8, 1, 24 * 160)


def test_the_crops_of_a_clip_change_from_epoch_to_epoch_and_not_from_run_to_run(decoded):
    runs = []
    for _ in range(2):
        batches, crops = Batches(small(), decoded), [{}, {}]
        for step in range(6):
            batch, _ = batches[step]
            crops[step // 3] |= dict(zip(batch.clips.tolist(), batch.crops[:, 0]))
        runs.append(crops)
    (first, second), again = runs
    assert len(first) == len(second) == 24
    assert not any(torch.equal(first[clip], second[clip]) for clip in range(24))
    assert all(torch.equal(first[clip], again[0][clip]) for clip in range(24))


def test_a_clip_that_comes_twice_in_an_epoch_has_other_crops(decoded):
    batches = Batches(small(clips_per_epoch=48), decoded)
    crops = {}
    for step in range(6):
        batch, _ = batches[step]
        for number, crop in zip(batch.clips.tolist(), batch.crops):
            crops.setdefault(number, []).append(crop)
    assert all(len(pair) == 2 and not torch.equal(*pair) for pair in crops.values())


def test_another_seed_has_other_crops_of_the_same_clip(decoded):
    crops = []
    for seed in (0, 1):
        batches, found = Batches(small(seed=seed), decoded), {}
        for step in range(3):
            batch, _ = batches[step]
            found |= dict(zip(batch.clips.tolist(), batch.crops[:, 0]))
        crops.append(found)
    assert len(crops[0]) == 24
    assert not any(torch.equal(crops[0][clip], crops[1][clip]) for clip in range(24))


@pytest.mark.parametrize("loaders", [1, 2])
def test_loader_processes_give_the_same_batches(decoded, loaders):
    batches = Batches(small(), decoded, torch.arange(24) % 3)
    loaded = list(DataLoader(batches, None, sampler=range(6), num_workers=loaders))
    for step, (batch, failed) in enumerate(loaded):
        expected, _ = batches[step]
        assert failed == []
        assert all(torch.equal(part, other) for part, other in zip(batch, expected))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_a_batch(decoded, world):
    whole, _ = Batches(small(), decoded)[4]
    parts = [Batches(small(), decoded, None, rank, world)[4][0] for rank in range(world)]
    assert [len(part.clips) for part in parts] == [8 // world] * world
    crops = {int(clip): row for part in parts for clip, row in zip(part.clips, part.crops)}
    assert sorted(crops) == sorted(whole.clips.tolist())
    assert all(torch.equal(crops[int(clip)], row) for clip, row in zip(whole.clips, whole.crops))


def test_what_cannot_be_shared_or_is_too_small_is_refused(decoded, tones, tmp_path):
    with pytest.raises(ConfigError, match="batch 8 cannot be shared by 3 processes; use a mult"):
        Batches(small(), decoded, None, 0, 3)
    few = clips_of(tones[:7], tmp_path)
    with pytest.raises(ConfigError, match="has 7 clips, fewer than one batch of 8; use a smaller"):
        Batches(small(), few)
    assert len(Batches(small(epochs=0, warmup_epochs=0), few)) == 0


# --- what cannot be decoded ----------------------------------------------------------------------


@pytest.fixture
def partly_broken(tones, tmp_path, monkeypatch):
    """Fifteen clips read crop by crop, and before them a file that is none."""
    monkeypatch.setattr(clips, "CACHE_LIMIT", 0)
    (tmp_path / "broken.wav").write_text("no audio")
    return clips_of([tmp_path / "broken.wav", *tones[:15]], tmp_path / "cache")


def test_what_cannot_be_decoded_is_left_out_and_named_and_labels_stay_with_their_clips(
    partly_broken,
):
    config = replace(small(), epochs=1)
    batches, seen, reasons = Batches(config, partly_broken, torch.arange(16) * 10), [], []
    for step in range(2):
        batch, failed = batches[step]
        assert len(batch.crops) == len(batch.clips) == 8 - len(failed)
        assert batch.labels.tolist() == [10 * number for number in batch.clips.tolist()]
        seen += batch.clips.tolist()
        reasons += failed
    drawn = np.concatenate([batches.numbers(step) for step in range(2)]).tolist()
    assert seen == [number for number in drawn if number]
    assert len(reasons) == drawn.count(0)
    assert all("broken.wav: cannot be decoded" in clip["reason"] for clip in reasons)


def test_a_batch_of_fewer_than_two_clips_is_none(partly_broken):
    def seeds(number):
        return [number]

    crops, kept, failed = random_crops(partly_broken, np.array([0, 1, 2]), 100, 2, seeds)
    assert crops.shape == (2, 2, 100) and kept.tolist() == [1, 2] and len(failed) == 1
    with pytest.raises(BatchError, match="fewer than two clips of a batch .*broken.wav: cannot"):
        random_crops(partly_broken, np.array([0, 1]), 100, 2, seeds)


def test_short_and_silent_clips_are_padded(tmp_path):
    """10 ms of sound stand somewhere among zeros; silence stays silence."""
    waves = {"short": np.full(160, 0.5), "silent": np.zeros(99)}
    paths = [write(tmp_path / f"{name}.wav", wave) for name, wave in waves.items()]
    crops, *_ = random_crops(
        clips_of(paths, tmp_path / "cache"), np.arange(2), 3_840, 4, lambda number: [number]
    )
    assert crops[0].count_nonzero(1).tolist() == [160] * 4 and not crops[1].any()
    assert len({int(row.nonzero()[0]) for row in crops[0]}) > 1
