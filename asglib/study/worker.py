"""A worker: a process that computes one job after another, on a GPU or a core of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dask
from distributed import Worker, get_worker

from asglib.config import Evaluation, Pretraining
from asglib.data.places import locked

if TYPE_CHECKING:
    from asglib.data.workspace import Workspace  # which takes seconds

Run = Pretraining | Evaluation
Outcome = tuple[Run, str | None]  # with the reason why it failed
SOURCES = sorted(Path(__file__).parents[1].rglob("*.py"))
# the code that this process began with
LOADED = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()
RARELY = {  # by default these take 2 % of a core in each process
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}
computing: list[str] = []  # the command whose job this process computes now
known: list[str] = []  # the command whose data this process has read


class Unfit(RuntimeError):
    """A worker that cannot compute for a command."""


@dataclass(frozen=True)
class Order:
    """A job as it goes to a worker: `compute(runs, workspace, tell)` yields each run's outcome."""

    compute: Callable[..., Iterator[Outcome]]
    runs: list[Run]
    workspace: Workspace
    lock: Path  # held by the process that computes the job
    witness: Path  # held by the command; its name is the topic that the command listens to


def kind(processes: int) -> str:
    """Of a worker, and of the jobs that dask gives it: the same code, as many processes a run."""
    return f"asglib {LOADED[:12]} --processes {processes}"


def perform(order: Order) -> list[Outcome] | None:
    """In a worker: the outcomes of a job's runs, or None when another command has taken it."""
    name = get_worker().name
    computing[:] = [order.witness.name]
    if known != computing:
        from asglib.study.names import forget  # which takes seconds

        forget()  # data may have changed since the last command
        known[:] = computing
    try:
        with suppress(BlockingIOError), locked(order.witness, wait=False):
            raise Unfit(
                f"worker {name} does not see the locks in {order.witness.parent}: every machine "
                "must share the runs folder, on a file system with locks (NFS 4, Lustre's flock)"
            )
        with locked(order.lock, wait=False):
            return list(order.compute(order.runs, order.workspace, _reporter(order)))
    except (BlockingIOError, KeyboardInterrupt):
        return None
    finally:
        computing.clear()


def stop(command: str) -> None:
    """In another thread of a worker: ends the job that it computes, if it is of that command."""
    if computing == [command]:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def _reporter(order: Order) -> Callable[[dict], None]:
    """Tells the command, once a second, which run is computed, how fast, and how long still."""
    worker, told, first = get_worker(), 0.0, {"run": ""}

    def report(row: dict) -> None:
        nonlocal told, first
        now = time.monotonic()
        if "step" in row and now - told < 1:
            return
        told, text = now, f"{worker.name}: {row['run']}"
        if "step" in row:
            text += f" epoch {row['epoch']:.1f}, loss {row['loss']:.3f}"
            if first["run"] == row["run"] and row["step"] > first["step"]:
                speed = (row["step"] - first["step"]) / (now - first["time"])  # steps a second
                left = (row["steps"] - row["step"]) / speed / 60
                text += f", {row['views'] * speed:,.0f} views/s, {left:.1f} min left"
            else:  # the first second, in which much is made ready, does not count
                first = row | {"time": now}
        worker.log_event(order.witness.name, {"job": order.lock.name, "text": text})

    return report


class MainThreadPoolExecutor(Executor):
    """Runs what is submitted in the main thread, where signals arrive and torch is at home.

    The end of its name is what dask knows executors of threads by.
    """

    def __init__(self):
        self.waiting: queue.SimpleQueue = queue.SimpleQueue()

    def submit(self, call: Callable, /, *words, **named) -> Future:
        future: Future = Future()
        self.waiting.put((future, call, words, named))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.waiting.put(None)

    def run(self) -> None:
        while asked := self.waiting.get():
            future, call, words, named = asked
            try:
                future.set_result(call(*words, **named))
            except Exception as error:
                future.set_exception(error)


def hush() -> None:
    """Dask says nothing on standard error, where the crew speaks, and hardly measures itself."""
    dask.config.set(RARELY)
    for name in [name for name in logging.root.manager.loggerDict if "distributed" in name]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def serve(scheduler: str, name: str, folder: str, processes: str) -> None:
    """One of dask's workers in this process, with files in `folder`, until its scheduler ends."""
    hush()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # of `stop`
    executor = MainThreadPoolExecutor()
    # no limit: what a run needs, the system gives it or kills it
    how = {"name": name, "nthreads": 1, "memory_limit": 0, "local_directory": folder}
    how |= {"resources": {kind(int(processes)): 1}}

    async def live() -> None:
        try:
            async with Worker(scheduler, executor=executor, **how) as worker:
                await worker.finished()
        finally:
            executor.shutdown()

    threading.Thread(target=asyncio.run, args=[live()], daemon=True).start()
    executor.run()
