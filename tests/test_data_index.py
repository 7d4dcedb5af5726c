"""The table of data sets: finding, loading, caching, label ids, fingerprints; real small sets."""

from __future__ import annotations

import copy
import os
import time
from dataclasses import replace
from pathlib import Path

import fixture_trees
import numpy as np
import pandas as pd
import pytest

from asglib.data import index as datasets
from asglib.data import listing
from asglib.data.releases import sounds
from asglib.data.sets import DataError, Task

TREES = {
    "audioset": fixture_trees.audioset,
    "vggsound": fixture_trees.vggsound,
    "librispeech": fixture_trees.librispeech,
    "nsynth": fixture_trees.nsynth,
    "speech_commands_v1": lambda root: fixture_trees.speech_commands(root, "v0.01"),
    "speech_commands_v2": lambda root: fixture_trees.speech_commands(root, "v0.02"),
    "voxceleb1": fixture_trees.voxceleb1,
    "musan": fixture_trees.musan,
    "esc50": fixture_trees.esc50,
    "fsdd": fixture_trees.fsdd,
    "notes": fixture_trees.notes,
    "audioset10": fixture_trees.audioset,
    "desed": fixture_trees.desed,
    "desed_events": fixture_trees.desed_events,
    "tut2018": fixture_trees.tut2018,
    "birds2018": fixture_trees.birds2018,
    "spoken_language": fixture_trees.spoken_language,
    "dcase2013": fixture_trees.dcase2013,
    "open-pool": lambda root: fixture_trees.listed(root, "open-pool", "kind", ("music", "note")),
    "ravdess": lambda root: fixture_trees.listed(
        root, "ravdess-speech", "emotion,speaker", ("sad,a", "calm,b")
    ),
    "wake-words": lambda root: fixture_trees.listed(
        root, "wake-words", "keyword", ("alexa", "jarvis")
    ),
}
REAL = Path(os.environ.get("ASG_DATA", Path(__file__).parents[2] / "shared/data"))


def real(name):
    """The set's index and folder from the user's data root; skips when the set is not there."""
    if not REAL.is_dir() or datasets.find(name, REAL) is None:
        pytest.skip(f"{name} is not under {REAL}")
    folder = datasets.find(name, REAL)
    return datasets.DATASETS[name].build(folder), folder


def test_every_set_has_a_tree_and_a_full_row():
    assert set(TREES) == {name for name, row in datasets.DATASETS.items() if not row.embedded}
    for name, row in datasets.DATASETS.items():
        texts = (row.title, row.split_rule, row.split_source, row.licence, row.citation, row.obtain)
        assert (
            row.name == name
            and all(texts)
            and row.counts
            and row.tasks
            and row.folders
            and row.seconds > 0
        )
        assert all(task.metric in ("accuracy", "mAP", "F1", "wAP") for task in row.tasks.values())


def test_published_counts_add_up():
    for name in (
        "audioset",
        "vggsound",
        "speech_commands_v2",
        "nsynth",
        "voxceleb1",
        "fsdd",
        "notes",
        "tut2018",
        "esc50",
        "open-pool",
        "ravdess",
        "wake-words",
    ):
        counts = datasets.DATASETS[name].counts
        assert (
            sum(counts.get(split, 0) for split in ("train", "valid", "test")) == counts["clips"]
        ), name


def test_published_counts_are_those_of_the_sources():
    """Typed a second time, from the releases' own pages, lists and papers (DATASETS.md)."""
    splits = {
        "audioset": (22_160 + 2_041_789, 0, 20_371),
        "vggsound": (183_971, 0, 15_496),
        "librispeech": (22_830, 0, 5_708),
        "speech_commands_v2": (84_843, 9_981, 11_005),
        "voxceleb1": (138_361, 6_904, 8_251),
        "nsynth": (289_205, 12_678, 4_096),
        "esc50": (1_600, 0, 400),
        "audioset10": (1_600, 0, 400),
        "fsdd": (2_700, 0, 300),
        "notes": (1_350, 0, 450),
        "desed": (1_578, 1_168, 692),
        "tut2018": (6_122, 0, 2_518),
        "spoken_language": (73_080, 0, 540),
        "dcase2013": (100, 0, 100),
        "open-pool": (2_565, 0, 643),
        "ravdess": (716, 0, 713),
        "wake-words": (1_840, 0, 439),
    }
    classes = {
        "audioset": 527,
        "vggsound": 309,
        "librispeech": 251,
        "speech_commands_v1": 11,
        "speech_commands_v2": 35,
        "voxceleb1": 1_251,
        "nsynth": 11,
        "musan": 3,
        "esc50": 50,
        "audioset10": 10,
        "desed_events": 10,
        "desed": 10,
        "tut2018": 10,
        "birds2018": 2,
        "spoken_language": 3,
        "dcase2013": 10,
    }
    others = {
        "speech_commands_v1": {
            "clips of all 30 words": 64_721,
            "valid of all 30 words": 6_798,
            "test of all 30 words": 6_835,
        },
        "librispeech": {"clips": 28_539},
        "musan": {"clips": 2_016, "music": 660, "speech": 426, "noise": 930},
        "birds2018": {
            "clips": 35_690,
            "ff1010bird": 7_690,
            "warblrb10k": 8_000,
            "BirdVox-DCASE-20k": 20_000,
        },
        "desed_events": {"events of validation": 4_239},
    }
    rows = {name: row for name, row in datasets.DATASETS.items() if not row.embedded}
    assert set(rows) == set(splits) | set(others)
    for name, row in rows.items():
        known = tuple(row.counts.get(split, 0) for split in ("train", "valid", "test"))
        assert known == splits.get(name, (0, 0, 0)) and row.counts.get("classes") == classes.get(
            name
        ), name
        assert others.get(name, {}).items() <= row.counts.items(), name
        first = next(iter(row.tasks.values())).classes or ()
        assert len(set(first)) == len(first)
        assert not first or len(first) == row.counts.get("classes", len(first))


@pytest.mark.parametrize("name", TREES)
def test_load_gives_the_contract_columns_and_ids_for_every_task(tmp_path, name):
    TREES[name](tmp_path / "root")
    frame, row = datasets.load(name, tmp_path / "root", tmp_path / "cache"), datasets.DATASETS[name]
    labels = [task.label for task in row.tasks.values()]
    assert list(frame) == ["path", *labels, "split", "fold", "start", "stop", "group"]
    assert all(frame[column].dtype == "str" for column in ("path", *labels, "split", "group"))
    assert not frame[["path", *labels, "split", "group"]].isna().any().any()
    assert set(frame.split) <= {"train", "valid", "test"} and "train" in set(frame.split)
    assert frame.equals(frame.sort_values(["path", "start"], ignore_index=True))
    folder = datasets.find(name, tmp_path / "root")
    assert len(frame) > 2 and all((folder / path).stat().st_size > 0 for path in frame.path)
    for task in row.tasks.values():
        ids, classes = datasets.label_ids(frame, task)
        if task.multi_label:
            assert ids.shape == (len(frame), len(classes)) and ids.sum() > 0
        else:
            assert [classes[i] if i >= 0 else "none" for i in ids] == [
                cell if cell in classes else "none" for cell in frame[task.label]
            ]


def test_load_reads_the_cache_until_the_folder_changes(tmp_path, monkeypatch):
    folder, calls = fixture_trees.esc50(tmp_path / "root"), []
    counted = lambda folder: calls.append(folder) or sounds.esc50(folder)  # noqa: E731
    row = replace(datasets.DATASETS["esc50"], build=counted)
    monkeypatch.setitem(datasets.DATASETS, "esc50", row)
    load = lambda: datasets.load("esc50", tmp_path / "root", tmp_path / "cache")  # noqa: E731
    first, second = load(), load()
    assert len(calls) == 1 and first.equals(second) and first.attrs == second.attrs
    assert first.attrs["classes"] == {"category": ["dog", "NA"]}
    time.sleep(0.01)
    fixture_trees.clip(folder / "audio/4-104-A-14.wav")  # arrives
    assert len(load()) == len(first) + 1 and len(calls) == 2
    (folder / "audio/3-103-A-2.wav").write_bytes(
        (folder / "audio/1-101-A-2.wav").read_bytes()
    )  # filled in place
    assert load().attrs["empty"] == [] and len(calls) == 3
    listed = (folder / "meta/esc50.csv").read_text()
    (folder / "meta/esc50.csv").write_text(listed.replace("dog", "cat"))
    assert "cat" in set(load().category) and len(calls) == 4
    assert load().equals(load()) and len(calls) == 4
    left = [path.name for path in (tmp_path / "cache/index").iterdir() if path.name[0] == "."]
    assert all(name.endswith(".sha256") for name in left)


def test_load_says_what_to_do(tmp_path):
    def load(name="esc50"):
        return datasets.load(name, tmp_path / "root", tmp_path / "cache")

    with pytest.raises(DataError, match="no data set 'esc': choose from audioset, "):
        load("esc")
    with pytest.raises(
        DataError, match="data root .*root is no folder: create it, or set ASG_DATA"
    ):
        load()
    (tmp_path / "root").mkdir()
    assert datasets.find("esc50", tmp_path / "root") is None
    with pytest.raises(
        DataError, match=r"looked for ESC-50-master, .*\): extract https://github.com"
    ):
        load()
    (tmp_path / "root/ESC-50").mkdir()
    with pytest.raises(DataError, match="ESC-50 is empty: extract"):
        load()
    folder = fixture_trees.esc50(tmp_path / "root", "ESC-50")
    (folder / "audio").rename(folder / "elsewhere")
    with pytest.raises(
        DataError,
        match=r"none .* \(missing 10, empty 0, but 9 .wav files such as elsewhere/.*\): extr",
    ):
        load()
    (folder / "meta/esc50.csv").write_text("filename,fold\n1.wav,1\n")
    with pytest.raises(DataError, match="no column category, src_file, target: put"):
        load()


def test_an_embedded_set_is_built_where_it_does_not_exist_yet(tmp_path, monkeypatch):
    def build(folder):
        fixture_trees.clip(folder / "a.wav")
        columns = ("path", "label", "split")
        return listing.index(folder, [("a.wav", "x", "train")], columns, classes={"label": ["x"]})

    row = replace(
        datasets.DATASETS["esc50"],
        folders=("made",),
        build=build,
        embedded=True,
        tasks={"t": Task("label")},
    )
    monkeypatch.setitem(datasets.DATASETS, "esc50", row)
    frame = datasets.load("esc50", tmp_path / "nowhere", tmp_path / "cache")
    assert frame.path.tolist() == ["a.wav"] and frame.attrs["classes"] == {"label": ["x"]}
    assert datasets.find("esc50", tmp_path / "nowhere") == tmp_path / "nowhere/made"


def test_label_ids():
    frame = pd.DataFrame(
        {"a": ["nan", "b, c", ""], "m": ["y;x", "", "x"], "split": ["train", "train", "test"]}
    )
    assert datasets.label_ids(frame, Task("a", ("b, c", "nan")))[0].tolist() == [1, 0, -1]
    hot, classes = datasets.label_ids(frame, Task("m", ("x", "y", "z"), "mAP", multi_label=True))
    assert (
        hot.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
        and classes == ("x", "y", "z")
        and hot.dtype == np.uint8
    )
    with pytest.raises(DataError, match="lack 1 label such as 'nan'"):
        datasets.label_ids(frame, Task("a", ("b, c",)))
    with pytest.raises(DataError, match="index.load"):
        datasets.label_ids(frame, Task("a", released=True))
    assert len(datasets.label_ids(frame[:0], Task("a", ("nan",)))[0]) == 0
    joined = pd.concat(
        [frame, pd.DataFrame({"split": ["train"]})], ignore_index=True
    )  # a set without this column
    assert datasets.label_ids(joined, Task("a", ("b, c", "nan")))[0].tolist() == [1, 0, -1, -1]


def test_classes_of_none_are_those_of_the_train_rows():
    frame = pd.DataFrame({"speaker": ["b", "a", "c"], "split": ["train", "train", "test"]})
    ids, classes = datasets.label_ids(frame, Task("speaker"))
    assert classes == ("a", "b") and ids.tolist() == [1, 0, -1]


def test_fingerprint_sees_every_row_and_size(tmp_path):
    folder = fixture_trees.esc50(tmp_path)
    frame = sounds.esc50(folder)
    first = datasets.fingerprint(frame, folder, tmp_path)
    assert len(first) == 16 and first == datasets.fingerprint(
        sounds.esc50(folder), folder, tmp_path
    )
    others = [
        frame.iloc[1:],
        frame.assign(split="train"),
        frame.assign(start=1.0),
        frame.assign(stop=1.0),
        frame.assign(group="x"),
        frame.assign(category="x"),
        frame.assign(path=frame.path.iloc[::-1].tolist()),
    ]
    assert len({first, *(datasets.fingerprint(other, folder, tmp_path) for other in others)}) == 8
    (folder / frame.path[0]).write_bytes(b"longer or shorter")
    assert datasets.fingerprint(frame, folder, tmp_path) != first


def test_a_digest_reads_all_of_many_rows():
    """More rows than are read at a time."""
    count = 70_000
    columns = dict.fromkeys(("content", "split", "start", "stop", "group"), "")
    rows = pd.DataFrame({"path": [f"{i}.wav" for i in range(count)], "label": "a"} | columns)
    first = datasets.digest(rows, ["label"]).hexdigest()
    for row in (0, 65_535, 65_536, count - 1):
        other = rows.assign(label=["b" if i == row else "a" for i in range(count)])
        assert datasets.digest(other, ["label"]).hexdigest() != first
    assert datasets.digest(rows.copy(), ["label"]).hexdigest() == first


def test_attrs_pass_through_operations_without_copies():
    paths = listing.Uncopied(["a"])
    assert copy.deepcopy({"missing": paths})["missing"] is paths


def test_an_index_of_many_rows_is_compact(tmp_path):
    count = 200_000
    ids = [f"{i:011d}" for i in range(count)]
    columns = {
        "path": [f"audios/unbalanced_train_segments/Y{name}.wav" for name in ids],
        "label": ["Speech;Male speech, man speaking"] * count,
        "split": ["train"] * count,
    }
    frame = listing.index(tmp_path, columns, tuple(columns), ids, [1] * count, classes={})
    frame.to_parquet(tmp_path / "index.parquet")
    frame = listing.read(tmp_path / "index.parquet")
    assert len(frame) == count and len(frame.attrs["missing"]) == count
    assert {frame[name].dtype.storage for name in ("path", "label", "split", "group")} == {
        "pyarrow"
    }
    assert (
        frame.memory_usage(deep=True).sum() / count < 200
    )  # bytes a row: 2 million rows in 0.4 GB


def test_real_esc10():
    frame, folder = real("esc50")
    if folder.name != "ESC-10":
        pytest.skip("ESC-50 stands before ESC-10")
    assert len(frame) == 400 and frame.fold.value_counts().to_dict() == dict.fromkeys(
        range(1, 6), 80
    )
    assert frame.split.value_counts().to_dict() == {"train": 320, "test": 80}
    assert frame.groupby("group").fold.nunique().max() == 1
    assert sounds.esc50(folder).attrs["classes"]["category"] == [
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
    assert set(frame.category.value_counts()) == {40}


def test_real_fsdd():
    frame, _ = real("fsdd")
    assert len(frame) == 3000 and frame.speaker.nunique() == 6 and frame.digit.nunique() == 10
    assert frame.split.value_counts().to_dict() == {"train": 2700, "test": 300}
    assert frame.attrs["missing"] == []


def test_real_notes():
    frame, _ = real("notes")
    assert frame.split.value_counts().to_dict() == {"train": 1350, "test": 450}
    assert set(frame.instrument.value_counts()) == {150} and frame.instrument.nunique() == 12
    assert frame.groupby("group").split.nunique().max() == 1
    for task in datasets.DATASETS["notes"].tasks.values():
        assert (datasets.label_ids(frame, task)[0] >= 0).all()
