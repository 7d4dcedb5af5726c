"""What real copies have: the traps of every fixture tree, and ten broken files of the real sets."""

import shutil

import pytest
from test_data_index import REAL, TREES

from asglib.config import Downstream, Evaluation, Frontend
from asglib.data import corpus, inspection, prepare
from asglib.data import index as datasets
from asglib.data.workspace import Workspace
from asglib.study.evaluator import Evaluator

QUICK, COARSE = Downstream(epochs=3, drop_epoch=2), Frontend(window=256, n_fft=256)
FMA, SCENES = (
    "music/fma/music-fma-000{}.wav",
    ("airport-barcelona-0-0-a", "airport-barcelona-0-1-a", "metro_station-paris-12-3-a"),
)
WEAK = "dataset/audio/train/weak"
# what `prepare` says of each tree beside missing and empty files; not_16_khz counts files
TRAPS = {
    "audioset": {
        "undecodable": ["audio/eval/undecodable.wav"],
        "stereo": ["16k/_under_scor_30.wav"],
        "shorter_than_usual": ["audio/eval/_/0/-0RWZT-miFs_420.000.flac"],
        "not_16_khz": 3,
    },
    "audioset10": {
        "undecodable": ["audio/eval/undecodable.wav"],
        "shorter_than_usual": ["audio/eval/_/0/-0RWZT-miFs_420.000.flac"],
        "not_16_khz": 2,
    },
    "vggsound": {
        "undecodable": ["audio/undecodable_000004.wav"],
        "silent": ["audio/silenceclip.wav"],
        "shorter_than_usual": ["audio/-1oRfe0FQI8_000060.wav"],
    },
    "librispeech": {},
    "open-pool": {},
    "ravdess": {},
    "wake-words": {},
    "speech_commands_v1": {
        "undecodable": ["_background_noise_/pink_noise.wav", "yes/0165e0e8_nohash_1.wav"],
        "shorter_than_usual": ["yes/0165e0e8_nohash_0.wav"],
    },
    "speech_commands_v2": {
        "undecodable": ["yes/0165e0e8_nohash_1.wav"],
        "shorter_than_usual": ["yes/0165e0e8_nohash_0.wav"],
    },
    "voxceleb1": {},
    "nsynth": {},  # silent tails are no silence
    "musan": {
        "too_short": ["noise/sound-bible/noise-sound-bible-0000.wav"],
        "shorter_than_usual": ["noise/sound-bible/noise-sound-bible-0000.wav"],
    },
    "esc50": {"not_16_khz": 8},  # nor is silent padding
    "fsdd": {"not_16_khz": 8},
    "notes": {},
    "desed": {
        "stereo": [f"{WEAK}/YKK227gPpRn4_30.000_40.000.wav"],
        "not_16_khz": 5,
        "shorter_than_usual": [f"{WEAK}/Yshort_clip__0.000_4.000.wav"],
    },
    "desed_events": {"not_16_khz": 2},
    "tut2018": {"stereo": [f"audio/{name}.wav" for name in SCENES], "not_16_khz": 3},
    "birds2018": {"not_16_khz": 6},
    "spoken_language": {"not_16_khz": 9},
    "dcase2013": {
        "stereo": [
            "scenes_stereo/bus01.wav",
            "scenes_stereo/tubestation10.wav",
            "scenes_stereo_testset/bus01.wav",
        ],
        "not_16_khz": 3,
    },
}


def named(report, kind):
    return [item["path"] if isinstance(item, dict) else item for item in report[kind]]


@pytest.mark.parametrize("name", TREES)
def test_prepare_names_the_traps_of_a_tree_and_nothing_else(tmp_path, name):
    TREES[name](tmp_path / "data")
    report = prepare.prepare(name, tmp_path / "data", tmp_path / "cache", 2, echo=lambda line: None)
    kinds = (
        *inspection.DEFECTS,
        "shorter_than_usual",
        "stereo",
        "outside_file",
        "groups_on_both_sides",
    )
    found = {kind: named(report, kind) for kind in kinds} | {"not_16_khz": report["not_16_khz"]}
    assert {kind: what for kind, what in found.items() if what} == TRAPS[name]


def copied(name, data):
    """The sound of a copy below `data`: the first clips of ESC-10's classes, or 500 digits."""
    source = REAL / {"esc50": "ESC-10", "fsdd": "free-spoken-digit-dataset"}[name]
    if not source.is_dir():
        pytest.skip(f"{source} is not there")
    if name == "fsdd":
        folder = data / source.name / "recordings"
        folder.mkdir(parents=True)
        files = sorted((source / "recordings").glob("*_theo_*.wav"))
    else:
        folder = data / "ESC-10/audio"
        folder.mkdir(parents=True)
        header, *lines = (source / "meta/esc50.csv").read_text().splitlines()
        chosen = {
            tuple(line.split(",")[1:3]): line
            for line in reversed(lines)
            if line.split(",")[1] in "135"
        }
        (folder.parent / "meta").mkdir()
        (folder.parent / "meta/esc50.csv").write_text("\n".join([header, *chosen.values()]) + "\n")
        files = [source / "audio" / line.split(",")[0] for line in chosen.values()]
    for file in files:
        shutil.copyfile(file, folder / file.name)
    return folder


@pytest.mark.parametrize("name, task, clips", [("esc50", "sound", 30), ("fsdd", "digit", 500)])
def test_of_ten_broken_files_all_are_named_and_counted(tmp_path, monkeypatch, name, task, clips):
    """Five hidden, three truncated, two empty."""
    folder = copied(name, tmp_path / "data")
    chosen = sorted(folder.iterdir())[::2][:10]
    assert len(list(folder.iterdir())) == clips and len(chosen) == 10
    hidden, cut, empty = (
        sorted(f"{folder.name}/{path.name}" for path in part)
        for part in (chosen[::2], chosen[1:7:2], chosen[7::2])
    )
    for path in hidden:
        (folder.parent / path).rename(tmp_path / path.split("/")[1])
    for path in cut:
        (folder.parent / path).write_bytes((folder.parent / path).read_bytes()[:-1_000])
    for path in empty:
        (folder.parent / path).write_bytes(b"")
    workspace = Workspace(tmp_path / "data", tmp_path / "runs")
    report = prepare.prepare(name, workspace.data, workspace.cache, 2, echo=lambda line: None)
    assert (report["missing"], report["empty"]) == (hidden, empty)
    assert sorted(named(report, "truncated") + named(report, "undecodable")) == cut
    text = (workspace.cache / f"prepare/{name}.json").read_text()
    assert len(hidden + cut + empty) == 10 and all(
        f'"{path}"' in text for path in hidden + cut + empty
    )
    record = Evaluator(None, workspace)(Evaluation(None, name, task, "frozen", QUICK, 0, COARSE))
    counts = record["counts"]
    assert (
        counts["missing"] == 7
        and counts["train"] + counts["test"] + len(counts["skipped"]) == clips - 7
    )
    assert {item["path"] for item in counts["skipped"]} <= {
        str((folder.parent / path).resolve()) for path in cut
    }
    index = datasets.load(name, workspace.data, workspace.cache)
    now = datasets.fingerprint(index, folder.parent, workspace.cache)
    assert report["fingerprint"] == now
    read = corpus.load(name, workspace)
    assert record["data"] == read.fingerprint(read.rows)
