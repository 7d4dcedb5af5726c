"""Files that are never half-written, never written twice at once, and never used damaged."""

import errno
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import DAMAGE, ROOT, damage

from asglib import files
from asglib.files import load_checked, locked, save_checked, write_atomically

HOLD = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from asglib.files import locked
with locked(pathlib.Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
    pathlib.Path(sys.argv[2] + ".left").touch()
"""


def full_disk(path):
    path.write_text("half of it")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "record.json"
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, full_disk)
    assert list(tmp_path.iterdir()) == []
    write_atomically(path, lambda out: out.write_text("whole"))
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, full_disk)
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


def test_a_new_file_appears_whole_in_a_new_folder(tmp_path):
    path, seen = tmp_path / "a" / "b" / "record.json", []

    def write(out):
        out.write_text("new")
        seen.append((out.parent == path.parent, path.exists()))

    write_atomically(path, write)
    assert seen == [(True, False)] and path.read_text() == "new"


def hold(path, seconds):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ROOT), str(path), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    return child


def test_a_second_process_waits(tmp_path):
    path = tmp_path / "run" / "lock"
    child = hold(path, 0.4)
    assert not (tmp_path / "run" / "lock.left").exists()
    with locked(path):
        assert (tmp_path / "run" / "lock.left").exists()  # the other was done first
    assert child.wait(10) == 0


def test_it_need_not_wait_and_death_lets_go(tmp_path):
    path = tmp_path / "lock"
    child = hold(path, 60)
    with pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    began = time.monotonic()
    with locked(path, wait=False):
        assert time.monotonic() - began < 5 and not (tmp_path / "lock.left").exists()


def test_a_full_disk_names_the_file(tmp_path):
    def full(out):
        raise OSError(28, "No space left on device")

    for write in (write_atomically, save_checked):
        with pytest.raises(OSError, match=f"No space left on device; make room: '{tmp_path}/a'"):
            write(tmp_path / "a", full)
    assert list(tmp_path.iterdir()) == []


# --- never used damaged --------------------------------------------------------------------------


def save(path, text):
    save_checked(path, lambda out: out.write_text(text))


def loaded(path):
    """What another process reads, which knows nothing of the file."""
    files._known.clear()
    return load_checked(path, lambda file: file.read_text())


def test_a_whole_file_is_read_and_one_that_is_not_there_is_none(tmp_path):
    path = tmp_path / "a" / "record.json"
    assert loaded(path) is None
    save(path, "one")
    save(path, "two")
    assert loaded(path) == "two" and files.whole(path)
    assert sorted(p.name for p in path.parent.iterdir()) == [".record.json.sha256", "record.json"]


@pytest.mark.parametrize("how", [how for how in DAMAGE if how != "gone"])
def test_a_damaged_file_is_named_set_aside_and_made_again(tmp_path, caplog, how):
    path = tmp_path / "record.json"
    save(path, '{"value": 0.5, "predictions": [1, 2, 3]}')
    damage(path, how)
    kept = path.read_bytes()
    with caplog.at_level(logging.WARNING, "asglib"):
        assert loaded(path) is None
    assert f"{path} is damaged: it is set aside as record.json.damaged" in caplog.text
    assert (tmp_path / "record.json.damaged").read_bytes() == kept and not path.exists()
    save(path, "anew")
    assert loaded(path) == "anew"


@pytest.mark.parametrize("beside", [b"", b"zeros\0\0", None])
def test_a_file_whose_checksum_is_lost_is_not_trusted(tmp_path, beside):
    path = tmp_path / "record.json"
    save(path, "whole")
    kept = tmp_path / ".record.json.sha256"
    kept.unlink() if beside is None else kept.write_bytes(beside)
    assert loaded(path) is None


def test_a_kill_between_the_two_renames_leaves_the_old_content_whole(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    save(path, "old")
    replace = os.replace

    def killed(source, target):
        if target == path:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save(path, "new")
    assert loaded(path) == "old"


def test_what_gets_its_name_is_on_the_disk_before(tmp_path, monkeypatch):
    """After a power failure a name must not stand for an empty file."""
    done = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: done.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(files.os, "replace", lambda *pair: done.append("rename") or replace(*pair))
    write_atomically(tmp_path / "a", lambda out: out.write_text("x"))
    assert done == ["fsync", "rename", "fsync"]  # the content, the name, the folder


def test_a_file_that_has_not_changed_is_not_summed_twice(tmp_path, monkeypatch):
    path = tmp_path / "big"
    save(path, "much")
    assert loaded(path) == "much"
    monkeypatch.setattr(files, "_sum", lambda path: pytest.fail("summed again"))
    assert load_checked(path, lambda file: file.read_text()) == "much"


def test_what_a_killed_process_left_half_written_goes_with_the_next_writing(tmp_path):
    path, left = tmp_path / "waves.f32", tmp_path / ".4711.waves.f32"
    others = [tmp_path / ".4711.other.f32", tmp_path / ".waves.f32.sha256"]
    save_checked(path, lambda out: out.write_text("whole"))
    for each in (left, others[0]):
        each.write_text("half")
    save_checked(path, lambda out: out.write_text("again"))
    assert not left.exists() and all(each.exists() for each in others)
    assert load_checked(path, lambda file: file.read_text()) == "again"
