"""What files hold: read once, read again when they are replaced, kept whole."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from asglib.data import content, corpus, toy
from asglib.data.workspace import Workspace


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set").mkdir()
    for name in "abc":
        (tmp_path / "set" / name).write_text(f"sound {name}")
    return tmp_path / "set"


PATHS = pd.Series(["a", "b", "a", "c"])


def sums(folder):
    return content.sums(folder, PATHS, folder.parent / "cache").tolist()


def kept(folder):
    return next((folder.parent / "cache/content").glob("*.parquet"))


def test_sums_are_sha256_and_each_file_is_read_once(folder, monkeypatch):
    a, b, again, c = sums(folder)
    # printf 'sound a' | sha256sum
    assert a == "2f5ecb9456cf77f3f80eff5a825d36d9325f66ff65c44956e715bb430c122ff2"
    assert a == again and len({a, b, c}) == 3
    monkeypatch.setattr(content, "_sum", lambda file: pytest.fail(f"{file} is read again"))
    assert sums(folder) == [a, b, again, c]


@pytest.mark.parametrize("times", ["new", "kept", "older"])
def test_a_file_replaced_by_one_of_its_size_is_noticed(folder, times):
    before, status = sums(folder), os.stat(folder / "b")
    (folder.parent / "other").write_text("sound x")
    if times != "new":
        when = status.st_mtime_ns - (10**12 if times == "older" else 0)
        os.utime(folder.parent / "other", ns=(when, when))
    os.replace(folder.parent / "other", folder / "b")
    after = sums(folder)
    assert [x == y for x, y in zip(before, after)] == [True, False, True, True]


def test_a_touched_file_is_read_and_stays_what_it_is(folder):
    before = sums(folder)
    os.utime(folder / "a")
    assert sums(folder) == before


def test_a_file_that_is_gone_has_no_sum(folder):
    before = sums(folder)
    (folder / "b").unlink()
    assert sums(folder)[1] == ""
    (folder / "b").write_text("sound b")
    assert sums(folder) == before


def test_a_long_reading_is_kept_as_far_as_it_went(folder, monkeypatch):
    monkeypatch.setattr(content, "BATCH", 1)
    whole = content._sum
    monkeypatch.setattr(content, "_sum", lambda file: whole(file) if file[-1] != "c" else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sums(folder)
    read = []
    monkeypatch.setattr(content, "_sum", lambda file: read.append(file[-1]) or whole(file))
    sums(folder)
    assert read == ["c"]


# --- the embedded corpora ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(toy, "CLIPS", {"train": 2, "test": 2})
    yield Workspace(None, tmp_path_factory.mktemp("runs"))
    patch.undo()


def read_toy(workspace):
    corpus.load.cache_clear()
    read = corpus.load("toy-a", workspace)
    return read.fingerprint(read.rows), read.rows.file


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped", "other clip"])
def test_a_damaged_clip_of_the_embedded_corpus_is_made_again(embedded, damage, caplog):
    before, files = read_toy(embedded)
    whole = {file: Path(file).read_bytes() for file in files}
    victim = files[3]
    match damage:
        case "gone":
            os.unlink(victim)
        case "empty":
            Path(victim).write_bytes(b"")
        case "cut":
            Path(victim).write_bytes(whole[victim][:-500])
        case "flipped":
            Path(victim).write_bytes(whole[victim][:-9] + b"\1" + whole[victim][-8:])
        case "other clip":
            shutil.copyfile(files[4], victim)
    after, _ = read_toy(embedded)
    assert after == before and {file: Path(file).read_bytes() for file in files} == whole
    assert victim in caplog.text and "made again" in caplog.text


def test_the_embedded_corpus_without_its_sums_is_made_again(embedded):
    before, files = read_toy(embedded)
    os.unlink(files[0])
    sums = next(embedded.cache.glob("toy-*/toy-a/sums.parquet"))
    sums.write_bytes(b"")
    assert read_toy(embedded)[0] == before and os.path.exists(files[0])
