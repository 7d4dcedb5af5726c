"""Checking, converting and looking at data sets (paper section 3.1): every defect planted in a tree must be named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from asglib import audio, files
from asglib.config import Frontend
from asglib.data import convert, doctor, inspection, prepare
from asglib.data import index as datasets
from asglib.frontend import LogSpectrogram

HEADER = "filename,fold,target,category,esc10,src_file,take\n"


def tone(seconds, rate=44_100, channels=1, seed=0):
    """A tone in noise, [N] or [N, channels], different for each seed."""
    rng = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * (300 + 10 * seed) * time_axis) + 0.01 * rng.standard_normal(
        len(time_axis)
    )
    return wave if channels == 1 else np.stack([wave] * channels, 1)


def esc50(root, per_fold=3, seconds=1.0):
    """ESC-50's layout with two classes, and its first file half digital silence."""
    folder, lines = root / "ESC-50-master", [HEADER]
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    for fold in range(1, 6):
        for number in range(per_fold):
            source, target, category = (
                1000 * fold + number,
                *((0, "dog") if number % 2 else (1, "rooster")),
            )
            name = f"{fold}-{source}-A-{target}.wav"
            wave = tone(seconds, seed=source)
            if source == 1000:
                wave[len(wave) // 2 :] = 0
            soundfile.write(folder / "audio" / name, wave, 44_100)
            lines.append(f"{name},{fold},{target},{category},True,{source},A\n")
    (folder / "meta/esc50.csv").write_text("".join(lines))
    return folder


@pytest.fixture
def tree(tmp_path):
    return esc50(tmp_path / "data")


def run(tmp_path, **options):
    said = []
    report = prepare.prepare(
        "esc50", tmp_path / "data", tmp_path / "cache", workers=2, echo=said.append, **options
    )
    return report, said


def names(report, kind):
    return [item["path"] if isinstance(item, dict) else item for item in report[kind]]


# --- the check ---------------------------------------------------------------------------------------------------


def test_clean_tree_has_no_defects(tree, tmp_path):
    report, said = run(tmp_path)
    assert (
        report["found"]["clips"] == report["found"]["files"] == 15
        and report["expected"]["clips"] == 2_000
    )
    for kind in (
        "empty",
        *inspection.DEFECTS,
        "shorter_than_usual",
        "duplicated",
        "stereo",
        "other_rate",
        "outside_file",
        "groups_on_both_sides",
    ):
        assert report[kind] == [], kind
    assert report["seconds"] == pytest.approx(15.0, abs=0.01) and report["rates"] == {"44100": 15}
    assert report["bytes"] == sum(path.stat().st_size for path in (tree / "audio").iterdir())
    assert len(said) == 2 and said[0].startswith("ESC-50") and said[1].endswith("esc50.md")


def plant(folder):
    """One or more files of each defect; returns {kind: paths}."""
    paths = sorted((folder / "audio").iterdir())
    missing, empty, cut, noise, nan, tiny, silent, short, stereo, other, twin = paths[:11]
    missing.unlink()
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:-30_000])
    noise.write_bytes(np.random.default_rng(0).bytes(5_000))
    soundfile.write(nan, np.full(44_100, np.nan, np.float32), 44_100, "FLOAT")
    soundfile.write(tiny, tone(0.05), 44_100)
    soundfile.write(silent, np.full(44_100, 3e-5), 44_100)
    soundfile.write(short, tone(0.6, seed=9_999), 44_100)
    soundfile.write(stereo, tone(1.0, channels=2, seed=7), 44_100)
    soundfile.write(other, tone(1.0, 22_050, seed=8), 22_050)
    shutil.copy(paths[12], twin)
    local = {
        "missing": [missing],
        "empty": [empty],
        "truncated": [cut],
        "undecodable": [noise, nan],
        "too_short": [tiny],
        "silent": [silent],
        "shorter_than_usual": [tiny, short],
        "stereo": [stereo],
        "other_rate": [other],
        "duplicated": [twin, paths[12]],
    }
    return {
        kind: [str(path.relative_to(folder)) for path in found] for kind, found in local.items()
    }


def test_every_planted_defect_is_named(tree, tmp_path):
    planted = plant(tree)
    report, _ = run(tmp_path)
    for kind, expected in planted.items():
        if kind == "missing":
            assert set(expected) <= set(
                names(report, kind)
            )  # a published set names the absent 1,985 too, or not
        elif kind == "duplicated":
            assert report[kind] == [sorted(expected)]
        else:
            assert sorted(names(report, kind)) == sorted(expected), kind
    assert report["found"]["clips"] == 13 and report["spectrogram"]["clips"] > 0
    reasons = {item["path"]: item["reason"] for kind in inspection.DEFECTS for item in report[kind]}
    assert "bytes, it has" in reasons[planted["truncated"][0]]
    assert "cannot be decoded" in reasons[planted["undecodable"][0]]
    assert "not finite" in reasons[
        planted["undecodable"][1]
    ] and "0.050 s, the limit is 0.1 s" in str(reasons)
    text = (tmp_path / "cache/prepare/esc50.md").read_text()
    for path in sum(planted.values(), []):
        assert path in text, path
    assert json.loads((tmp_path / "cache/prepare/esc50.json").read_text()) == json.loads(
        json.dumps(report)
    )
    assert prepare.read_report("esc50", tmp_path / "cache")["fingerprint"] == report["fingerprint"]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
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


def test_second_check_decodes_only_what_changed(tree, tmp_path, monkeypatch):
    first, _ = run(tmp_path)
    looked, original = [], inspection.inspect
    monkeypatch.setattr(
        inspection, "inspect", lambda path: looked.append(path.name) or original(path)
    )
    second, _ = run(tmp_path)
    assert looked == [] and second["fingerprint"] == first["fingerprint"]
    changed = sorted((tree / "audio").iterdir())[3]
    soundfile.write(changed, tone(1.5, seed=5), 44_100)
    third, _ = run(tmp_path)
    assert looked == [changed.name] and third["fingerprint"] != first["fingerprint"]


def test_statistics_are_those_of_the_training_spectrograms(tree, tmp_path):
    report, _ = run(tmp_path)
    frame = datasets.load("esc50", tmp_path / "data", tmp_path / "cache")
    waves = [audio.read(tree / path) for path in frame.path[frame.split == "train"]]
    cells = torch.cat(
        [LogSpectrogram(Frontend())(torch.from_numpy(wave)[None]).flatten() for wave in waves]
    ).double()
    assert 0 < report["spectrogram"]["clips"] == len(waves) < 15
    assert report["spectrogram"]["mean"] == pytest.approx(cells.mean().item(), abs=1e-6)
    assert report["spectrogram"]["deviation"] == pytest.approx(
        cells.std(correction=0).item(), abs=1e-6
    )


def test_groups_and_segments():
    columns = ["path", "split", "group", "start", "stop"]
    frame = pd.DataFrame(
        [
            ("a", "train", "x", 0.0, 0.5),
            ("a", "test", "x", 0.5, 1.6),
            ("b", "test", "y", np.nan, np.nan),
            ("c", "train", "", 2.0, 3.0),
            ("c", "test", "", 0.0, 2.05),
        ],
        columns=columns,
    )
    table = pd.DataFrame({"path": ["a", "b", "c"], "seconds": [1.0, 1.0, 2.0]})
    assert prepare.groups_on_both_sides(frame) == ["x"]
    assert prepare.outside(frame, table).tolist() == [False, True, False, True, False]


def test_absent_set_is_one_sentence(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(datasets.DataError) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


# --- conversion --------------------------------------------------------------------------------------------------


def converted(tmp_path):
    return convert.convert(
        "esc50", tmp_path / "data", tmp_path / "cache", tmp_path / "out", 2, echo=lambda line: None
    )


def test_conversion_keeps_sound_and_labels(tree, tmp_path):
    report, _ = run(tmp_path, convert_to=tmp_path / "out")
    place = tmp_path / "out/esc50"
    assert report["converted"] == str(place)
    before = datasets.load("esc50", tmp_path / "data", tmp_path / "cache").set_index("path")
    after = pd.read_parquet(place / "index.parquet").set_index("path")
    assert len(after) == len(before) == 15 and after.columns.tolist() == before.columns.tolist()
    for source, row in before.iterrows():
        path = convert.target(source)
        header = soundfile.info(place / path)
        assert (header.samplerate, header.channels, header.subtype) == (
            16_000,
            1,
            "PCM_16",
        ) and path[2] == "/"
        np.testing.assert_allclose(audio.read(place / path), audio.read(tree / source), atol=2**-15)
        pd.testing.assert_series_equal(after.loc[path], row, check_names=False)


def test_conversion_names_what_it_left_out(tree, tmp_path):
    planted = plant(tree)
    place = converted(tmp_path)
    failed = json.loads((place / "convert.json").read_text())["failed"]
    assert sorted(failed) == sorted(planted["undecodable"]) and all(
        "\n" not in reason for reason in failed.values()
    )
    assert len(pd.read_parquet(place / "index.parquet")) == 11


def test_conversion_goes_on_and_repairs(tree, tmp_path):
    place = converted(tmp_path)
    made = flacs(place)
    bytes_before = {path: path.read_bytes() for path in made}
    times = {path: path.stat().st_mtime_ns for path in made}
    made[0].write_bytes(bytes_before[made[0]][:-100])  # cut, its header still promises all samples
    made[1].write_bytes(b"")
    made[2].unlink()
    (made[3].parent / ".999.x.flac").write_bytes(b"left by a killed run")
    converted(tmp_path)
    assert {path: path.read_bytes() for path in flacs(place)} == bytes_before
    assert all(path.stat().st_mtime_ns == times[path] for path in made[3:]) and not list(
        place.glob("??/.*")
    )


def test_changed_source_is_converted_again(tree, tmp_path):
    place = converted(tmp_path)
    source = "audio/1-1001-A-0.wav"
    soundfile.write(tree / source, tone(2.0), 44_100)
    converted(tmp_path)
    assert soundfile.info(place / convert.target(source)).frames == 32_000


def test_equal_stems_stay_apart():
    targets = {
        convert.target(path) for path in ("id1/a/00001.wav", "id1/b/00001.wav", "id2/a/00001.wav")
    }
    assert len(targets) == 3 and all(
        target.split("/")[1].startswith("00001-") for target in targets
    )


def test_loud_file_is_limited_not_wrapped(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.sign(tone(1.0)) * 1.5, 44_100, "FLOAT")
    assert convert.convert_file(tmp_path / "a.wav", tmp_path / "a.flac") == ""
    wave, expected = soundfile.read(tmp_path / "a.flac")[0], audio.read(tmp_path / "a.wav")
    assert np.abs(wave - np.clip(expected, -1, 1)).max() < 1e-3


def test_conversion_that_cannot_write_says_so(tree, tmp_path):
    (tmp_path / "out").mkdir()
    for number in range(256):
        (tmp_path / "out/esc50" / f"{number:02x}").parent.mkdir(exist_ok=True)
        (tmp_path / "out/esc50" / f"{number:02x}").write_text("a file where a folder must be")
    with pytest.raises(
        convert.ConvertError, match=r"cannot be written \(.*\); make room or choose another folder"
    ):
        converted(tmp_path)
    with (
        files.locked(tmp_path / "out/esc50/.convert.lock"),
        pytest.raises(
            convert.ConvertError, match="another process is converting into it; wait for that one"
        ),
    ):
        converted(tmp_path)


def flacs(place):
    return sorted(path for path in place.glob("??/*.flac") if not path.name.startswith("."))


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
    """A temporary file without its name, files without a list, the list without an index: none passes for a tree."""
    places = [str(tmp_path / part) for part in ("data", "cache", "out")]
    datasets.load("esc50", tmp_path / "data", tmp_path / "cache")
    child = subprocess.run(
        [sys.executable, "-c", CHILD_OF_FATE, *places, name, moment], capture_output=True
    )
    out = tmp_path / "out/esc50"
    assert child.returncode == -signal.SIGKILL and len(flacs(out)) == (0 if name == ".flac" else 15)
    assert len([*out.glob("??/.*"), *out.glob(".[0-9]*")]) == (moment == "before")
    if moment == "before":
        with pytest.raises(
            datasets.DataError, match="out/esc50 is a conversion that was broken off: run prepare"
        ):
            datasets.load("esc50", tmp_path / "out", tmp_path / "cache")
        converted(tmp_path)
    assert len(datasets.load("esc50", tmp_path / "out", tmp_path / "cache")) == 15
    assert not [*out.glob("??/.*"), *out.glob(".[0-9]*")]


# --- doctor ------------------------------------------------------------------------------------------------------


def test_doctor_shows_every_set_and_the_machine(tree, tmp_path):
    said = []
    table = doctor.doctor(tmp_path / "data", tmp_path / "cache", said.append)
    assert table.index.tolist() == [
        name for name, row in datasets.DATASETS.items() if not row.embedded
    ]
    assert len(table) >= 16 and not list((tmp_path / "data").glob("toy*"))
    assert table.present[table.present].index.tolist() == ["esc50"]
    row = table.loc["esc50"]
    assert (
        row.found == 15
        and row.published == 2_000
        and not row.prepared
        and row["bytes"] > 15 * 88_000
    )
    run(tmp_path)
    again = doctor.doctor(tmp_path / "data", tmp_path / "cache", said.append).loc["esc50"]
    assert again.prepared and again.seconds == pytest.approx(15, abs=0.1)
    text = "\n".join(said)
    for word in (
        "python: ",
        "torch: ",
        "cuda: ",
        "cores: ",
        "memory: ",
        "disk: ",
        datasets.DATASETS["voxceleb1"].obtain,
    ):
        assert word in text, word
    soundfile.write(tree / "audio/1-1001-A-0.wav", tone(2.0), 44_100)
    stale = doctor.doctor(tmp_path / "data", tmp_path / "cache", said.append)
    assert "prepare it again" in stale.loc["esc50"].problem
    assert not doctor.doctor(None, tmp_path / "cache", said.append).present.any()
    with pytest.raises(datasets.DataError, match="nowhere is no folder"):
        doctor.doctor(tmp_path / "nowhere", tmp_path / "cache", said.append)
