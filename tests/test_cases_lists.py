"""Lists, names and folders that broke something once: each is understood, or one sentence names it.

The trees lie in cases.tgz, beside the project or where ASG_CASES says; else these are skipped.
"""

import json
import os
import re
import shutil
import tarfile
import time
from pathlib import Path

import fixture_trees
import pytest

from asglib.data import corpus, index, listing
from asglib.data.doctor import doctor
from asglib.data.index import DataError
from asglib.data.prepare import prepare
from asglib.data.workspace import Workspace

ARCHIVE = Path(__file__).parents[2] / "shared/cases/cases.tgz"
ESC = "ESC-50-master"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    archive = Path(os.environ.get("ASG_CASES", ARCHIVE))
    if not archive.is_file():
        pytest.skip(f"there is no {archive}")
    folder = tmp_path_factory.mktemp("cases")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="tar")
    return folder


# Each is refused; what follows the folder of the case in the sentence.
REFUSED = {
    "sets/sc_backslash": (
        "speech_commands_v2",
        "/speech_commands_v0.02/testing_list.txt: no file here is in this list of 5 names, the "
        "first is 'backward\\ffffffff_nohash_0.wav': put",
    ),
    "sets/sc_nolists": ("speech_commands_v2", "/speech_commands_v0.02/testing_list.txt does not e"),
    "sets/dc_short": (
        "dcase2013",
        "/dcase2013/dcase2013_task1_filenamekey.csv, line 2 has 1 cell where 4 belong: put",
    ),
    "sets/ns_key": (
        "nsynth",
        "/nsynth/nsynth-train/examples.json: guitar_acoustic_010-066-100 has no instrument_family",
    ),
    "sets/notes_class": (
        "notes",
        "/philharmonia-notes: the 12 classes of 'instrument' lack 1 label such as 'oboe d'am",
    ),
    "sets/as_label": (
        "audioset",
        "/audioset/metadata/eval_segments.csv, line 5: the label /m/0zzzzz is not in class_labels",
    ),
    "sets/birds_na": (
        "birds2018",
        "/birds2018/ff1010bird_metadata_2018.csv, line 3: hasbird '' where 0 or 1 belongs",
    ),
    "sets/vg_excel": ("vggsound", "/vggsound/vggsound.csv, line 3 is no clip of VGGSound"),
    "sets/vg_header": ("vggsound", "/vggsound/vggsound.csv, line 1 is no clip of VGGSound"),
    "csv/dup_rows": ("esc50", f"/{ESC}: the list names 3 clips twice, such as 'audio/1-1010"),
    "csv/same_file_two_folds": ("esc50", f"/{ESC}: the list names 1 clip twice, such as 'aud"),
    "csv/dotdot": ("esc50", f"/{ESC}: the list names 'audio/../../../../../../etc/hostname', outs"),
    "csv/utf16": ("esc50", f"/{ESC}/meta/esc50.csv, line 1 is no UTF-8: save the file as UTF-8."),
    "csv/cp1252": ("esc50", f"/{ESC}/meta/esc50.csv, line 2 is no UTF-8: save the file as UTF-8."),
    "csv/unclosed_quote": ("esc50", f"/{ESC}/meta/esc50.csv, line 2 is no row of a csv ("),
    "csv/nul": ("esc50", f"/{ESC}/meta/esc50.csv, line 12 has 1 cell where 7 belong: put"),
    "csv/html_csv": (
        "esc50",
        f"/{ESC}/meta/esc50.csv has no column category, filename, fold, src_",
    ),
    "csv/semicolons": ("esc50", f"/{ESC}/meta/esc50.csv has no column category, filename, fold"),
    "csv/zero_byte_csv": ("esc50", f"/{ESC}/meta/esc50.csv has no column category, filename"),
    "csv/nested": ("esc50", f"/{ESC}/meta/esc50.csv does not exist: extract the release as publ"),
    "csv/empty_category": ("esc50", f"/{ESC}: '' is no name of one class of 'category'"),
    "csv/header_only": ("esc50", f"/{ESC} holds none of the files of ESC-50 (ESC) (missing 0"),
    "csv/upper_wav": ("esc50", "missing 10, empty 0, but 10 .WAV files such as audio/1-1010"),
    "csv/path_in_filename": ("esc50", "empty 0, but 10 .wav files such as audio/1-1010-A-0"),
    "sets/as_m4a": (
        "audioset",
        "but 5 .webm files such as 16k/_under_scor_30.webm, to be converted to wav or flac, 5 .mkv",
    ),
    "sets/as_names": ("audioset", "but 11 .wav files such as 16k/000001__under_scor_30.wav"),
    "sets/vc_m4a": (
        "voxceleb1",
        "but 5 .m4a files such as dev/wav/id10001/-ZcIwhmdeo4/00001",
    ),
    "sets/ls_wav": (
        "librispeech",
        "but 7 .wav files such as train-clean-100/103/1240/103-12",
    ),
    "names_latin1": ("musan", "/musan: the name 'noise/x/caf\\xe9.wav' is no UTF-8: rename that f"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_sentence_with_the_file(cases, tmp_path, case):
    name, sentence = REFUSED[case]
    with pytest.raises(DataError, match=re.escape(sentence)) as caught:
        index.load(name, cases / case, tmp_path)
    assert str(cases / case) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("case", REFUSED)
def test_doctor_shows_that_sentence_and_the_other_sets(cases, tmp_path, case):
    name, sentence = REFUSED[case]
    table = doctor(cases / case, tmp_path / "cache", echo=lambda line: None)
    assert table.state[name] == "unusable" and sentence in table.advice[name]
    mine = index.DATASETS[name].folders  # another set may be made of the same release
    others = [other for other in table.index if index.DATASETS[other].folders != mine]
    assert (table.state[others] == "absent").all() and len(others) >= 16


# Each is understood: clips of each part, and what the page of the set says of other files.
UNDERSTOOD = {
    "csv/fold_5.0": ("esc50", {"train": 8, "test": 2}, []),
    "csv/fold_05": ("esc50", {"train": 8, "test": 2}, []),
    "csv/fold_fold5": ("esc50", {"train": 8, "test": 2}, []),
    "csv/target_float": ("esc50", {"train": 8, "test": 2}, []),
    "csv/spaces_after_comma": ("esc50", {"train": 8, "test": 2}, []),
    "csv/trailing_spaces": ("esc50", {"train": 8, "test": 2}, []),
    "csv/blank_lines": ("esc50", {"train": 8, "test": 2}, []),
    "csv/bom_crlf": ("esc50", {"train": 8, "test": 2}, []),
    "csv/cr_only": ("esc50", {"train": 8, "test": 2}, []),
    "csv/quoted_comma": ("esc50", {"train": 8, "test": 2}, []),
    "csv/one_class": (
        "esc50",
        {"train": 4, "test": 1},
        ["5 .wav files such as audio/1-1010-A-1.w"],
    ),
    "csv/no_fold_5": ("esc50", {"train": 8}, []),
    "sets/notes_case": ("notes", {"train": 2, "test": 1}, []),
    "sets/notes_space": ("notes", {"train": 2, "test": 1}, []),
    "sets/tut_space": (
        "tut2018",
        {"train": 2, "test": 1},
        ["1 .wav file such as audio/park-oslo"],
    ),
    "sets/desed_comma": (
        "desed",
        {"train": 2, "valid": 2, "test": 1},
        ["1 .wav file such as dataset/audio/train/unlabel_in_domain/Ynolabel"],
    ),
    "sets/vg_blank_last": (
        "vggsound",
        {"train": 6, "test": 1},
        ["1 .wav file such as audio/-40DA"],
    ),
    "sets/fsdd_more": (
        "fsdd",
        {"train": 4, "test": 4},
        ["13 .wav files such as recordings/0_maria_"],
    ),
    "sets/ls_extra_subset": (
        "librispeech",
        {"train": 5, "test": 2},
        ["1 .flac file such as dev-clean/84/121123/84-121123-0000.flac"],
    ),
    "sets/ls_stray": (
        "librispeech",
        {"train": 5, "test": 2},
        ["1 .flac file such as train-clean-100/60/121082/combined.flac"],
    ),
    "sets/vc_layout": (
        "voxceleb1",
        {"test": 1},
        ["4 .wav files such as dev/vox1_dev_wav/wav/id10"],
    ),
    "sets/sl_wav": (
        "spoken_language",
        {"train": 6, "valid": 2, "test": 1},
        ["5 .flac files such as train/train/de_m_2222"],
    ),
    "names_long": ("musan", {"train": 3}, []),
    "names_long_cjk": ("musan", {"train": 3}, []),
    "names_plain_odd": ("musan", {"train": 23, "test": 5}, []),
    "loop1": ("musan", {"train": 3}, []),
    "loop2": ("musan", {"train": 3}, []),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_what_can_be_read_is_read_and_other_files_are_shown(cases, tmp_path, case):
    name, parts, others = UNDERSTOOD[case]
    began = time.monotonic()
    table = index.load(name, cases / case, tmp_path)
    assert time.monotonic() - began < 5
    assert table.split.value_counts().to_dict() == parts
    found = table.attrs["unlisted"]
    assert [line[: len(start)] for line, start in zip(found, others, strict=True)] == others
    shown = doctor(cases / case, tmp_path, echo=lambda line: None)
    assert shown.state[name] == "found" and all(line in shown.advice[name] for line in found)


def test_folds_are_numbers_however_they_are_written(cases, tmp_path):
    folds = [
        index.load("esc50", cases / f"csv/{case}", tmp_path).fold.tolist()
        for case in ("bom_crlf", "fold_5.0", "fold_05", "fold_fold5")
    ]
    assert folds[0] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5] and all(fold == folds[0] for fold in folds)


def test_the_page_of_a_set_names_its_unlisted_files(cases, tmp_path):
    prepare("fsdd", cases / "sets/fsdd_more", tmp_path, 1, echo=lambda line: None)
    page = json.loads((tmp_path / "prepare/fsdd.json").read_text())
    assert page["unlisted"] == ["13 .wav files such as recordings/0_maria_0.wav"]


def test_files_replaced_by_others_of_their_size_are_another_fingerprint(cases, tmp_path):
    tree = tmp_path / "data"
    shutil.copytree(cases / "stale", tree)
    workspace = Workspace(tree, tmp_path / "runs")
    first = corpus.load("esc50", workspace)
    before = first.fingerprint(first.rows)
    for file in first.rows.file:
        status, content = os.stat(file), Path(file).read_bytes()
        Path(file).write_bytes(content[:-100] + bytes(100))
        os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))
    corpus.load.cache_clear()
    again = corpus.load("esc50", workspace)
    assert again.fingerprint(again.rows) != before and len(again.rows) == len(first.rows)


# --- without the archive -------------------------------------------------------------------------


def test_links_upwards_and_in_a_circle_are_not_followed(tmp_path):
    folder = fixture_trees.musan(tmp_path)
    before = index.load("musan", tmp_path, tmp_path / "cache")
    for link in ("noise/up", "noise/sound-bible/up", "music/fma/top"):
        (folder / link).symlink_to(folder)
    (folder / "noise/a").mkdir()
    (folder / "noise/b").mkdir()
    (folder / "noise/a/b").symlink_to(folder / "noise/b")
    (folder / "noise/b/a").symlink_to(folder / "noise/a")
    assert index.load("musan", tmp_path, tmp_path / "cache").equals(before)


def test_a_link_to_another_disk_is_followed(tmp_path):
    folder = fixture_trees.musan(tmp_path)
    before = index.load("musan", tmp_path, tmp_path / "cache")
    (folder / "music/fma").rename(tmp_path / "elsewhere")
    (folder / "music/fma").symlink_to(tmp_path / "elsewhere")
    assert index.load("musan", tmp_path, tmp_path / "cache").equals(before)


def test_an_unreadable_folder_is_named_and_the_other_sets_are_shown(tmp_path, monkeypatch):
    folder = fixture_trees.musan(tmp_path / "data")
    fixture_trees.notes(tmp_path / "data")
    scandir = os.scandir

    def refuse(path="."):
        if str(path).endswith("speech/us-gov"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", refuse)
    table = doctor(tmp_path / "data", tmp_path / "cache", echo=lambda line: None)
    assert table.state["musan"] == "unusable" and table.state["notes"] == "found"
    wanted = f"{folder}/speech/us-gov cannot be listed (Permission denied): make it readable."
    assert table.advice["musan"] == wanted


def test_a_relative_data_root_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASG_DATA", "data")
    monkeypatch.setenv("ASG_RUNS", "runs")
    assert Workspace.here().data == tmp_path / "data" and Workspace.here().runs == tmp_path / "runs"
    assert Workspace.here(data=Path("other")).data == tmp_path / "other"


@pytest.mark.parametrize(
    "split, meant", [("Train", "train"), (" test ", "test"), ("dev", None), ("", None)]
)
def test_a_split_is_understood_or_refused(tmp_path, split, meant):
    path = fixture_trees.notes(tmp_path) / "notes.csv"
    path.write_text(path.read_text().replace("forte,test", f"forte,{split}"))
    if meant is None:
        with pytest.raises(DataError, match=f"notes.csv, line 4: '{split}' is no split: put"):
            index.load("notes", tmp_path, tmp_path / "cache")
    else:
        table = index.load("notes", tmp_path, tmp_path / "cache")
        assert table.split[table.instrument == "oboe"].tolist() == [meant]


def test_a_clip_of_two_official_lists_is_refused(tmp_path):
    folder = fixture_trees.speech_commands(tmp_path, "v0.02")
    with open(folder / "validation_list.txt", "a") as file:
        file.write("yes/ffffffff_nohash_0.wav\n")
    with pytest.raises(
        DataError, match="testing_list.txt: 'yes/ffffffff_nohash_0.wav' is in the v"
    ):
        index.load("speech_commands_v2", tmp_path, tmp_path / "cache")


def test_a_test_clip_of_audioset_is_never_trained_on(tmp_path):
    folder = fixture_trees.audioset(tmp_path)
    with open(folder / "metadata/balanced_train_segments.csv", "a") as file:
        file.write("--4gqARaEJE,0,10,/m/09x0r\r\n")
    table = index.load("audioset", tmp_path, tmp_path / "cache")
    assert table.split[table.path.str.contains("--4gqARaEJE")].tolist() == ["test"]


def test_class_names_whose_commas_lost_their_quotes_are_refused(tmp_path):
    """Else "Male speech, man speaking" would be the class "Male speech"."""
    path = fixture_trees.audioset(tmp_path) / "metadata/class_labels_indices.csv"
    path.write_text(path.read_text().replace('"', ""))
    with pytest.raises(DataError, match="indices.csv, line 3 has 4 cells where 3 belong: put"):
        index.load("audioset", tmp_path, tmp_path / "cache")


def test_json_that_is_none_is_named_with_its_line(tmp_path):
    path = fixture_trees.nsynth(tmp_path) / "nsynth-valid/examples.json"
    path.write_text('{\n"bass": {"instrument_str": "bass",\n')
    with pytest.raises(DataError, match="valid/examples.json, line 3 is no JSON"):
        index.load("nsynth", tmp_path, tmp_path / "cache")
    path.write_text("[]")
    with pytest.raises(
        DataError, match="valid/examples.json: the file has no instrument_family_str"
    ):
        index.load("nsynth", tmp_path, tmp_path / "cache")


def test_an_utterance_list_with_a_stray_line_is_refused(tmp_path):
    folder = fixture_trees.librispeech(tmp_path, split_lists=True)
    with open(folder / "train_split.txt", "a") as file:
        file.write("combined\n")
    with pytest.raises(DataError, match="train_split.txt: 'combined' is no clip of this set: put"):
        index.load("librispeech", tmp_path, tmp_path / "cache")
