"""Checking data sets (paper section 3.1): every defect planted in a tree must be named."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from esc50_tree import esc50, names, plant, tone

from asglib.data import index, inspection, prepare, toy


@pytest.fixture
def tree(tmp_path):
    return esc50(tmp_path / "data")


def run(tmp_path, **options):
    said = []
    report = prepare.prepare(
        "esc50", tmp_path / "data", tmp_path / "cache", workers=2, echo=said.append, **options
    )
    return report, said


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
        "duplicated_files",
        "stereo",
        "other_rate",
        "outside_file",
        "groups_on_both_sides",
    ):
        assert report[kind] == [], kind
    assert report["seconds"] == pytest.approx(15.0, abs=0.01) and report["rates"] == {"44100": 15}
    assert report["bytes"] == sum(path.stat().st_size for path in (tree / "audio").iterdir())
    assert len(said) == 2 and said[0].startswith("ESC-50") and said[1].endswith("esc50.json")


def test_sounds_that_are_no_clips_are_told(tmp_path):
    """Half of a folder was of a format that is not read, and only the report's file said so."""
    (tmp_path / "data/birds").mkdir(parents=True)
    soundfile.write(tmp_path / "data/birds/a.wav", tone(1.0), 16_000)
    (tmp_path / "data/birds/memo.m4a").write_bytes(b"ftypM4A")
    said = []
    prepare.prepare("birds", tmp_path / "data", tmp_path / "cache", 1, echo=said.append)
    assert said[2] == "no clips of it: 1 .m4a file such as memo.m4a, to be converted to wav or flac"


def test_every_planted_defect_is_named(tree, tmp_path):
    planted = plant(tree)
    report, _ = run(tmp_path)
    for kind, expected in planted.items():
        if kind == "missing":
            assert set(expected) <= set(
                names(report, kind)
            )  # a published set names the absent 1,985 too, or not
        elif kind == "duplicated_files":
            assert report[kind] == [sorted(expected)]
        else:
            assert sorted(names(report, kind)) == sorted(expected), kind
    assert report["found"]["clips"] == 13
    reasons = {item["path"]: item["reason"] for kind in inspection.DEFECTS for item in report[kind]}
    assert "bytes of samples, 58200 are there" in reasons[planted["truncated"][0]]
    assert "cannot be decoded" in reasons[planted["undecodable"][0]]
    assert "not finite" in reasons[
        planted["undecodable"][1]
    ] and "0.050 s, the limit is 0.1 s" in str(reasons)
    text = (tmp_path / "cache/prepare/esc50.json").read_text()
    for path in sum(planted.values(), []):
        assert path in text, path
    assert json.loads((tmp_path / "cache/prepare/esc50.json").read_text()) == json.loads(
        json.dumps(report)
    )
    assert prepare.read_report("esc50", tmp_path / "cache")["fingerprint"] == report["fingerprint"]


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
    with pytest.raises(index.DataError) as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)


def test_somebodys_folder_called_toy_is_not_written_into(tmp_path):
    mine = tmp_path / "data/toy/my song.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("la")
    with pytest.raises(index.DataError, match="data/toy holds 1 file that .* such as my song.txt"):
        prepare.prepare("toy", tmp_path / "data", tmp_path / "cache", 1)
    assert list(mine.parent.iterdir()) == [mine] and mine.read_text() == "la"


def test_the_embedded_corpus_that_a_check_has_made_is_checked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "CLIPS", {"train": 2, "test": 2})
    for _ in range(2):
        report = prepare.prepare("toy-a", tmp_path, tmp_path / "cache", 1, echo=lambda said: None)
        assert report["found"]["files"] == 12 and report["missing"] == []


def test_a_bank_of_impulse_responses_is_read_and_named(tmp_path):
    """slr28 is no data set: it has no index, and nothing was said after an hour of fetching it."""
    with pytest.raises(index.DataError, match="RIRS_NOISES is not there: prepare slr28 --download"):
        prepare.prepare("slr28", tmp_path, tmp_path / "cache")
    folder, said = tmp_path / "RIRS_NOISES", []
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", np.eye(1, 800, number)[0], 16_000)
    prepare.prepare("slr28", tmp_path, tmp_path / "cache", echo=said.append)
    assert said[0].startswith(f"{folder}: recorded responses (2 found): 2 responses of 8000 samp")
    with pytest.raises(index.DataError, match="slr28 holds impulse responses: they are read as"):
        prepare.prepare("slr28", tmp_path, tmp_path / "cache", 1, tmp_path / "out")
