"""The rows of joined sets: their labels, the draw, and what a fingerprint sees and does not see."""

import os
import shutil
from pathlib import Path

import fixture_trees
import numpy as np
import pytest
import soundfile
import torch

from asglib import audio
from asglib.config import ConfigError
from asglib.data import clips, corpus
from asglib.data.workspace import Workspace
from asglib.study import names


@pytest.fixture
def workspace(tmp_path):
    """ESC-50 and notes."""
    fixture_trees.esc50(tmp_path / "data")
    fixture_trees.notes(tmp_path / "data")
    return Workspace(tmp_path / "data", tmp_path / "runs")


def print_of(names, workspace, split="train", task=None):
    """The fingerprint of a part, read anew."""
    corpus.load.cache_clear()
    read = corpus.load(names, workspace)
    rows = read.rows[read.rows.split == split]
    return read.fingerprint(rows, read.labels(rows, names, task) if task else None)


def test_rows_of_joined_sets_have_their_files_and_sets(workspace):
    rows = corpus.load("notes+esc50", workspace).rows
    assert rows.data_set.tolist() == ["notes"] * 3 + ["esc50"] * 8
    assert rows.file[0] == str(workspace.data / "philharmonia-notes/audio/cello/0.wav")
    with pytest.raises(ConfigError, match="data set 'esc' is unknown; the study has audioset, "):
        corpus.load("notes+esc", workspace)


def test_labels_are_those_of_the_named_task(workspace):
    read = corpus.load("notes", workspace)
    ids, classes = read.labels(read.rows, "notes", "instrument")
    assert [classes[i] for i in ids] == ["cello", "cello", "oboe"] and ids.dtype == torch.int64
    with pytest.raises(
        ConfigError, match="notes has no task 'key'; it has instrument, family, oct"
    ):
        read.labels(read.rows, "notes", "key")


def test_joint_labels_put_set_after_set(workspace):
    read = corpus.load("notes+esc50", workspace)
    ids, classes = read.joint_labels(read.rows)
    assert classes == 12 + 2 and ids.tolist()[:3] == [2, 2, 9]
    assert sorted(set(ids[3:].tolist())) == [12, 13]  # "dog" and "NA" behind the 12 instruments


def test_with_a_set_of_several_labels_a_clip_all_are_of_several(workspace):
    fixture_trees.desed(workspace.data)
    alone, classes = corpus.load("notes", workspace), 12
    ids, _ = alone.joint_labels(alone.rows)
    both = corpus.load("notes+desed", workspace)
    hot, count = both.joint_labels(both.rows)
    assert hot.shape == (len(both.rows), count) and count == classes + 10
    assert hot[:3].argmax(1).tolist() == ids.tolist() and (hot[:3].sum(1) == 1).all()
    own = both.rows.label[3:].map(lambda cell: len(set(cell.split(";")) - {""}))
    assert hot[3:].sum(1).tolist() == own.tolist() and hot[3:, :classes].sum() == 0


def test_one_clip_without_its_label_is_named_and_turns_none_into_several(workspace):
    """Cross-entropy would have become binary cross-entropy, without a word."""
    read = corpus.load("notes+esc50", workspace)
    lost = read.rows.path[4]
    rows = read.rows.assign(category=read.rows.category.where(read.rows.index != 4, ""))
    with pytest.raises(ConfigError, match=f"esc50: 1 clip without a sound, such as {lost}: a sup"):
        read.joint_labels(rows)


def test_the_draw_is_the_same_every_time_and_of_each_split(workspace):
    read = corpus.load("notes+esc50", workspace)
    drawn = read.drawn(2)
    assert drawn.rows.split.value_counts().to_dict() == {"train": 2, "test": 2}
    assert drawn.rows.equals(read.drawn(2).rows) and read.drawn(None) is read
    order = np.random.default_rng(0).permutation(11)
    first = [i for i in order if read.rows.split[i] == "train"][:2]
    assert drawn.rows.path[drawn.rows.split == "train"].tolist() == [
        read.rows.path[i] for i in sorted(first)
    ]


def test_a_fingerprint_sees_every_set_row_size_and_label(workspace):
    both = print_of("notes+esc50", workspace)
    assert len(both) == 16 and both == print_of("notes+esc50", workspace)
    assert both not in (print_of("notes", workspace), print_of("esc50", workspace))
    read = corpus.load("esc50", workspace)
    renamed = read.rows.assign(data_set="notes")  # the same paths in another set
    assert read.fingerprint(renamed) != read.fingerprint(read.rows)
    labelled = print_of("esc50", workspace, task="sound")
    assert labelled != print_of("esc50", workspace)
    path = workspace.data / "ESC-50-master/audio/1-101-A-2.wav"
    fixture_trees.clip(path, 0.3, 44_100)  # of the second set, another size
    assert print_of("notes+esc50", workspace) != both
    assert print_of("esc50", workspace, task="sound") != labelled


def test_a_label_changes_the_fingerprint_of_targets_alone(workspace):
    before, labelled = print_of("esc50", workspace), print_of("esc50", workspace, task="sound")
    path = workspace.data / "ESC-50-master/meta/esc50.csv"
    path.write_text(path.read_text().replace("1-101-A-2.wav,1,2,dog", "1-101-A-2.wav,1,14,NA"))
    assert print_of("esc50", workspace) == before
    assert print_of("esc50", workspace, task="sound") != labelled
    relabelled = print_of("esc50", workspace, task="sound")
    path.write_text(path.read_text().replace(",NA,", ",rain,"))  # other class names, the same ids
    assert print_of("esc50", workspace, task="sound") not in (labelled, relabelled)


def test_a_test_clip_that_is_gone_and_another_folder_change_no_training_part(workspace, tmp_path):
    before = print_of("esc50", workspace)
    tests = print_of("esc50", workspace, "test")
    (workspace.data / "ESC-50-master/audio/5-105-A-2.wav").unlink()
    assert print_of("esc50", workspace) == before
    assert print_of("esc50", workspace, "test") != tests
    shutil.copytree(workspace.data / "ESC-50-master", tmp_path / "other/ESC-50")
    assert print_of("esc50", Workspace(tmp_path / "other", tmp_path / "runs")) == before


def test_two_sets_in_one_folder_are_both_there(tmp_path):
    """DESED's clips and their events; the events' public part has a folder of its own."""
    for make in (fixture_trees.desed, fixture_trees.desed_events):
        make(tmp_path / "data")
    workspace = Workspace(tmp_path / "data", tmp_path / "runs")
    alone = [corpus.load(name, workspace) for name in ("desed", "desed_events")]
    both = corpus.load("desed+desed_events", workspace)
    assert len(both.rows) == sum(len(one.rows) for one in alone) > len(alone[1].rows)
    assert both.missing == sum(one.missing for one in alone)
    assert both.sums().index.is_unique and both.rows.file.map(both.sums()).notna().all()
    assert both.fingerprint(both.rows) != alone[1].fingerprint(alone[1].rows)


@pytest.mark.parametrize("names", ["notes+", "+notes", ""])
def test_a_set_without_a_name_is_no_corpus(workspace, names):
    """It would be the whole data root, test clips of every set included."""
    with pytest.raises(ConfigError, match="data set '' is unknown"):
        corpus.load(names, workspace)


def test_a_set_that_is_named_twice_is_refused(workspace):
    with pytest.raises(ConfigError, match=r"corpus 'notes\+notes' names notes twice"):
        corpus.load("notes+notes", workspace)


def test_a_change_of_the_data_is_seen_when_it_is_asked_for(workspace):
    """A worker and a notebook's kernel live on; what they know of the data must not."""
    before = corpus.load("notes", workspace)
    names.forget()
    same = corpus.load("notes", workspace)
    assert same is not before and same.fingerprint(same.rows) == before.fingerprint(before.rows)
    fixture_trees.clip(Path(before.rows.file[0]), 0.7)
    names.forget()
    after = corpus.load("notes", workspace)
    assert after.fingerprint(after.rows) != before.fingerprint(before.rows)


def first_wave(workspace):
    """The first clip of notes and the file it is from, as a new process reads it."""
    names.forget()
    read = corpus.load("notes", workspace)
    return read.clips(read.rows).whole(0).copy(), Path(read.rows.file[0])


def waves(workspace):
    return sorted(path.name for path in (workspace.cache / "waves").glob("*.f32"))


def test_sound_of_the_same_size_and_time_is_decoded_again_in_the_place_of_the_old(workspace):
    before, path = first_wave(workspace)
    kept, status = waves(workspace), os.stat(path)
    rate = soundfile.info(path).samplerate
    soundfile.write(path, np.linspace(-0.5, 0.5, soundfile.info(path).frames), rate, "PCM_16")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (
        status.st_size,
        status.st_mtime_ns,
    )
    after, _ = first_wave(workspace)
    np.testing.assert_array_equal(after, audio.read(path))
    assert not np.array_equal(after, before) and waves(workspace) == kept


def test_waves_that_do_not_say_what_they_are_of_are_decoded_again(workspace, monkeypatch):
    """As an older version left them; after that they are found."""
    before, _ = first_wave(workspace)
    (note,) = (workspace.cache / "waves").glob("*.content")
    note.unlink()
    calls, decode = [], clips.Clips._decode_all
    monkeypatch.setattr(
        clips.Clips, "_decode_all", lambda self, out: calls.append(out) or decode(self, out)
    )
    kept = waves(workspace)
    for _ in range(2):
        np.testing.assert_array_equal(first_wave(workspace)[0], before)
    assert len(calls) == 1 and waves(workspace) == kept
