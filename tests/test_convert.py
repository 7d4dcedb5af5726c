"""Data sets written once as FLAC: whole whenever a process dies, and going on where it was."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
from esc50_tree import esc50, plant, tone

from asglib import audio, files
from asglib.data import convert, index
from asglib.data.prepare import prepare


@pytest.fixture
def tree(tmp_path):
    return esc50(tmp_path / "data")


def converted(tmp_path):
    return convert.convert(
        "esc50", tmp_path / "data", tmp_path / "cache", tmp_path / "out", 2, echo=lambda line: None
    )


def test_conversion_keeps_sound_and_labels(tree, tmp_path):
    places = [tmp_path / part for part in ("data", "cache")]
    report = prepare("esc50", *places, 2, tmp_path / "out", lambda line: None)
    folder = tmp_path / "out/esc50"
    assert report["converted"] == str(folder)
    before = index.load("esc50", tmp_path / "data", tmp_path / "cache").set_index("path")
    after = pd.read_parquet(folder / "index.parquet").set_index("path")
    assert len(after) == len(before) == 15 and after.columns.tolist() == before.columns.tolist()
    for source, row in before.iterrows():
        path = convert.flac_name(source)
        header = soundfile.info(folder / path)
        assert (header.samplerate, header.channels, header.subtype) == (
            16_000,
            1,
            "PCM_16",
        ) and path[2] == "/"
        np.testing.assert_allclose(
            audio.read(folder / path), audio.read(tree / source), atol=2**-15
        )
        pd.testing.assert_series_equal(after.loc[path], row, check_names=False)


def test_conversion_names_what_it_left_out(tree, tmp_path):
    planted = plant(tree)
    folder = converted(tmp_path)
    failed = json.loads((folder / "convert.json").read_text())["failed"]
    assert sorted(failed) == sorted(planted["undecodable"]) and all(
        "\n" not in reason for reason in failed.values()
    )
    assert len(pd.read_parquet(folder / "index.parquet")) == 11


def test_conversion_goes_on_and_repairs(tree, tmp_path):
    folder = converted(tmp_path)
    made = flacs(folder)
    bytes_before = {path: path.read_bytes() for path in made}
    times = {path: path.stat().st_mtime_ns for path in made}
    made[0].write_bytes(bytes_before[made[0]][:-100])  # cut, its header still promises all samples
    made[1].write_bytes(b"")
    made[2].unlink()
    (made[3].parent / ".999.x.flac").write_bytes(b"left by a killed run")
    mine = [made[3].parent / name for name in ("._x.flac", ".999.x.txt")] + [folder / ".2.txt"]
    for path in mine:
        path.write_bytes(b"somebody's own")
    converted(tmp_path)
    assert {path: path.read_bytes() for path in flacs(folder)} == bytes_before
    assert all(path.stat().st_mtime_ns == times[path] for path in made[3:])
    assert sorted([*folder.glob("??/.*"), *folder.glob(".[0-9]*")]) == sorted(mine)


@pytest.mark.parametrize("when", [1, 10**18, 2 * 10**18])
def test_a_replaced_source_is_converted_again_whatever_its_time(tree, tmp_path, when):
    folder = converted(tmp_path)
    source = tree / "audio/1-1001-A-0.wav"
    status, other = source.stat(), tmp_path / "other.wav"
    soundfile.write(other, tone(1.0, seed=77), 44_100)
    os.utime(other, ns=(when, when))
    assert other.stat().st_size == status.st_size
    os.replace(other, source)
    converted(tmp_path)
    wave = audio.read(folder / convert.flac_name("audio/1-1001-A-0.wav"))
    np.testing.assert_allclose(wave, audio.read(source), atol=2**-15)


def test_a_touched_source_is_not_converted_again(tree, tmp_path):
    folder = converted(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in flacs(folder)}
    os.utime(tree / "audio/1-1001-A-0.wav")
    converted(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in flacs(folder)} == times


def test_long_names_are_shortened():
    for letter in "x音🎵":
        source = f"a/{letter * (250 // len(letter.encode()))}.wav"
        name = convert.flac_name(source).split("/")[1]
        assert len(f".{2**22}.{name}".encode()) < 255 and name[0] == letter
        assert name != convert.flac_name(f"b/{source}").split("/")[1]


def test_too_loud_files_are_left_out_and_named(tree, tmp_path):
    loud = tree / "audio/1-1001-A-0.wav"
    soundfile.write(loud, 10 * tone(1.0), 44_100, "FLOAT")
    folder = converted(tmp_path)
    failed = json.loads((folder / "convert.json").read_text())["failed"]
    assert failed == {"audio/1-1001-A-0.wav": "its largest sample is 3.2 where full scale is 1"}
    assert (
        "audio/1-1001-A-0.wav"
        in index.load("esc50", tmp_path / "out", tmp_path / "cache").attrs["missing"]
    )


def test_equal_stems_stay_apart():
    targets = {
        convert.flac_name(path)
        for path in ("id1/a/00001.wav", "id1/b/00001.wav", "id2/a/00001.wav")
    }
    assert len(targets) == 3 and all(
        target.split("/")[1].startswith("00001-") for target in targets
    )


def test_loud_file_is_limited_not_wrapped(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.sign(tone(1.0)) * 1.5, 44_100, "FLOAT")
    assert convert.convert_file(tmp_path / "a.wav", tmp_path / "a.flac", "its hash") == ""
    wave, expected = soundfile.read(tmp_path / "a.flac")[0], audio.read(tmp_path / "a.wav")
    assert np.abs(wave - np.clip(expected, -1, 1)).max() < 1e-3


def test_conversion_that_cannot_write_says_so(tree, tmp_path):
    (tmp_path / "out/esc50").mkdir(parents=True)
    (tmp_path / "out/esc50/.convert.lock").touch()  # of an earlier try
    for number in range(256):
        (tmp_path / "out/esc50" / f"{number:02x}").write_text("a file where a folder must be")
    with pytest.raises(
        convert.ConvertError, match=r"cannot be written \(.*\); make room or choose another folder"
    ):
        converted(tmp_path)
    with (
        files.locked(tmp_path / "out/esc50/.convert.lock"),
        pytest.raises(
            convert.ConvertError, match="another process is converting; wait for that one"
        ),
    ):
        converted(tmp_path)


@pytest.mark.parametrize("name", ["index.parquet", ".hidden", "ab/.1.x.flac", ""])
def test_a_folder_that_no_conversion_made_is_refused_and_stays(tree, tmp_path, name, monkeypatch):
    monkeypatch.setattr("asglib.data.prepare.inspect_all", lambda *_: pytest.fail("decoded"))
    mine = tmp_path / "out/esc50" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("somebody's own")
    before = sorted((tmp_path / "out").rglob("*"))
    for call in (
        lambda: converted(tmp_path),
        lambda: prepare("esc50", tmp_path / "data", tmp_path / "cache", 1, tmp_path / "out"),
    ):
        with pytest.raises(convert.ConvertError, match="out/esc50 is there and no conversion has"):
            call()
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert mine.read_text() == "somebody's own"


def test_an_empty_folder_may_be_converted_into(tree, tmp_path):
    (tmp_path / "out/esc50").mkdir(parents=True)
    assert len(flacs(converted(tmp_path))) == 15


def flacs(folder):
    return sorted(path for path in folder.glob("??/*.flac") if not path.name.startswith("."))


CHILD = """
import sys
from pathlib import Path
from asglib.data import convert
print("ready", flush=True)
convert.convert("esc50", *map(Path, sys.argv[1:4]), 2, print)
"""


def test_sigkill_at_any_moment(tmp_path):
    esc50(tmp_path / "data", per_fold=24, seconds=2.0)
    out = tmp_path / "out/esc50"
    killed = []
    for number, goal in enumerate(
        (1, 25, 60, 10**6)
    ):  # files at which it is killed; the last one finishes
        places = [str(tmp_path / part) for part in ("data", "cache", "out")]
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *places],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        child.stdout.readline()
        while child.poll() is None and len(flacs(out)) < goal:
            time.sleep(0.001)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
        killed.append(child.returncode == -signal.SIGKILL)
        for path in flacs(out):  # every name that is there is whole
            assert soundfile.info(path).frames == len(soundfile.read(path)[0]) == 32_000, (
                number,
                path,
            )
        assert (out / "index.parquet").exists() == (not killed[-1])
    assert killed == [True, True, True, False]
    assert len(flacs(out)) == len(pd.read_parquet(out / "index.parquet")) == 120
    assert not list(out.glob("??/.*"))


CHILD_OF_FATE = """
import os, signal, sys
from pathlib import Path
from asglib.data import convert
name, moment, replace = sys.argv[4], sys.argv[5], os.replace

def until(source, target):
    if moment == "after" or not str(target).endswith(name):
        replace(source, target)
    if str(target).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = until
convert.convert("esc50", *map(Path, sys.argv[1:4]), 1, print)
"""


@pytest.mark.parametrize(
    "name, moment",
    [
        (".flac", "before"),
        ("convert.json", "before"),
        ("index.parquet", "before"),
        ("index.parquet", "after"),
    ],
)
def test_sigkill_at_the_worst_moments(tree, tmp_path, name, moment):
    """A temporary file, files without a list, the list without an index: none passes for a tree."""
    places = [str(tmp_path / part) for part in ("data", "cache", "out")]
    index.load("esc50", tmp_path / "data", tmp_path / "cache")
    child = subprocess.run(
        [sys.executable, "-c", CHILD_OF_FATE, *places, name, moment], capture_output=True
    )
    out = tmp_path / "out/esc50"
    assert child.returncode == -signal.SIGKILL and len(flacs(out)) == (0 if name == ".flac" else 15)
    assert len([*out.glob("??/.*"), *out.glob(".[0-9]*")]) == (moment == "before")
    if moment == "before":
        with pytest.raises(
            index.DataError, match="out/esc50 is a conversion that was broken off: run prepare"
        ):
            index.load("esc50", tmp_path / "out", tmp_path / "cache")
        converted(tmp_path)
    assert len(index.load("esc50", tmp_path / "out", tmp_path / "cache")) == 15
    assert not [*out.glob("??/.*"), *out.glob(".[0-9]*")]
