"""Files that are never half-written and never written twice at once."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from asglib.files import locked, save_checked, write_atomically

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
