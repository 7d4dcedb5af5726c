"""One run by several processes of this machine, which torch's elastic launcher starts."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from asglib.files import write_atomically
from asglib.study.cluster import StudyError

STARTS = 3  # of all processes: when one has died they go on from the checkpoint
LISTENS = 0.5  # seconds from one look at what the first process says to the next
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # by the launcher


def together(
    count: int,
    work: Callable[..., None],
    words: tuple,
    progress: Path,
    tell: Callable[[dict], None],
) -> None:
    """work(*words, progress) in `count` processes; `tell` hears what one of them `says` there.

    When one dies all are ended and started again. StudyError: they die again and again.
    """
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # not the launcher's own restarts: after one of them gloo once waited for ever to connect
    how = {"max_restarts": 0, "local_addr": "127.0.0.1", "run_id": progress.parent.name}
    how |= {"rdzv_backend": "c10d", "rdzv_endpoint": "127.0.0.1:0"}
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        with _heard(progress, tell):
            for _ in range(STARTS):
                failed = _launched(LaunchConfig(1, 1, count, **how), work, (*words, progress))
                if failed is None:
                    return
        rank, first = failed.get_first_failure()
        said = first.message if isinstance(first.message, str) else first.message["message"]
        told = f"process {rank} of {count} ended {STARTS} times, the last time by"
        raise StudyError(f"{told}: {said}")
    except SignalException as stopped:
        if stopped.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + stopped.sigval) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        progress.unlink(missing_ok=True)


def _launched(how: LaunchConfig, work: Callable, words: tuple) -> ChildFailedError | None:
    try:
        elastic_launch(how, work)(*words)
    except ChildFailedError as error:
        return error
    return None


def says(progress: Path, row: dict) -> None:
    """In a process of `together`: a row for the one that has started it."""
    write_atomically(progress, lambda out: out.write_text(json.dumps(row)))


@contextmanager
def _heard(progress: Path, tell: Callable[[dict], None]) -> Iterator[None]:
    """Meanwhile `tell` hears each row, in a thread: this one waits for the processes."""
    ended = threading.Event()

    def listen() -> None:
        last = ""
        while not ended.wait(LISTENS):
            with suppress(OSError, ValueError):
                text = progress.read_text()
                if text != last:
                    tell(json.loads(text))
                    last = text

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        ended.set()
        listener.join()
