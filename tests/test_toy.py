"""The embedded corpus: balanced factors, separate draws, factors that are what they are called."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from test_runs import small_disk

from asglib.adversaries import flip_time
from asglib.config import Frontend
from asglib.data import toy
from asglib.data.sets import DATASETS
from asglib.frontend import LogSpectrogram

FACTORS = list(toy.CLASSES)


def factors(pattern=0, register=0, direction=0, order=0):
    return {"pattern": pattern, "register": register, "direction": direction, "order": order}


def clip(seed=0, **ids):
    return toy.clip(factors(**ids), np.random.default_rng(seed))


# --- the index ------------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", list(toy.CORPORA))
def test_every_combination_is_equally_frequent(corpus):
    """Then each factor is balanced and no two say anything of each other, in either split."""
    index = toy.plan(corpus)
    classes = index.attrs["classes"]
    combinations = np.prod([len(names) for names in classes.values()])
    for _split, rows in index.groupby("split"):
        counts = rows.groupby(list(classes)).size()
        assert len(counts) == combinations and counts.nunique() == 1 and counts.iloc[0] >= 2
    assert set(index.split) == {"train", "test"} and not index.path.duplicated().any()
    assert all(set(index[factor]) <= set(names) for factor, names in classes.items())


def test_the_table_of_sets_states_what_the_corpora_hold():
    for corpus in toy.CORPORA:
        index, row = toy.plan(corpus), DATASETS[corpus]
        counts = index.split.value_counts().to_dict() | {"clips": len(index)}
        assert row.counts == counts and list(row.tasks) == list(index.attrs["classes"])
    assert all(DATASETS[name].seconds == toy.CLIP_SECONDS for name in ("toy", "toy-a", "toy-b"))
    scene = toy.scene({"pattern": 0, "register": 0}, np.random.default_rng(0))
    assert len(scene) / toy.RATE == DATASETS["toy-scenes"].seconds


def test_the_two_corpora_share_no_pattern():
    a, b = (set(toy.plan(name).pattern) for name in ("toy-a", "toy-b"))
    assert len(a) == len(b) == 3 and not a & b and a | b == set(toy.PATTERNS)


# --- on disk --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The first 24 clips of either split, built twice."""
    patch = pytest.MonkeyPatch()
    patch.setattr(toy, "CLIPS", {"train": 8, "test": 8})
    folders = [tmp_path_factory.mktemp(name) / "toy-a" for name in ("one", "two")]
    indices = [toy.build(folder) for folder in folders]
    yield folders, indices
    patch.undo()


def test_the_same_bytes_every_time(built):
    (one, two), (index, again) = built
    pd.testing.assert_frame_equal(index, again)
    assert len(index) == 48
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in index.path)


def test_clips_are_flac_of_one_rate_and_length(built):
    (folder, _), (index, _) = built
    for path in index.path[:10]:
        header = soundfile.info(str(folder / path))
        assert (header.format, header.samplerate, header.channels, header.frames) == (
            "FLAC",
            16_000,
            1,
            12_800,
        )


def test_train_and_test_are_different_draws(built):
    """No two clips are alike, those with the same factors least of all by accident."""
    (folder, _), (index, _) = built
    waves = np.stack([soundfile.read(str(folder / path))[0] for path in index.path])
    assert len(np.unique(waves.round(4), axis=0)) == 48
    train, test = ((index.split == split).to_numpy() for split in ("train", "test"))
    assert (index[train][FACTORS].to_numpy() == index[test][FACTORS].to_numpy()).all()
    alike = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(waves[train], waves[test])]
    assert len(alike) == 24 and max(alike) < 0.9


def test_what_is_there_is_not_written_again(built):
    (folder, _), (index, _) = built
    kept = {path: (folder / path).stat().st_mtime_ns for path in index.path}
    missing = index.path[3]
    content = (folder / missing).read_bytes()
    (folder / missing).unlink()
    toy.build(folder)
    assert (folder / missing).read_bytes() == content
    assert all(
        (folder / path).stat().st_mtime_ns == time for path, time in kept.items() if path != missing
    )


def test_the_bytes_are_those_that_libsndfile_writes_itself(built, tmp_path):
    """Names of runs contain their sums."""
    (folder, _), (index, _) = built
    names = [index.loc[5, factor] for factor in FACTORS]
    ids = {f: index.attrs["classes"][f].index(name) for f, name in zip(FACTORS, names)}
    corpus = sorted(toy.CORPORA).index("toy-a")
    wave = toy.clip(ids, np.random.default_rng((corpus, False, 5)), toy.CORPORA["toy-a"])
    soundfile.write(tmp_path / "a.flac", wave, 16_000, "PCM_16", format="FLAC")
    assert (folder / index.path[5]).read_bytes() == (tmp_path / "a.flac").read_bytes()


def test_a_full_disk_is_told_with_the_file_and_leaves_none(tmp_path):
    with small_disk(5_000), pytest.raises(OSError, match="make room: .*toy-a/train/0000.flac"):
        toy.build(tmp_path / "toy-a")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- what the factors are -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids", [factors(*ids) for ids in itertools.product((0, 3, 5), (0, -1), (0, 1), (0, 1))]
)
def test_waves_are_waves(ids):
    wave = toy.clip(ids, np.random.default_rng(1))
    assert wave.dtype == np.float32 and wave.shape == (12_800,)
    assert 0.1 < np.abs(wave).max() <= 1 and abs(wave.mean()) < 0.02


def band(register):
    return slice(int(toy.REGISTERS[register]) - 300, int(toy.REGISTERS[register]) + 1_900)


@pytest.mark.parametrize("pattern", range(6))
def test_a_register_moves_the_spectrum_by_the_stated_hertz(pattern):
    """With all else drawn alike, the spectrum slides up and keeps its shape."""

    def spectrum(register):
        return np.abs(np.fft.rfft(clip(2, pattern=pattern, register=register), 16_000))[
            :7_500
        ]  # 1 Hz a bin

    lowest = spectrum(0)
    for register in range(1, len(toy.REGISTERS)):
        likeness = np.correlate(spectrum(register)[band(register)], lowest[band(0)], "full")
        slide = likeness.argmax() - (2_200 - 1)
        assert abs(slide) <= 3


@pytest.mark.parametrize("pattern", range(6))
def test_a_register_lies_where_its_name_says(pattern):
    """An event lies between its register and 1500 Hz above it, give or take the jitter."""
    for register, hertz in enumerate(toy.REGISTERS):
        assert toy.CLASSES["register"][register] == f"{hertz:.0f} Hz"
        energy = np.abs(np.fft.rfft(clip(4, pattern=pattern, register=register), 16_000)) ** 2
        inside = energy[int(hertz) - 150 : int(hertz) + 1_650].sum()
        assert inside > 0.75 * energy.sum()


def envelope(wave, size=160):
    return np.sqrt((wave.reshape(-1, size) ** 2).mean(axis=1))


@pytest.mark.parametrize("pattern", range(6))
def test_events_begin_hard_and_die_away_unless_reversed(pattern):
    """The energy of an event lies early when it runs forwards and late when it is reversed."""

    def centre(direction, seed):
        loud = envelope(clip(seed, pattern=pattern, direction=direction))[
            10:44
        ]  # event first, before the click
        return (np.arange(34) * loud**2).sum() / (loud**2).sum()

    assert all(centre(0, seed) + 6 < centre(1, seed) for seed in range(5))


@pytest.mark.parametrize("pattern", range(6))
def test_a_time_flip_turns_direction_and_order_round(pattern):
    """FT of a forwards clip, event first, is like a reversed one, click first."""
    spectrogram = LogSpectrogram(
        replace(Frontend(), floor=0.1)
    )  # only what is well above the background

    def nearest(a, b):
        """The highest correlation of two spectrograms over shifts in time."""
        return max(
            np.corrcoef(a.flatten(), b.roll(shift, -1).flatten())[0, 1] for shift in range(-30, 31)
        )

    s, turned = (
        spectrogram(
            torch.from_numpy(clip(6, pattern=pattern, register=1, direction=d, order=d))[None]
        )[0]
        for d in (0, 1)
    )
    assert nearest(flip_time(s), turned) > nearest(s, turned) + 0.03
    assert nearest(flip_time(s), turned) > 0.8


@pytest.mark.parametrize("register", [0, len(toy.REGISTERS) - 1])
def test_order_says_which_comes_first(register):
    """The click is the only sound outside the event's band, and it is short."""
    low, high = int(toy.REGISTERS[register]) - 300, int(toy.REGISTERS[register]) + 2_000
    for seed, order in itertools.product(range(4), (0, 1)):
        spectrum = np.fft.rfft(clip(seed, pattern=1, register=register, order=order))
        hertz = np.fft.rfftfreq(12_800, 1 / 16_000)
        inside = (hertz > low) & (hertz < high)
        click, event = (
            envelope(np.fft.irfft(np.where(keep, spectrum, 0), 12_800))
            for keep in (~inside, inside)
        )
        assert (click.argmax() < np.average(np.arange(80), weights=event**2)) == bool(order)
