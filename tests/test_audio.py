"""Audio files to waves (paper section 3.2): exact reading, written-out parts, and files that are no audio."""

import os

import numpy as np
import pytest
import soundfile
import soxr
from conftest import clips_of, tone, write

from asglib import audio
from asglib.audio import AudioError, crop, pad, read, segments


def noise(samples, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, samples).astype(np.float32)


# --- decoding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, subtype, tolerance",
    [("a.wav", "FLOAT", 0), ("a.wav", "PCM_16", 2**-15), ("a.flac", "PCM_16", 2**-15)],
)
def test_16_khz_mono_is_read_as_it_is(tmp_path, name, subtype, tolerance):
    wave = noise(5_000)
    found = read(write(tmp_path / name, wave, subtype=subtype))
    assert found.dtype == np.float32 and found.shape == (5_000,)
    np.testing.assert_allclose(found, wave, rtol=0, atol=tolerance)


def test_channels_are_averaged_and_48_khz_resampled(tmp_path):
    stereo = noise(48_000).reshape(24_000, 2)
    found = read(write(tmp_path / "stereo.wav", stereo, 48_000))
    expected = soxr.resample((stereo[:, 0] + stereo[:, 1]) / 2, 48_000, 16_000, quality="HQ")
    assert found.shape == (8_000,)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_pitch_level_and_length(tmp_path, rate):
    found = read(write(tmp_path / "tone.wav", tone(1000, 1.0, rate), rate))
    assert abs(len(found) - 16_000) <= 1
    middle = found[4_000:12_000]
    spectrum = np.abs(np.fft.rfft(middle))
    assert spectrum.argmax() == 500 and np.abs(middle).max() == pytest.approx(0.5, abs=0.005)


def test_a_tone_above_8_khz_does_not_fold_back(tmp_path):
    assert (
        np.abs(
            read(write(tmp_path / "high.wav", tone(11_000, 1.0, 48_000), 48_000))[2_000:-2_000]
        ).max()
        < 1e-3
    )


def test_a_part_is_that_part(tmp_path):
    wave = noise(16_000)
    path = write(tmp_path / "a.wav", wave)
    np.testing.assert_array_equal(read(path, 0.25, 0.75), wave[4_000:12_000])
    np.testing.assert_array_equal(read(path, 0.9), wave[14_400:])
    np.testing.assert_array_equal(read(path, 0.9, 5.0), wave[14_400:])


def test_header(tmp_path):
    assert audio.info(write(tmp_path / "a.wav", noise(999).reshape(333, 3), 22_050)) == (
        333,
        22_050,
        3,
    )


# --- parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length, before, expected",
    [
        (7, 0.5, [0, 0, 1, 2, 3, 0, 0]),
        (6, 0.5, [0, 1, 2, 3, 0, 0]),
        (5, 0.0, [1, 2, 3, 0, 0]),
        (5, 1.0, [0, 0, 1, 2, 3]),
        (3, 0.5, [1, 2, 3]),
        (2, 0.5, [1, 2, 3]),
    ],
)
def test_padding_written_out(length, before, expected):
    assert pad(np.array([1.0, 2, 3]), length, before).tolist() == expected


@pytest.mark.parametrize(
    "samples, expected",
    [
        (8, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (9, [[0, 1, 2, 3], [4, 5, 6, 7]]),  # a rest of less than half a part is dropped
        (10, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]),  # half a part is kept
        (7, [[0, 1, 2, 3], [4, 5, 6, 0]]),
        (4, [[0, 1, 2, 3]]),
        (5, [[0, 1, 2, 3]]),
        (2, [[0, 0, 1, 0]]),
        (1, [[0, 0, 0, 0]]),
    ],
)
def test_segments_written_out(samples, expected):
    assert segments(np.arange(float(samples)), 4).tolist() == expected


def test_crops_start_everywhere_equally_often():
    rng, wave = np.random.default_rng(0), np.arange(100.0)
    starts = [crop(wave, 90, rng)[0] for _ in range(2_200)]
    counts = np.bincount(np.array(starts, int), minlength=11)
    assert len(counts) == 11 and counts.min() > 140 and counts.max() < 260
    parts = [crop(wave, 90, rng) for _ in range(20)]
    assert all(np.array_equal(part, np.arange(part[0], part[0] + 90)) for part in parts)


def test_short_clips_lie_anywhere_among_zeros():
    rng = np.random.default_rng(0)
    places = []
    for _ in range(300):
        part = crop(np.ones(4), 8, rng)
        assert len(part) == 8 and part.sum() == 4 and np.ptp(np.flatnonzero(part)) == 3
        places.append(int(part.argmax()))
    assert set(places) >= {0, 1, 2, 3} and len(crop(np.ones(8), 8, rng)) == 8


def test_10_ms_become_one_padded_segment(tmp_path):
    wave = read(write(tmp_path / "short.wav", np.full(160, 0.5)))
    assert wave.shape == (160,)
    part = segments(wave, 48_000)
    assert (
        part.shape == (1, 48_000) and part.sum() == 80 and part[0, 23_920] == part[0, 24_079] == 0.5
    )


# --- files that are no audio -------------------------------------------------------------------------------------


def broken(folder):
    """One file of each kind that cannot become a wave."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is a text file\n" * 40)
    hole = noise(2_000)
    hole[1_000] = np.nan
    write(folder / "nan.wav", hole)
    endless = noise(2_000)
    endless[5] = np.inf
    write(folder / "inf.wav", endless)
    write(folder / "no_samples.wav", np.zeros(0))
    (folder / "folder.wav").mkdir()
    whole = write(folder / "cut.flac", noise(9_000), subtype="PCM_16")
    whole.write_bytes(whole.read_bytes()[:40])
    return [
        folder / f
        for f in (
            "empty.wav",
            "text.wav",
            "nan.wav",
            "inf.wav",
            "no_samples.wav",
            "folder.wav",
            "cut.flac",
            "not_there.wav",
        )
    ]


def test_each_gives_one_sentence_that_names_the_file(tmp_path):
    found = {}
    for path in broken(tmp_path):
        with pytest.raises(AudioError) as error:
            read(path)
        sentence = found[path.name] = str(error.value)
        assert sentence.startswith(str(path)) and "\n" not in sentence and sentence.endswith(".")
    assert len(found) == 8
    assert "not finite" in found["nan.wav"] and "not finite" in found["inf.wav"]
    assert "holds no samples" in found["no_samples.wav"]


def test_nothing_after_the_end(tmp_path):
    with pytest.raises(AudioError, match="holds no samples from 2 s on"):
        read(write(tmp_path / "a.wav", noise(16_000)), 2.0)


# --- many clips --------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path):
    """Good files between broken ones, one of them stereo at 48 kHz, and their waves."""
    bad = broken(tmp_path / "bad")
    good = [write(tmp_path / f"{i}.wav", noise(8_000 + i, i)) for i in range(3)]
    stereo = write(tmp_path / "stereo.wav", noise(9_600, 9).reshape(4_800, 2), 48_000)
    return bad[:3] + good[:1] + bad[3:] + good[1:] + [stereo], good + [stereo]


def test_what_cannot_be_decoded_is_left_out_and_listed(tmp_path, mixed):
    paths, good = mixed
    clips = clips_of(paths, tmp_path / "cache")
    assert len(clips) == 4 and [str(paths[row]) for row in clips.keep] == [str(p) for p in good]
    for number, path in enumerate(good):
        np.testing.assert_array_equal(clips.whole(number), read(path))
    assert [entry["path"] for entry in clips.skipped] == [str(p) for p in paths if p not in good]
    assert (
        all(entry["path"] in entry["reason"] for entry in clips.skipped) and len(clips.skipped) == 8
    )


def test_a_corpus_of_broken_files_only_is_empty(tmp_path):
    clips = clips_of(broken(tmp_path / "bad"), tmp_path / "cache")
    assert len(clips) == 0 and len(clips.skipped) == 8


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


def test_large_corpora_are_read_from_their_files(tmp_path, mixed, monkeypatch):
    paths, good = mixed
    cached = clips_of(good, tmp_path / "cache")
    monkeypatch.setattr(audio, "CACHE_LIMIT", 0)
    direct = clips_of(paths, tmp_path / "cache")
    assert cached.waves is not None and direct.waves is None and len(direct) == len(paths)
    rows = [paths.index(path) for path in good]
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(direct.whole(row), cached.whole(number))
    for row in set(range(len(paths))) - set(rows):
        with pytest.raises(AudioError):
            direct.whole(row)
        with pytest.raises(AudioError):
            direct.crop(row, 2_000, np.random.default_rng(0))


def test_a_random_crop_reads_only_what_it_needs(tmp_path, monkeypatch):
    wave = noise(64_000)
    path = write(tmp_path / "long.wav", wave)
    monkeypatch.setattr(audio, "CACHE_LIMIT", 0)
    clips, read_frames = clips_of([path], tmp_path / "cache"), []

    class Counting(soundfile.SoundFile):
        def read(self, *args, **kwargs):
            found = super().read(*args, **kwargs)
            read_frames.append(len(found))
            return found

    monkeypatch.setattr(audio.soundfile, "SoundFile", Counting)
    windows, starts = np.lib.stride_tricks.sliding_window_view(wave, 1_600), []
    for seed in range(40):
        part = clips.crop(0, 1_600, np.random.default_rng(seed))
        places = np.flatnonzero(windows[:, 0] == part[0])
        places = [place for place in places if np.array_equal(windows[place], part)]
        assert len(places) == 1  # exactly a slice of the whole
        starts += places
    assert read_frames == [1_600] * 40
    assert min(starts) < 8_000 and max(starts) > 54_000


@pytest.mark.parametrize("limit", [0, 2**30])
def test_rows_are_parts_of_a_file(tmp_path, monkeypatch, limit):
    """start and stop of a row bound its clip and every crop of it, read from a cache or not."""
    monkeypatch.setattr(audio, "CACHE_LIMIT", limit)
    wave = np.arange(16_000) / 16_000
    path = write(tmp_path / "ramp.wav", wave)
    clips = clips_of(
        [path, path, path], tmp_path / "cache", [0.25, 0.5, np.nan], [0.5, np.nan, 0.125]
    )
    for number, (low, high) in enumerate([(4_000, 8_000), (8_000, 16_000), (0, 2_000)]):
        np.testing.assert_allclose(clips.whole(number), wave[low:high], atol=1e-7)
        for seed in range(20):
            part = clips.crop(number, 1_000, np.random.default_rng(seed))
            assert (
                len(part) == 1_000
                and part.min() >= wave[low] - 1e-7
                and part.max() <= wave[high - 1] + 1e-7
            )


def test_crops_of_resampled_files_have_the_length(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CACHE_LIMIT", 0)
    path = write(tmp_path / "a.wav", tone(500, 1.0, 44_100), 44_100)
    clips = clips_of([path], tmp_path / "cache")
    parts = [clips.crop(0, 3_333, np.random.default_rng(seed)) for seed in range(30)]
    assert {len(part) for part in parts} == {3_333}
    assert all(np.abs(part[200:-200]).max() == pytest.approx(0.5, abs=0.02) for part in parts)
