"""Single audio files judged: cut ones are found, whole ones are not (paper section 3.1)."""

import threading

import pandas as pd
import pytest
import soundfile
from esc50_tree import tone

from asglib.data import inspection
from asglib.data.places import locked


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_cut_files_are_found_whole_ones_are_not(suffix, share, tmp_path):
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, tone(2.0, 16_000), 16_000)
    assert inspection.inspect(path)["problem"] == ""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert inspection.inspect(path)["problem"] in ("truncated", "undecodable")


def test_ogg_cut_between_two_pages(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, tone(2.0, 16_000), 16_000)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.rfind(b"OggS")])
    assert inspection.inspect(path)["problem"] == "truncated"


def test_flac_whose_writer_was_killed_is_undecodable(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(1.0, 16_000), 16_000)
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0  # the 36-bit count of samples in STREAMINFO: 0 means unknown
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    row = inspection.inspect(path)
    assert row["problem"] == "undecodable" and row["reason"]


def test_wav_of_unknown_length_is_whole(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0, 16_000), 16_000)
    raw = bytearray(path.read_bytes())
    raw[4:8] = b"\xff\xff\xff\xff"  # what a program writing to a pipe leaves
    path.write_bytes(raw)
    assert inspection.cut_off(path) == ""


def test_of_two_commands_that_check_one_set_the_second_waits(tmp_path):
    """Else they delete each other's half-written tables."""
    soundfile.write(tmp_path / "a.wav", tone(440, 0.5), 16_000)
    found, paths = [], pd.Series(["a.wav"])
    asked = "own", tmp_path, paths, tmp_path / "cache", 1
    second = threading.Thread(target=lambda: found.append(inspection.inspect_all(*asked)))
    with locked(tmp_path / "cache/prepare/own.lock"):
        second.start()
        second.join(0.5)
        assert second.is_alive() and not found
    second.join(60)
    assert len(found[0]) == 1
