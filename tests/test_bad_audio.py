"""Recordings as they go wrong in the world, one by one: read as whole, or named with the reason."""

import numpy as np
import pytest
import soundfile
from conftest import tone, write
from esc50_tree import esc50, names

from asglib import audio
from asglib.audio import AudioError
from asglib.data import convert, index
from asglib.data.containers import cut_off
from asglib.data.inspection import inspect
from asglib.data.prepare import prepare

WHOLE = [
    "a.ogg",
    "a.opus",
    "aifc.aif",
    "alaw.wav",
    "base.wav",
    "blockalign_0.wav",
    "clipped.wav",
    "data_size_7fffffff.wav",
    "data_size_max.wav",
    "dc_offset.wav",
    "f32.wav",
    "f64.wav",
    "gsm610.wav",
    "id3_before_riff.wav",
    "id3_in_wav.wav",
    "id3v2_big_art.mp3",
    "imaadpcm.wav",
    "mp3.mp3",
    "mp3_named.wav",
    "mp3_noxing.mp3",
    "msadpcm.wav",
    "nist_sphere.wav",
    "odd_chunk_padded.wav",
    "rf64.wav",
    "riff_size_0.wav",
    "riff_size_is_filesize.wav",
    "rifx.wav",
    "s192k.wav",
    "s8k.wav",
    "stereo_one_silent.wav",
    "trailing_garbage.wav",
    "u8.wav",
    "ulaw.wav",
    "vbr_noxing_quiet_then_loud_4s.mp3",
    "vbr_xing_quiet_then_loud_4s.mp3",
    "w64.wav",
    "wav_from_pipe.wav",
    "wavex24.wav",
]
NAMED = {
    "aac_named.wav": ("undecodable", "cannot be decoded"),
    "channels_0.wav": ("undecodable", "Channel count is zero"),
    "cut_short.wav": ("truncated", "promises 32000 bytes of samples, 15978 are there"),
    "data_size_0.wav": ("undecodable", "promises no samples, though 32000 bytes follow"),
    "flac_from_pipe.flac": ("undecodable", "promises 9,223,372,036,854,775,807 samples"),
    "float_in_int16_scale.wav": ("undecodable", "its largest sample is 1.64e+04 where full scale"),
    "float_peak_3.wav": ("too_loud", "its largest sample is 3.0 where full scale is 1"),
    "header_only_44.wav": ("undecodable", "holds no samples"),
    "huge.wav": ("undecodable", "its largest sample is 3e+38 where full scale is 1"),
    "inf.wav": ("undecodable", "not finite"),
    "mp4aac.m4a": ("undecodable", "cannot be decoded"),
    "nan.wav": ("undecodable", "not finite"),
    "near_silent.wav": ("silent", "its largest sample is 5.0e-05"),
    "odd_chunk_unpadded.wav": ("undecodable", "No 'data' chunk"),
    "ogg_chained_2s.ogg": ("truncated", "several Ogg streams are joined in it"),
    "ogg_no_eos.ogg": ("undecodable", "the last page of its Ogg stream is missing"),
    "one_sample_16000.wav": ("undecodable", "holds 1 samples at 16 kHz"),
    "one_sample_48000.wav": ("undecodable", "holds no samples"),
    "only_id3.mp3": ("undecodable", "cannot be decoded"),
    "rate_0.wav": ("undecodable", "cannot be decoded"),
    "rate_1.wav": ("undecodable", "its header says 1 samples a second"),
    "silent.wav": ("silent", "its largest sample is 0.0e+00"),
    "six_channels_cancel.wav": ("silent", "its channels cancel when averaged"),
    "stereo_inverted.wav": ("silent", "its channels cancel when averaged"),
    "two_mp3_joined_8s.mp3": ("truncated", "only 4.0 s of its 8.2 s can be read"),
    "vbr_noxing_loud_then_quiet_4s.mp3": ("truncated", "only 1.0 s of its 4.0 s can be read"),
    "webm_opus.webm": ("undecodable", "cannot be decoded"),
    "xing_frames_too_few.mp3": ("truncated", "only 0.7 s of its 4.1 s can be read"),
    "xing_frames_x1000.mp3": ("truncated", "promises 153000 MP3 frames, 156 are there"),
    "zero.wav": ("undecodable", "cannot be decoded"),
}


# --- the files that broke something ---------------------------------------------------------------


def test_every_file_has_its_line(cases):
    found = sorted(path.name for path in (cases / "audio/musan/noise/odd").iterdir())
    assert found == sorted([*WHOLE, *NAMED]) and len(found) == 68


@pytest.mark.parametrize("name", WHOLE)
def test_unusual_files_are_read_as_whole(cases, name):
    row = inspect(cases / "audio/musan/noise/odd" / name)
    expected = 4 if "4s" in name or "big_art" in name else 0.5 if name == "s192k.wav" else 1
    assert (row["problem"], row["reason"]) == ("", "")
    assert row["seconds"] == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("name", NAMED)
def test_bad_files_are_named_with_the_reason(cases, name):
    path = cases / "audio/musan/noise/odd" / name
    row = inspect(path)
    assert row["problem"] == NAMED[name][0] and NAMED[name][1] in row["reason"]
    if row["problem"] == "undecodable":
        with pytest.raises(AudioError, match=str(path)):
            audio.read(path)
    if row["problem"] == "truncated":
        assert cut_off(path) == row["reason"]


def prepared(cases, tree, name, tmp_path, **how):
    return prepare(name, cases / tree, tmp_path / "cache", 2, echo=lambda line: None, **how)


TREES = {  # tree: the set, what is wrong, how many files, the reason
    "one_pipe_flac": ("esc50", "undecodable", 1, "more than a day"),
    "one_nan": ("esc50", "undecodable", 1, "not finite"),
    "short_clips": ("esc50", "undecodable", 1, "holds no samples"),
    "all_silent": ("esc50", "silent", 10, "0.0e+00"),
    "cyc": ("esc50", "silent", 5, "channels cancel"),
    "aset_int16": ("audioset", "undecodable", 1, "where full scale is 1"),
    "aset_huge": ("audioset", "undecodable", 1, "where full scale is 1"),
}


@pytest.mark.parametrize("tree", TREES)
def test_prepare_names_them_in_their_sets(cases, tree, tmp_path):
    name, kind, count, reason = TREES[tree]
    report = prepared(cases, tree, name, tmp_path)
    assert len(report[kind]) == count and all(reason in item["reason"] for item in report[kind])


def test_integers_stored_as_floats_are_not_converted(cases, tmp_path):
    said = []
    places = (cases / "aset_int16", tmp_path / "cache", tmp_path / "fast")
    convert.convert("audioset", *places, 2, said.append)
    assert said[-1].endswith("21 files converted, 1 could not be")
    assert len(list((tmp_path / "fast").rglob("*.flac"))) == 21


@pytest.mark.parametrize("tree", ["names_long", "names_long_cjk", "names_plain_odd"])
def test_odd_names_are_converted(cases, tree, tmp_path):
    report = prepared(cases, tree, "musan", tmp_path, convert_to=tmp_path / "fast")
    assert report["undecodable"] == []
    converted = index.load("musan", tmp_path / "fast", tmp_path / "cache")
    assert len(converted) == report["found"]["clips"] >= 3
    longest = max(len(path.split("/")[1].encode()) for path in converted.path)
    assert longest < 200


# --- the same, made here --------------------------------------------------------------------------


def wav(path, **numbers):
    """A second of tone as 16-bit WAV with other numbers in its header."""
    write(path, tone(440, 1.0), subtype="PCM_16")
    raw = bytearray(path.read_bytes())
    for name, number in numbers.items():
        at = {"rate": 24, "size": 40, "riff": 4}[name]
        raw[at : at + 4] = number.to_bytes(4, "little")
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("rate", [1, 10, 999, 768_001, 2**31 - 1])
def test_rates_that_no_recording_has(tmp_path, rate):
    path = wav(tmp_path / "a.wav", rate=rate)
    for look in (audio.info, audio.read):
        with pytest.raises(AudioError, match=rf"a.wav: its header says {rate:,} samples a second"):
            look(path)


@pytest.mark.parametrize("rate", [1_000, 192_000, 768_000])
def test_rates_that_some_recordings_have(tmp_path, rate):
    assert len(audio.read(wav(tmp_path / "a.wav", rate=rate))) == 16_000 * 16_000 // rate


@pytest.mark.parametrize("size", [0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_sizes_that_pipes_leave(tmp_path, size):
    assert inspect(wav(tmp_path / "a.wav", size=size, riff=0xFFFFFFFF))["problem"] == ""


def test_more_than_can_be_held_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "LONGEST", 0.5)
    path = write(tmp_path / "a.wav", tone(440, 1.0))
    with pytest.raises(AudioError, match=r"a.wav: 0.0 h at once, the limit is .* h; split the"):
        audio.read(path)
    assert len(audio.read(path, 0.2, 0.6)) == 6_400


@pytest.mark.parametrize("level, named", [(1.9, ""), (3, "too_loud"), (32_767, "undecodable")])
def test_levels(tmp_path, level, named):
    assert inspect(write(tmp_path / "a.wav", tone(440, level=level)))["problem"] == named


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("block", [1_000, 4_411, 2**20])
def test_blocks_give_the_same_bits(tmp_path, monkeypatch, rate, block):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, (30_000, 2)), rate)
    whole = audio.read(path)
    monkeypatch.setattr(audio, "BLOCK", block)
    np.testing.assert_array_equal(audio.read(path), whole)


def test_a_tail_of_zeros_from_a_page_on_is_cut_off_and_padding_is_not(tmp_path):
    path = write(tmp_path / "a.wav", tone(440, 1.0), subtype="PCM_16")
    raw = path.read_bytes()
    for start, cut in ((4_096, True), (8_192, True), (9_000, False)):
        path.write_bytes(raw[:start] + bytes(len(raw) - start))
        assert ("zeros from the beginning of a page" in cut_off(path)) == cut


def test_prepare_lists_what_ends_in_silence(tmp_path):
    folder = esc50(tmp_path / "data")
    report = prepare("esc50", tmp_path / "data", tmp_path / "cache", 2, echo=lambda line: None)
    assert names(report, "ends_in_silence") == ["audio/1-1000-A-1.wav"]
    assert report["ends_in_silence"][0]["reason"] == "its last 0.49 s are digital silence"
    assert (folder / "audio/1-1000-A-1.wav").exists()


def frame_ends(raw):
    """Where the frames of an MP3 of 44.1 kHz end, from the table of MPEG 1, layer III."""
    rates, ends = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320], [0]
    while ends[-1] < len(raw):
        head = raw[ends[-1] + 2]
        ends.append(ends[-1] + 144_000 * rates[head >> 4] // 44_100 + (head >> 1 & 1))
    return ends


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_cut_and_joined_mp3s(tmp_path, share):
    path = tmp_path / "a.mp3"
    soundfile.write(path, tone(440, 2.0, 44_100), 44_100)
    raw = path.read_bytes()
    assert cut_off(path) == ""
    path.write_bytes(raw[: int(len(raw) * share)])
    assert "MP3 frame" in cut_off(path)
    path.write_bytes(raw[: frame_ends(raw)[-3]])
    assert "its header promises" in cut_off(path)
    path.write_bytes(raw + raw)
    assert "s can be read" in cut_off(path)
    path.write_bytes(raw + b"TAG" + bytes(125))
    assert cut_off(path) == ""
    path.write_bytes(raw + bytes(100_000))
    assert "belong to no MP3 frame" in cut_off(path)


def test_joined_ogg_streams(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, tone(440, 1.0), 16_000)
    path.write_bytes(path.read_bytes() * 2)
    assert "several Ogg streams" in cut_off(path)
