"""Processes that end with whoever started them, and a command that stops at once with one line."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRACE = 4  # seconds that a process has to clean up after SIGTERM
PR_SET_PDEATHSIG = 1  # of prctl, in <linux/prctl.h>
# large tensors in pages of 2 MB: a step on a CPU takes a tenth less time and has the same bits
PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
STOPPED = "stopped; the same command goes on from here\n"


def start(
    code: str, *words: str, environment: dict[str, str] | None = None, **how
) -> subprocess.Popen:
    """Python that runs `code`, in a session that no Ctrl-C reaches; it ends with this process."""
    first = f"from asglib.study.children import obey; obey({os.getpid()}); "
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths)} | (environment or {})
    command = [sys.executable, "-c", first + code, *words]
    how |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(command, env=PAGES | os.environ | own, **how)


def obey(parent: int) -> None:
    """In a process of `start`: SIGTERM or the parent's death end it in silence within seconds."""

    def leave(number: int, _) -> None:
        _silence()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(GRACE)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    _end_with(parent, signal.SIGTERM)


def load_ipython_extension(shell) -> None:
    """In a notebook's kernel: it is killed when its papermill dies."""
    _end_with(int(os.environ["JPY_PARENT_PID"]), signal.SIGKILL)


def end(processes: Iterable[subprocess.Popen]) -> None:
    """SIGTERM to processes of `start`, time to clean up, then SIGKILL to all of their sessions."""
    processes = list(processes)
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def stoppable(command: Callable[[], int]) -> int:
    """The exit status of `command`; SIGINT and SIGTERM end it within 10 s, with one line."""
    terminal, received = os.dup(2), []

    def leave(*_) -> None:
        line = "\r\x1b[2K" + STOPPED if os.isatty(terminal) else STOPPED
        os.write(terminal, line.encode())
        os._exit(128 + received[0])

    def stop(number: int, _) -> None:
        if not received:
            received.append(number)
            _silence()
            signal.signal(signal.SIGALRM, leave)
            signal.alarm(2 * GRACE)
            raise SystemExit

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return command()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        if received:
            leave()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # all is done: nothing is left to stop


def _silence() -> None:
    """Nothing more on standard error: what is interrupted now is no defect."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _end_with(parent: int, number: int) -> None:
    """This process gets signal `number` when its parent dies; on Linux only."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before
        os.kill(os.getpid(), number)
