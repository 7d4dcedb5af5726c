"""The waves of an index's rows: decoded once, or read crop by crop where they are many (3.2)."""

import logging
import os

import numpy as np
import pytest
import soundfile
from conftest import DAMAGE, broken_files, clips_of, damage, noise, tone, write

from asglib import audio
from asglib.audio import AudioError, read
from asglib.data import clips


@pytest.fixture
def undecoded(monkeypatch):
    """Every corpus is too large to be kept decoded."""
    monkeypatch.setattr(clips, "CACHE_LIMIT", -1)


@pytest.fixture
def mixed(tmp_path):
    """Good files between broken ones, one of them stereo at 48 kHz: all paths, the good ones."""
    bad = broken_files(tmp_path / "bad")
    good = [write(tmp_path / f"{i}.wav", noise(8_000 + i, i)) for i in range(3)]
    stereo = write(tmp_path / "stereo.wav", noise(9_600, 9).reshape(4_800, 2), 48_000)
    return bad[:3] + good[:1] + bad[3:] + good[1:] + [stereo], good + [stereo]


# --- decoded once --------------------------------------------------------------------------------


def test_what_cannot_be_decoded_is_left_out_and_listed(tmp_path, mixed):
    paths, good = mixed
    found = clips_of(paths, tmp_path / "cache")
    assert [str(paths[row]) for row in found.keep] == [str(path) for path in good]
    assert [found.path(i) for i in range(4)] == [str(path) for path in good]
    assert len(found) == 4
    for number, path in enumerate(good):
        np.testing.assert_array_equal(found.whole(number), read(path))
        assert found.samples(number) == len(read(path))
    assert [entry["path"] for entry in found.skipped] == [str(p) for p in paths if p not in good]
    assert len(found.skipped) == 8
    assert all(entry["path"] in entry["reason"] for entry in found.skipped)


def test_a_corpus_of_broken_files_only_is_empty(tmp_path):
    found = clips_of(broken_files(tmp_path / "bad"), tmp_path / "cache")
    assert len(found) == 0 and len(found.skipped) == 8


def test_files_are_decoded_once(tmp_path, mixed, monkeypatch):
    paths, _ = mixed
    first = clips_of(paths, tmp_path / "cache")

    def refuse(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(audio, "read", refuse)
    second = clips_of(paths, tmp_path / "cache")
    assert second.skipped == first.skipped and len(second) == len(first) == 4
    for number in range(4):
        np.testing.assert_array_equal(second.whole(number), first.whole(number))


@pytest.mark.parametrize("samples", [8_000, 9_000])
def test_a_changed_file_is_decoded_again(tmp_path, samples):
    """Also one whose new content is as long as the old."""
    path = write(tmp_path / "a.wav", noise(8_000, 1))
    assert len(clips_of([path], tmp_path / "cache").whole(0)) == 8_000
    write(path, noise(samples, 2))
    os.utime(path, ns=(1, 10**18))  # a coarse clock may give both the same time
    np.testing.assert_array_equal(clips_of([path], tmp_path / "cache").whole(0), noise(samples, 2))


def test_another_decoder_does_not_find_the_waves_of_this_one(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", noise(8_000, 1))
    key = clips_of([path], tmp_path / "cache")._key()
    monkeypatch.setattr(clips.soxr, "__version__", "another")
    assert clips_of([path], tmp_path / "cache")._key() != key


@pytest.mark.parametrize("kind", ["f32", "json"])
@pytest.mark.parametrize("how", [*DAMAGE, "one clip short", "shifted"])
def test_damaged_waves_are_named_and_decoded_again(tmp_path, caplog, kind, how):
    paths = [write(tmp_path / f"{i}.wav", noise(8_000 + i, i)) for i in range(3)]
    before = [wave.copy() for wave in map(clips_of(paths, tmp_path / "cache").whole, range(3))]
    (kept,) = (tmp_path / "cache").rglob(f"*.{kind}")
    content = kept.read_bytes()
    more = {"one clip short": content[: -4 * 8_002], "shifted": content[4:] + content[:4]}
    damage(kept, how, more.get(how))
    with caplog.at_level(logging.WARNING, "asglib"):
        found = clips_of(paths, tmp_path / "cache")
    for number, wave in enumerate(before):
        np.testing.assert_array_equal(found.whole(number), wave)
    assert how == "gone" or str(kept) in caplog.text


# --- read crop by crop ---------------------------------------------------------------------------


def test_large_corpora_are_read_from_their_files(tmp_path, mixed, monkeypatch):
    paths, good = mixed
    cached = clips_of(good, tmp_path / "cache")
    monkeypatch.setattr(clips, "CACHE_LIMIT", -1)
    direct = clips_of(paths, tmp_path / "cache")
    assert cached.waves is not None and direct.waves is None and len(direct) == len(paths)
    rows = [paths.index(path) for path in good]
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(direct.whole(row), cached.whole(number))
        assert abs(direct.samples(row) - cached.samples(number)) <= 1
    for row in set(range(len(paths))) - set(rows):
        with pytest.raises(AudioError):
            direct.whole(row)
        with pytest.raises(AudioError):
            direct.crop(row, 2_000, np.random.default_rng(0))


def test_a_random_crop_reads_only_what_it_needs(tmp_path, monkeypatch, undecoded):
    wave = noise(64_000)
    path = write(tmp_path / "long.wav", wave)
    found, decoded = clips_of([path], tmp_path / "cache"), []

    class Counting(soundfile.SoundFile):
        def read(self, *args, **kwargs):
            part = super().read(*args, **kwargs)
            decoded.append(len(part))
            return part

    monkeypatch.setattr(audio.soundfile, "SoundFile", Counting)
    windows, starts = np.lib.stride_tricks.sliding_window_view(wave, 1_600), []
    for seed in range(40):
        part = found.crop(0, 1_600, np.random.default_rng(seed))
        positions = np.flatnonzero(windows[:, 0] == part[0])
        positions = [start for start in positions if np.array_equal(windows[start], part)]
        assert len(positions) == 1  # exactly a slice of the whole
        starts += positions
    assert decoded == [1_600] * 40
    assert min(starts) < 8_000 and max(starts) > 54_000


@pytest.mark.parametrize("limit", [-1, 2**30])
def test_rows_are_parts_of_a_file(tmp_path, monkeypatch, limit):
    """start and stop of a row bound its clip and every crop of it, read from a cache or not."""
    monkeypatch.setattr(clips, "CACHE_LIMIT", limit)
    wave = np.arange(16_000) / 16_000
    path = write(tmp_path / "ramp.wav", wave)
    start, stop = [0.25, 0.5, np.nan], [0.5, np.nan, 0.125]
    found = clips_of([path, path, path], tmp_path / "cache", start, stop)
    for number, (low, high) in enumerate([(4_000, 8_000), (8_000, 16_000), (0, 2_000)]):
        np.testing.assert_allclose(found.whole(number), wave[low:high], atol=1e-7)
        assert found.samples(number) == high - low
        for seed in range(20):
            part = found.crop(number, 1_000, np.random.default_rng(seed))
            assert len(part) == 1_000
            assert wave[low] - 1e-7 <= part.min() and part.max() <= wave[high - 1] + 1e-7


def test_crops_of_resampled_files_have_the_length(tmp_path, undecoded):
    path = write(tmp_path / "a.wav", tone(500, 1.0, 44_100), 44_100)
    found = clips_of([path], tmp_path / "cache")
    parts = [found.crop(0, 3_333, np.random.default_rng(seed)) for seed in range(30)]
    assert {len(part) for part in parts} == {3_333}
    assert all(np.abs(part[200:-200]).max() == pytest.approx(0.5, abs=0.02) for part in parts)
