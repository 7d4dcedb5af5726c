"""Converted once, then used alone: a folder of FLAC files is a data set like any other."""

import json
import shutil

import fixture_trees
import pytest
from test_data_index import REAL

from asglib.config import Downstream, Evaluation, Frontend
from asglib.data import convert, converted
from asglib.data import index as datasets
from asglib.data.listing import DataError
from asglib.data.prepare import prepare
from asglib.data.workspace import Workspace
from asglib.study.evaluator import Evaluator

QUICK, COARSE = Downstream(epochs=3, drop_epoch=2), Frontend(window=256, n_fft=256)


def convert_to_root(name, tmp_path):
    """Converts <tmp>/data into <tmp>/fast, removes the former; the index before, the new folder."""
    before = datasets.load(name, tmp_path / "data", tmp_path / "cache")
    convert.convert(
        name, tmp_path / "data", tmp_path / "cache", tmp_path / "fast", 2, lambda line: None
    )
    shutil.rmtree(tmp_path / "data")
    return before, tmp_path / "fast" / name


def by_source(frame):
    """Rows of an index by the path of their FLAC file, and by start where a file has several."""
    flac = frame.path.where(
        frame.path.str.endswith(".flac") & frame.path.str.match("[0-9a-f]{2}/"),
        frame.path.map(convert.flac_name),
    )
    return frame.assign(path=flac).sort_values(["path", "start"], ignore_index=True)


@pytest.fixture
def esc10(tmp_path):
    """The first clip of each class in folds 1, 2 and 5 of the real ESC-10, copied to <tmp>/data."""
    if not (REAL / "ESC-10/audio").is_dir():
        pytest.skip(f"ESC-10 is not under {REAL}")
    header, *lines = (REAL / "ESC-10/meta/esc50.csv").read_text().splitlines()
    chosen = {
        (line.split(",")[1], line.split(",")[2]): line
        for line in reversed(lines)
        if line.split(",")[1] in "125"
    }
    folder = tmp_path / "data/ESC-10"
    fixture_trees.text(folder / "meta/esc50.csv", "\n".join((header, *chosen.values())) + "\n")
    (folder / "audio").mkdir()
    for line in chosen.values():
        shutil.copyfile(
            REAL / "ESC-10/audio" / line.split(",")[0], folder / "audio" / line.split(",")[0]
        )
    return folder


def test_the_study_runs_from_the_converted_tree_alone(esc10, tmp_path):
    lost = sorted((esc10 / "audio").iterdir())[0]
    lost.unlink()
    before, folder = convert_to_root("esc50", tmp_path)
    assert datasets.find("esc50", tmp_path / "fast") == folder
    after = datasets.load("esc50", tmp_path / "fast", tmp_path / "cache")
    assert len(after) == 29 and after.equals(by_source(before))
    assert after.attrs["missing"] == before.attrs["missing"] == [f"audio/{lost.name}"]
    gone, empty = after.path[after.split == "train"].iloc[:2]
    (folder / gone).unlink()
    (folder / empty).write_bytes(b"")
    workspace = Workspace(tmp_path / "fast", tmp_path / "runs")
    record = Evaluator(None, workspace)(
        Evaluation(None, "esc50", "sound", "frozen", QUICK, 0, COARSE)
    )
    assert record["classes"] == [
        "dog",
        "rooster",
        "rain",
        "sea_waves",
        "crackling_fire",
        "crying_baby",
        "sneezing",
        "clock_tick",
        "helicopter",
        "chainsaw",
    ]
    assert (record["counts"]["train"], record["counts"]["test"], record["counts"]["missing"]) == (
        17,
        10,
        3,
    )
    assert (
        record["value"] > 0.1 and record["counts"]["skipped"] == []
    )  # ten classes: chance is a tenth
    report = prepare("esc50", tmp_path / "fast", tmp_path / "runs", 2, echo=lambda line: None)
    assert report["missing"] == sorted([f"audio/{lost.name}", gone]) and report["empty"] == [empty]
    assert report["rates"] == {"16000": 27}


def test_labels_of_several_words_and_what_is_missing_survive(tmp_path):
    fixture_trees.audioset(tmp_path / "data")
    before, folder = convert_to_root("audioset", tmp_path)
    after = datasets.load("audioset", tmp_path / "fast", tmp_path / "cache")
    male = "Male speech, man speaking"
    assert {
        (path.split("/")[1][:-18], label, split)
        for path, label, split in zip(after.path, after.label, after.split)
    } == {
        ("_under_scor_30", f"{male};Speech", "train"),
        ("two_copies-_5.0-15.0", "Speech", "train"),
        ("-0RWZT-miFs_420.000", male, "test"),
        ("hf_hf_hf_hf", "Fly, housefly", "test"),
        ("msmsmsmsmsm_20000_30000", "Speech;Fly, housefly", "train"),
        ("YYbegins_Y00", "Speech", "train"),
        ("Y--4gqARaEJE", "Speech;nan", "test"),
        ("moremoremor_390.0-400.0", male, "train"),
    }
    assert after.attrs["classes"] == {"label": ["Speech", male, "nan", "Fly, housefly"]}
    assert after.attrs["missing"] == ["audio/eval/undecodable.wav", "not-there--"]
    assert after.attrs["empty"] == before.attrs["empty"] == ["audio/zero-length.wav"]
    assert after.attrs["unlisted"] == ["4 .wav files such as Speech/two_copies-_5.0-15.0.wav"]
    assert (folder / after.path[0]).is_file() and after.label.dtype == "str"
    gone, empty = after.path[0], after.path[1]
    (folder / gone).unlink()
    (folder / empty).write_bytes(b"")
    left = datasets.load("audioset", tmp_path / "fast", tmp_path / "cache")
    assert left.path.tolist() == after.path[2:].tolist()
    assert left.attrs["missing"] == sorted([*after.attrs["missing"], gone])
    assert left.attrs["empty"] == sorted([*after.attrs["empty"], empty])
    hot, classes = datasets.label_ids(left, datasets.DATASETS["audioset"].tasks["events"])
    assert [";".join(classes[i] for i in line.nonzero()[0]) for line in hot] == [
        ";".join(sorted(label.split(";"), key=classes.index)) for label in left.label
    ]


def test_windows_of_a_file_stay_its_windows(tmp_path):
    fixture_trees.speech_commands(tmp_path / "data", "v0.01")
    before, _ = convert_to_root("speech_commands_v1", tmp_path)
    after = datasets.load("speech_commands_v1", tmp_path / "fast", tmp_path / "cache")
    broken = ["_background_noise_/pink_noise.wav", "yes/0165e0e8_nohash_1.wav"]
    assert (
        after.equals(by_source(before[~before.path.isin(broken)]))
        and after.start.notna().sum() == 5
    )
    assert after.attrs["missing"] == [*broken, "yes/ffffffff_nohash_1.wav"]


def test_an_unchanged_tree_is_read_from_the_cache(tmp_path, monkeypatch):
    fixture_trees.esc50(
        tmp_path / "data"
    )  # has a missing and an empty file, whose names are the original's
    _, folder = convert_to_root("esc50", tmp_path)
    calls, build = [], converted.build
    monkeypatch.setattr(converted, "build", lambda *words: calls.append(words) or build(*words))
    load = lambda: datasets.load("esc50", tmp_path / "fast", tmp_path / "cache")  # noqa: E731
    first, second = load(), load()
    assert len(calls) == 1 and first.equals(second) and first.attrs == second.attrs
    (folder / first.path[0]).unlink()
    assert len(load()) == len(first) - 1 and len(calls) == 2


def test_a_conversion_that_is_not_whole_is_one_sentence(tmp_path):
    fixture_trees.esc50(tmp_path / "data")
    _, folder = convert_to_root("esc50", tmp_path)
    load = lambda: datasets.load("esc50", tmp_path / "fast", tmp_path / "cache")  # noqa: E731
    raw = (folder / "index.parquet").read_bytes()
    (folder / "index.parquet").write_bytes(raw[:-20])
    with pytest.raises(
        DataError, match=r"index.parquet cannot be read \(.*: convert the set again"
    ):
        load()
    (folder / "index.parquet").write_bytes(raw)
    datasets.listing.read(folder / "index.parquet").drop(columns="group").to_parquet(
        folder / "index.parquet"
    )
    with pytest.raises(
        DataError,
        match=r"index.parquet cannot be read \(its content has changed\): convert the set again",
    ):
        load()
    about = json.loads((folder / "convert.json").read_text())
    del about["index"]  # as an older version wrote it
    (folder / "convert.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match=r"index.parquet cannot be read \(.*group.*convert the set"):
        load()
    (folder / "index.parquet").write_bytes(raw)
    assert len(load()) == 8
    (folder / "index.parquet").unlink()
    with pytest.raises(
        DataError,
        match="fast/esc50 is a conversion that was broken off: run prepare again",
    ):
        load()


@pytest.mark.parametrize(
    "out", ["data", "data/ESC-50-master", "data/../data", "data/ESC-50-master/audio"]
)
def test_a_conversion_among_the_originals_is_refused(tmp_path, out, monkeypatch):
    folder = fixture_trees.esc50(tmp_path / "data")
    before = sorted(folder.rglob("*"))
    with pytest.raises(convert.ConvertError, match="lies among the originals.* choose a folder"):
        convert.convert(
            "esc50", tmp_path / "data", tmp_path / "cache", tmp_path / out, 2, lambda line: None
        )
    with monkeypatch.context() as patch, pytest.raises(convert.ConvertError, match="originals"):
        patch.setattr("asglib.data.prepare.inspect_all", lambda *_: pytest.fail("decoded before"))
        prepare("esc50", tmp_path / "data", tmp_path / "cache", 1, tmp_path / out)
    assert sorted(folder.rglob("*")) == before and sorted((tmp_path / "data").iterdir()) == [folder]


def test_an_official_folder_of_the_same_name_is_no_conversion(tmp_path):
    folder = fixture_trees.esc50(tmp_path / "data", "esc50")
    (folder / "index.parquet").write_bytes(b"somebody's own")
    assert len(datasets.load("esc50", tmp_path / "data", tmp_path / "cache")) == 8


def test_a_set_whose_official_folder_has_another_name_is_found_too(tmp_path):
    fixture_trees.notes(tmp_path / "data")
    _, folder = convert_to_root("notes", tmp_path)
    assert (
        folder.name == "notes"
        and len(datasets.load("notes", tmp_path / "fast", tmp_path / "cache")) == 3
    )
    fixture_trees.notes(tmp_path / "fast")  # beside it, the release: the conversion comes first
    assert datasets.find("notes", tmp_path / "fast") == folder
