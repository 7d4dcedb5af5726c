"""Ctrl-C and SIGTERM at any moment of `reproduce`: one line, nothing left, and it goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asglib.study import children
from asglib.study.children import STOPPED

ROOT = Path(__file__).parents[1]
SECONDS = 10.0  # in which everything has ended
MANY = int(os.environ.get("ASG_STOPS", "0"))  # moments, spread over the whole study
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


class Study:
    """tiny_study.py in a process group of its own, and all processes that come of it."""

    def __init__(self, folder: Path):
        self.folder, self.mark = folder, f"ASG_MARK={folder}"
        self.temporary = folder / ("tmp" * 40)  # longer than a socket's name may be
        self.temporary.mkdir(parents=True, exist_ok=True)
        name, _, value = self.mark.partition("=")
        environment = {name: value, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)}
        environment |= {"OMP_NUM_THREADS": "1", "ASG_WORKERS": "2"}
        with open(folder / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "tiny_study.py"), str(folder)],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | environment,
                start_new_session=True,
            )

        while not self.catches(signal.SIGTERM):  # the interpreter itself has to start
            time.sleep(0.005)

    def catches(self, number: int) -> bool:
        """Whether the command has a handler of its own for a signal."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
        return bool(caught >> (number - 1) & 1)

    def until(self, pattern: str, old: tuple[Path, ...] = ()) -> None:
        """Waits for a file of that pattern that is not among the old ones."""
        deadline = time.monotonic() + 120
        while not set(self.folder.glob(pattern)) - set(old):
            assert self.process.poll() is None and time.monotonic() < deadline, pattern
            time.sleep(0.02)

    def stop(self, number: int) -> float:
        """Ctrl-C, or SIGTERM to the command alone; seconds until everything has ended."""
        began = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(timeout=SECONDS)
        while self.alive() and time.monotonic() - began < SECONDS:
            time.sleep(0.05)
        return time.monotonic() - began

    def alive(self) -> list[str]:
        """The command lines of the processes that carry the mark."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_text().replace("\0", " ")[:200])
            except OSError:
                pass  # it has ended meanwhile
        return found

    def left(self) -> list[str]:
        """Temporary files and folders."""
        temporary = [*self.folder.glob("runs/executed/*/.batch-*"), *self.temporary.iterdir()]
        temporary = [path for path in temporary if "torchinductor" not in path.name]  # torch's own
        written = [p for p in self.folder.rglob(".*") if re.match(r"\.\d+\.", p.name)]
        return [str(path.relative_to(self.folder)) for path in (*temporary, *written)]


def stopped(study: Study, number: int) -> float:
    """Stops the study and asserts all that is promised; the seconds that it took."""
    seconds = study.stop(number)
    assert study.process.returncode == 128 + number
    assert study.alive() == [] and seconds < SECONDS
    assert (study.folder / "stderr").read_text() == STOPPED
    assert study.left() == []
    return seconds


def finished(folder: Path) -> None:
    """The study goes on from what is there, to its end."""
    study = Study(folder)
    assert study.process.wait(timeout=300) == 0
    assert study.left() == []
    assert len(list(folder.glob("runs/evaluate-*/record.json"))) == 4
    assert sorted(path.name for path in folder.glob("html/0*.html")) == [
        "01_table.html",
        "02_slow.html",
    ]


IMPORTS, RUNS = "stderr", "runs/pretrain-*/lock"  # files that show how far it is
KERNELS = "runs/executed/smoke/.batch-*/tmp*.json"


def test_a_command_listens_before_it_imports_what_takes_seconds():
    code = "import asglib.__main__, sys; print({'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stderr


@linux
def test_a_study_that_is_stopped_or_killed_at_any_moment_goes_on(tmp_path):
    for number, pattern in ((signal.SIGINT, IMPORTS), (signal.SIGTERM, RUNS)):
        study = Study(tmp_path)
        study.until(pattern)
        time.sleep(0.3)
        stopped(study, number)
    study = Study(tmp_path)
    study.until(KERNELS)
    assert study.stop(signal.SIGKILL) < SECONDS
    left = tuple(tmp_path.glob(KERNELS))  # a kill leaves them, and the next batch clears them
    study = Study(tmp_path)
    study.until(KERNELS, left)
    stopped(study, signal.SIGINT)
    finished(tmp_path)


@linux
@pytest.mark.skipif(not MANY, reason="ASG_STOPS=20: so many moments, minutes")
def test_many_moments_spread_over_the_study(tmp_path):
    began = time.monotonic()
    finished(tmp_path / "whole")
    whole = time.monotonic() - began
    ended = 0
    for moment in range(MANY):
        study = Study(tmp_path / str(moment))
        time.sleep(whole * moment / MANY)
        if study.process.poll() is None:
            seconds = stopped(study, (signal.SIGINT, signal.SIGTERM)[moment % 2])
            print(f"stopped after {whole * moment / MANY:.1f} s, ended {seconds:.1f} s later")
            ended += 1
    assert ended >= MANY // 2  # the others had ended by themselves
    for moment in (MANY // 4, MANY // 2, 3 * MANY // 4):
        finished(tmp_path / str(moment))


def _asks_for_pages() -> bool:
    """Whether large pages are for those who ask."""
    mode = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return mode.exists() and "[madvise]" in mode.read_text()


ADVISED = """
import torch
kept = torch.ones(16, 2**20)
maps = open('/proc/self/smaps').read().split('VmFlags:')
print(any(' hg' in flags.split(chr(10))[0] for flags in maps[1:]))
"""


@pytest.mark.skipif(not _asks_for_pages(), reason="this kernel gives large pages to all or none")
@pytest.mark.parametrize("chosen", [None, "glibc.malloc.hugetlb=0"])
def test_a_child_asks_for_large_pages_unless_the_user_chose(chosen, monkeypatch):
    """glibc marks the memory of large tensors (hg: madvise(MADV_HUGEPAGE)) from 2.35 on."""
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if chosen:
        monkeypatch.setenv("GLIBC_TUNABLES", chosen)
    child = children.start(ADVISED, stdout=subprocess.PIPE, text=True)
    assert child.communicate(timeout=60)[0].strip() == str(chosen is None)
