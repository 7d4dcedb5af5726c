"""Any folder as a data set: its index.csv is understood, or one sentence says what is wrong."""

import os
import re
import shutil
from pathlib import Path

import fixture_trees
import numpy as np
import pytest

from asglib.__main__ import main
from asglib.config import ConfigError
from asglib.data import corpus, index
from asglib.data.index import DataError
from asglib.data.prepare import prepare
from asglib.data.workspace import Workspace
from asglib.study import plans, profiles, runs

LIST = "path,split,group,word\na.wav,train,x,yes\nb.wav,test,y,no\n"
REAL = Path(os.environ.get("ASG_DATA", Path(__file__).parents[2] / "shared/data"))


def own(tmp_path, text=LIST, files=("a.wav", "b.wav"), newline="\n"):
    """A folder `own` with these files and this index.csv (None: none); its index."""
    folder = tmp_path / "own"
    for name in files:
        fixture_trees.clip(folder / name)
    if text is not None:
        fixture_trees.text(folder / "index.csv", text, newline)
    return index.load("own", tmp_path, tmp_path / "cache")


def test_rows_are_those_of_the_index(tmp_path):
    table = own(
        tmp_path, "fold,path,note,split,group,seconds\n2,b.wav,,Test,y,9\n,a.wav,n,train,,\n"
    )
    assert list(table) == ["path", "note", "split", "fold", "start", "stop", "group"]
    assert table.path.tolist() == ["a.wav", "b.wav"] and table.note.tolist() == ["n", ""]
    assert table.split.tolist() == ["train", "test"] and table.group.tolist() == ["", "y"]
    assert table.fold.tolist() == [-1, 2] and table.fold.dtype == np.int64


def test_labels_with_commas_quotes_bom_and_crlf(tmp_path):
    text = '\ufeffpath,split,group,word\na.wav,train,x,"a, ""b"""\nb.wav,test,y,NA\n'
    assert own(tmp_path, text, newline="\r\n").word.tolist() == ['a, "b"', "NA"]


def test_without_an_index_all_sounds_are_train_one_group_a_file(tmp_path):
    table = own(tmp_path, None, ("deep/b.flac", "a.wav", ".hidden.wav"))
    assert table.path.tolist() == table.group.tolist() == ["a.wav", "deep/b.flac"]
    assert set(table.split) == {"train"} and set(table.fold) == {-1}


def test_listed_files_that_are_absent_or_empty_are_counted(tmp_path):
    folder = tmp_path / "own"
    fixture_trees.empty(folder / "e.wav")
    (folder / "sub").mkdir()
    table = own(tmp_path, LIST + "c.wav,train,,no\ne.wav,train,,no\nsub,train,,no\n")
    assert table.path.tolist() == ["a.wav", "b.wav"]
    assert table.attrs["missing"] == ["c.wav", "sub"] and table.attrs["empty"] == ["e.wav"]


REFUSED = {
    "path,split,word\na.wav,train,x\n": "index.csv has no column group",
    "path,split,group\n": "index.csv has no rows",
    "path,split,group,split\na.wav,train,x,test\n": "index.csv has two columns split",
    LIST + "../own/a.wav,train,,no\n": "names '../own/a.wav', outside the folder",
    LIST + "/etc/a.wav,train,,no\n": "names '/etc/a.wav', outside the folder",
    LIST + "./a.wav,test,,no\n": "1 file in several splits, the first 'a.wav' in train and test: ",
    LIST + "a.wav,train,,no\n": "the list names 1 clip twice, such as 'a.wav'",
    LIST + "c.wav,valid,y,no\nd.wav,train,y,no\n": "the first 'y' in test and valid and train",
    LIST + "c.wav,test,x,no\nd.wav,train,y,no\n": "2 groups in several splits, the",
    LIST + "c.wav,dev,x,no\n": "index.csv, line 4: 'dev' is none of train, valid, test",
    "path,split,group,fold\na.wav,train,x,one\n": "line 2: 'one' is no fold",
    "path,split,group,start\na.wav,train,x,1\n": "a column may not be called start: rename it",
    LIST + 'c.wav,test,y,"no\n': "line 4 is no row of a csv",
    "path,split,group,where\na.wav,train,x,here\n": "a column may not be called where: rename it",
    "path,split,group,word,word\na.wav,train,x,1,2\n": "index.csv has two columns word",
}


@pytest.mark.parametrize("text", REFUSED)
def test_bad_lists_are_refused_in_a_sentence(tmp_path, text):
    with pytest.raises(DataError, match=re.escape(REFUSED[text])) as told:
        own(tmp_path, text)
    assert str(tmp_path) in str(told.value) and "\n" not in str(told.value)
    assert "release" not in str(told.value)  # nobody else has written it


@pytest.mark.parametrize(("mark", "told"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_separator_is_named(tmp_path, mark, told):
    """Spreadsheets write semicolons where a comma is in numbers."""
    parted = f"group, path, split: its cells are parted by {told}; part them by commas.$"
    with pytest.raises(DataError, match=f"index.csv has no column {parted}"):
        own(tmp_path, LIST.replace(",", mark))


@pytest.mark.parametrize("name", ["Index.csv", "INDEX.CSV", "index.csv"])
def test_an_index_that_cannot_be_found_is_not_passed_over(tmp_path, name):
    """Its test clips would be trained on; the last is a link to nowhere."""
    (tmp_path / "own").mkdir()
    if name == "index.csv":
        (tmp_path / "own" / name).symlink_to("nowhere")
    else:
        (tmp_path / "own" / name).write_text(LIST)
    with pytest.raises(DataError, match=f"own/{name} cannot be read as index.csv: write its name"):
        own(tmp_path, None)


def test_a_check_says_that_without_an_index_all_is_for_training(tmp_path):
    said = []
    own(tmp_path, None, ("a.wav",))
    prepare("own", tmp_path, tmp_path / "cache", 1, tmp_path / "fast", said.append)
    folder = tmp_path / "own"
    assert said[:2] == [
        f"own: 1 clip in {folder}",
        f"{folder} has no index.csv: all its clips are for training.",
    ]
    own(tmp_path)
    said.clear()
    prepare("own", tmp_path, tmp_path / "cache", 1, echo=said.append)
    prepare("own", tmp_path / "fast", tmp_path / "cache", 1, echo=said.append)
    assert len(said) == 4 and "for training" not in str(said)


def test_empty_folders_and_folders_without_sound_are_refused(tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(DataError, match="own is empty: put sound files there"):
        index.load("own", tmp_path, tmp_path / "cache")
    fixture_trees.text(tmp_path / "own/x.m4a", "no sound that is read")
    with pytest.raises(DataError, match="none of the files of own .*, but 1 .m4a file such"):
        index.load("own", tmp_path, tmp_path / "cache")


def test_only_ravdess_may_have_a_group_in_two_splits(tmp_path):
    text = (
        "path,split,group,fold,speaker,emotion\n{0}.wav,train,x,1,x,sad\n{1}.wav,test,x,1,x,calm\n"
    )
    for name in ("ravdess-speech", "wake-words"):
        for file in "ab":
            fixture_trees.clip(tmp_path / name / f"{file}.wav")
    fixture_trees.text(tmp_path / "ravdess-speech/index.csv", text.format("a", "b"))
    table = index.load("ravdess", tmp_path, tmp_path / "cache")
    assert table.group.tolist() == ["x", "x"] and table.fold.tolist() == [1, 1]
    text = text.replace("speaker", "keyword").replace("x,sad", "alexa,sad")
    fixture_trees.text(tmp_path / "wake-words/index.csv", text.format("a", "b"))
    with pytest.raises(DataError, match="1 group in several splits, the first 'x' in"):
        index.load("wake-words", tmp_path, tmp_path / "cache")


# --- one's own corpus ----------------------------------------------------------------------------


def test_a_folder_goes_by_its_own_name_or_by_that_of_the_set_that_it_is(tmp_path):
    assert index.of_folder(tmp_path / "mine/") == ("mine", tmp_path)
    assert index.of_folder(tmp_path / "ESC-10") == ("esc50", tmp_path)
    assert index.of_folder(tmp_path / "open-pool") == ("open-pool", tmp_path)
    for name in ("toy", "notes", "a+b", ".hidden"):
        with pytest.raises(DataError, match="cannot have this name: rename the folder"):
            index.of_folder(tmp_path / name)
    with pytest.raises(ConfigError, match="data set '../x' is unknown; the study has audioset"):
        corpus.load("../x", Workspace(tmp_path, tmp_path / "runs"))


def test_a_runs_name_holds_the_contents_and_the_folders_name_and_no_path(tmp_path):
    for place in ("one", "other"):
        own(tmp_path / place)
    run = plans.pretraining(profiles.profile("smoke"), "Sup.", 0, corpus="own")
    runs_folder = tmp_path / "runs"
    names = [
        runs.run_name(run, Workspace(tmp_path / place, runs_folder)) for place in ("one", "other")
    ]
    assert names[0] == names[1]
    fixture_trees.clip(tmp_path / "other/own/a.wav", seconds=0.3)
    corpus.load.cache_clear()
    assert runs.run_name(run, Workspace(tmp_path / "other", runs_folder)) != names[0]
    shutil.copytree(tmp_path / "one/own", tmp_path / "one/renamed")
    run = plans.pretraining(profiles.profile("smoke"), "Sup.", 0, corpus="renamed")
    assert runs.run_name(run, Workspace(tmp_path / "one", runs_folder)) != names[0]


def test_label_columns_are_tasks_and_no_labels_are_no_supervision(tmp_path):
    own(tmp_path)
    read = corpus.load("own", Workspace(tmp_path, tmp_path / "runs"))
    ids, classes = read.labels(read.rows, "own", "word")
    assert classes == ("yes",) and ids.tolist() == [0, -1]
    fixture_trees.clip(tmp_path / "sounds/a.wav")
    read = corpus.load("sounds", Workspace(tmp_path, tmp_path / "runs"))
    with pytest.raises(ConfigError, match="sounds has no labels: a supervised method needs a col"):
        read.joint_labels(read.rows)


def test_own_sounds_are_checked_and_pretrained_on(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "my sounds"
    for number in range(8):
        fixture_trees.clip(folder / f"{number}.wav", 0.3 + number / 10)
    report = prepare("my sounds", tmp_path, tmp_path / "cache", echo=lambda said: None)
    assert report["found"]["clips"] == 8 and report["licence"] == "its owner's"
    small = profiles.profile("smoke")
    shrunk = plans.replace(small.pretraining, batch=4, epochs=1, warmup_epochs=0)
    monkeypatch.setitem(profiles.PROFILES, "smoke", plans.replace(small, pretraining=shrunk))
    monkeypatch.setenv("ASG_DATA", "")
    words = ["pretrain", "--corpus", str(folder), "--runs", str(tmp_path / "runs")]
    assert main([*words, "--device", "cpu"]) == 0
    name = re.search(r"(pretrain-ASG-\w+): 2 steps", capsys.readouterr().out)[1]
    kept = (tmp_path / "runs" / name / "config.json").read_text()
    assert '"corpus": "my sounds"' in kept and str(tmp_path) not in kept


@pytest.mark.parametrize(
    ("name", "splits", "folds"),
    [
        ("open-pool", (2565, 643), [-1]),
        ("ravdess", (716, 713), [0, 1, 2, 3, 4]),
        ("wake-words", (1840, 439), [0, 1, 2, 3, 4]),
    ],
)
def test_real_sets(tmp_path, name, splits, folds):
    if not REAL.is_dir() or index.find(name, REAL) is None:
        pytest.skip(f"{name} is not under {REAL}")
    table = index.load(name, REAL, tmp_path)
    known = index.DATASETS[name]
    assert tuple((table.split == split).sum() for split in ("train", "test")) == splits
    assert sorted(set(table.fold)) == folds and not table.attrs["missing"]
    assert tuple(known.counts[split] for split in ("train", "test")) == splits
    for task in known.tasks.values():
        ids, classes = index.label_ids(table, task)
        assert (ids >= 0).all() and set(ids) == set(range(len(classes)))
        if task.folds:
            assert table.groupby("group").fold.nunique().max() == 1
            assert all(set(ids[table.fold == fold]) == set(ids) for fold in folds)


def test_a_fold_of_none_is_none(tmp_path):
    table = own(tmp_path, "path,split,group,fold\na.wav,train,x,-1\nb.wav,train,y,3\n")
    assert table.fold.tolist() == [-1, 3]


def test_a_label_of_two_lines_is_one_label(tmp_path):
    """As a spreadsheet writes a cell with a line break."""
    own(tmp_path, 'path,split,group,word\na.wav,train,x,"dog\nsmall"\nb.wav,train,y,cat\n')
    read = corpus.load("own", Workspace(tmp_path, tmp_path / "runs"))
    assert read.labels(read.rows, "own", "word")[0].tolist() == [1, 0]


def test_own_labels_outlive_a_conversion(tmp_path):
    own(tmp_path)
    before = corpus.load("own", Workspace(tmp_path, tmp_path / "runs"))
    prepare("own", tmp_path, tmp_path / "runs/cache", 1, tmp_path / "fast")
    after = corpus.load("own", Workspace(tmp_path / "fast", tmp_path / "runs"))
    assert list(after.tasks["own"]) == list(before.tasks["own"]) == ["word"]
    for read in (before, after):
        assert read.labels(read.rows, "own", "word")[1] == before.tasks["own"]["word"][1]
