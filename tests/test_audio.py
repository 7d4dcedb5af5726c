"""Audio files to waves (paper section 3.2): exact reading, written-out parts, and broken files."""

import numpy as np
import pytest
import soxr
from conftest import broken_files, noise, tone, write

from asglib import audio
from asglib.audio import AudioError, crop, pad, read, segments

# --- decoding ------------------------------------------------------------------------------------


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
    found = read(write(tmp_path / "high.wav", tone(11_000, 1.0, 48_000), 48_000))
    assert np.abs(found[2_000:-2_000]).max() < 1e-3


def test_a_part_is_that_part(tmp_path):
    wave = noise(16_000)
    path = write(tmp_path / "a.wav", wave)
    np.testing.assert_array_equal(read(path, 0.25, 0.75), wave[4_000:12_000])
    np.testing.assert_array_equal(read(path, 0.9), wave[14_400:])
    np.testing.assert_array_equal(read(path, 0.9, 5.0), wave[14_400:])


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_blocks_give_the_bits_of_the_whole(tmp_path, monkeypatch, rate):
    path = write(tmp_path / "a.wav", noise(20_000).reshape(10_000, 2), rate)
    whole = read(path)
    monkeypatch.setattr(audio, "BLOCK", 999)
    np.testing.assert_array_equal(read(path), whole)


def test_header(tmp_path):
    path = write(tmp_path / "a.wav", noise(999).reshape(333, 3), 22_050)
    assert audio.info(path) == (333, 22_050, 3)


# --- parts ---------------------------------------------------------------------------------------


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
    positions = []
    for _ in range(300):
        part = crop(np.ones(4), 8, rng)
        assert len(part) == 8 and part.sum() == 4 and np.ptp(np.flatnonzero(part)) == 3
        positions.append(int(part.argmax()))
    assert set(positions) >= {0, 1, 2, 3} and len(crop(np.ones(8), 8, rng)) == 8


def test_10_ms_become_one_padded_segment(tmp_path):
    wave = read(write(tmp_path / "short.wav", np.full(160, 0.5)))
    assert wave.shape == (160,)
    part = segments(wave, 48_000)
    assert part.shape == (1, 48_000) and part.sum() == 80
    assert part[0, 23_920] == part[0, 24_079] == 0.5  # in the middle


# --- files that are no audio ---------------------------------------------------------------------


def test_each_gives_one_sentence_that_names_the_file(tmp_path):
    found = {}
    for path in broken_files(tmp_path):
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


def test_what_no_recording_has_is_refused_with_the_limit(tmp_path, monkeypatch):
    with pytest.raises(AudioError, match="its largest sample is 1e.30 where full scale is 1"):
        read(write(tmp_path / "loud.wav", np.append(noise(100), np.float32(1e30))))
    with pytest.raises(AudioError, match="holds 15 samples at 16 kHz, less than a millisecond"):
        read(write(tmp_path / "short.wav", noise(15)))
    for rate, told in ((1, "1 samples a second"), (2**31 - 1, "2,147,483,647 samples a second")):
        path = write(tmp_path / "rate.wav", noise(1_000))
        content = bytearray(path.read_bytes())
        content[24:28] = rate.to_bytes(4, "little")
        path.write_bytes(content)
        with pytest.raises(AudioError, match=f"says {told}; 1,000 to 768,000 are believed"):
            read(path)
    monkeypatch.setattr(audio, "LONGEST", 0.5)
    with pytest.raises(AudioError, match="h at once, the limit is .* h; split the file"):
        read(write(tmp_path / "long.wav", noise(16_000)))
    assert len(read(tmp_path / "long.wav", 0.25, 0.5)) == 4_000
