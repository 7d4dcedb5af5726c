"""The workers of a study: a process a GPU or core of this machine, or those of a scheduler."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import dask
from distributed import Client, LocalCluster

from asglib.study import children, worker

ANSWER = 10  # seconds in which a scheduler answers
# a killed job is tried again alone by the crew itself; a laptop may sleep
LOCAL = {"distributed.scheduler.allowed-failures": 0, "distributed.scheduler.worker-ttl": None}
OWN = {
    "n_workers": 0,
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}
SERVE = "import sys; from asglib.study import worker; worker.serve(*sys.argv[1:])"


class StudyError(RuntimeError):
    """A request that is refused, runs that are missing, or a notebook that failed."""


def places(device: str) -> dict[str, dict[str, str]]:
    """Where workers run, and the environment that keeps them there: the GPUs, or one a core."""
    if device == "cpu":
        return {f"process {number}": {} for number in range(os.cpu_count() or 1)}
    import torch  # which takes seconds

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = given.split(",") if given else [str(gpu) for gpu in range(torch.cuda.device_count())]
    _, _, chosen = device.partition(":")
    gpus = [gpus[int(chosen)]] if chosen else gpus
    return {f"GPU {gpu}": {"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus}


class Workers:
    """Worker processes of this machine, each in its place; one that dies is started again."""

    def __init__(self, scheduler: str, device: str, size: int | None, folder: Path):
        self.scheduler, self.folder = scheduler, str(folder)
        self.places, there = {}, list(places(device).items())
        for number in range(size or len(there)):
            name, pinned = there[number % len(there)]
            again = f", {number // len(there) + 1}" if number >= len(there) else ""
            self.places[f"{socket.gethostname()} {name}{again}"] = pinned
        self.ended: dict[str, str] = {}  # how the last process of a place ended
        self.vain = 0  # starts since a worker was seen
        self.processes = {place: self._start(place) for place in self.places}

    def _start(self, place: str) -> Popen:
        words = self.scheduler, place, self.folder
        return children.start(SERVE, *words, environment=self.places[place])

    def tend(self) -> bool:
        """Starts those again that died; False when the scheduler has sent them home."""
        for place, process in self.processes.items():
            if process.poll() is None:
                continue
            children.end([process])  # and what it has started itself
            status = process.returncode
            if status == 0:
                return False
            self.ended[place] = signal.Signals(-status).name if status < 0 else f"status {status}"
            self.vain += 1
            if self.vain > 3 * len(self.places):
                raise StudyError(f"workers end as they start, the last by {self.ended[place]}.")
            self.processes[place] = self._start(place)
        return True


@dataclass
class Team:
    """A client of a scheduler, and the workers of this machine, if it is this command's own."""

    client: Client
    gone: str  # the sentence when it ends
    workers: Workers | None = None

    def size(self) -> int:
        """How many jobs can be computed at a time."""
        if self.workers:
            self.workers.tend()
        try:
            seen = len(self.client.nthreads())
        except OSError:
            raise StudyError(self.gone) from None
        if seen and self.workers:
            self.workers.vain = 0
        return seen

    def end_of(self, place: str) -> str:
        """How the process of a worker that was lost has ended."""
        if self.workers is None:
            return f"the loss of {place}"
        if place not in self.workers.ended:
            with suppress(TimeoutExpired):  # its connection ends before it does
                self.workers.processes[place].wait(2)
            self.workers.tend()
        return self.workers.ended.pop(place, "the loss of its connection")


@contextmanager
def opened(
    scheduler: str | None, device: str, size: int, folder: Path, command: str
) -> Iterator[Team]:
    """The workers at a scheduler's address, or `size` of this machine under one of its own.

    What they compute for `command` ends with it.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        address = scheduler
        if address is None:
            stack.enter_context(dask.config.set(LOCAL | {"temporary-directory": str(folder)}))
            own = stack.enter_context(LocalCluster(**OWN))
            address = own.scheduler_address
        team = Team(stack.enter_context(client(address)), f"the scheduler at {address} has gone")
        if scheduler is None:
            team.workers = Workers(address, device, size, folder)
            stack.callback(lambda: children.end(team.workers.processes.values()))
        else:
            stack.callback(_stop, team.client, command)
        yield team


def client(scheduler: str) -> Client:
    """A client of the scheduler at an address; StudyError where none answers."""
    try:
        return Client(scheduler, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"no scheduler answers at {scheduler!r} within {ANSWER} s ({type(error).__name__}): "
            "start one there (dask scheduler), or leave the address out to use this machine alone."
        ) from None


def _stop(connected: Client, command: str) -> None:
    with suppress(OSError, RuntimeError):
        connected.run(worker.stop, command, on_error="ignore")


def work(scheduler: str, device: str, size: int | None, folder: Path) -> None:
    """This machine's workers for the commands of a scheduler, until it ends."""
    client(scheduler).close()
    workers = Workers(scheduler, device, size, folder)
    try:
        while workers.tend():
            time.sleep(1)
    finally:
        children.end(workers.processes.values())
