"""The workers of a study: a process a GPU or core of this machine, or those of a scheduler."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from urllib.parse import urlsplit

import dask
from distributed import Client, LocalCluster

from asglib.data.cores import cores
from asglib.study import children, worker

ANSWER = 10  # seconds in which a scheduler answers
PATIENCE = 600  # seconds that workers wait for one: a cluster starts jobs in any order
VAIN = 3  # starts of a worker in vain, after which something must be wrong
LOADERS = 8  # processes at most that read audio for one run
SERVE = "import sys; from asglib.study import worker; worker.serve(*sys.argv[1:])"
# a killed job is tried again alone, by the crew; a laptop may sleep
OWN = {"distributed.scheduler.allowed-failures": 0, "distributed.scheduler.worker-ttl": None}
LOCAL = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}


class StudyError(RuntimeError):
    """A request that is refused, runs that are missing, or a notebook that failed."""


def places(device: str, processes: int = 1) -> dict[str, dict[str, str]]:
    """Where workers run, and the environment that keeps them there: GPUs or cores, `processes` of
    them for each."""
    if device == "cpu":
        count = max(1, cores() // processes)
        return {f"process {number}": {} for number in range(count)}
    import torch  # which takes seconds

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = given.split(",") if given else [str(gpu) for gpu in range(torch.cuda.device_count())]
    chosen = device.partition(":")[2]
    gpus = [gpus[int(chosen)]] if chosen else gpus
    shares = [gpus[n : n + processes] for n in range(0, len(gpus) - processes + 1, processes)]
    if not shares:
        told = f"{processes} processes a run need as many GPUs"
        raise StudyError(f"{told}, and {len(gpus)} are there.")
    return {f"GPU {','.join(own)}": {"CUDA_VISIBLE_DEVICES": ",".join(own)} for own in shares}


class Team:
    """A scheduler's client and workers of this machine, which are started again if they die."""

    def __init__(self, address: str, share: int = 1):  # processes of one run
        try:
            self.client = Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise StudyError(
                f"no scheduler answers at {address!r} within {ANSWER} s ({type(error).__name__}): "
                "start one there (dask scheduler), or give no address to use this machine alone."
            ) from None
        self.address, self.words = address, {}
        self.share, self.kind = share, worker.kind(share)
        self.there = {}  # by worker that the scheduler has: whether it is of this kind
        self.vain = {}  # by worker: its deaths since the scheduler last saw it
        self.processes, self.ended = {}, {}  # of each place: the process, how the last one ended

    def hire(self, device: str, size: int | None, folder: Path) -> None:
        """`size` workers (None: one a place), with their files in `folder`.

        Those with GPUs share this machine's cores to read audio. Their names tell this process
        from others here: two jobs of a cluster may each call their GPU the first one.
        """
        there = list(places(device, self.share).items())
        count, own = size or len(there), {}
        if device != "cpu":
            loaders = max(1, min(LOADERS, cores() // (count * self.share)))
            own = {"ASG_LOADERS": os.environ.get("ASG_LOADERS", str(loaders))}
        for number in range(count):
            place, pinned = there[number % len(there)]
            again = f", {number // len(there) + 1}" if number >= len(there) else ""
            name = f"{socket.gethostname()}-{os.getpid()} {place}{again}"
            words = [SERVE, self.address, name, str(folder), str(self.share)]
            self.words[name] = words, own | pinned
            self._start(name)

    def _start(self, name: str) -> None:
        words, pinned = self.words[name]
        self.processes[name] = children.start(*words, environment=pinned)

    def tend(self) -> None:
        """Starts workers again that have died."""
        for name, process in self.processes.items():
            if process.poll():
                children.end([process])  # and what it has started itself
                status = process.returncode
                how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
                self.ended[name] = how
                self.vain[name] = self.vain.get(name, 0) + 1
                if self.vain[name] > VAIN:
                    raise StudyError(f"workers end as they start, the last by {how}.")
                self._start(name)

    def size(self) -> int:
        """How many jobs can be computed now; StudyError when the scheduler has gone."""
        self.tend()
        try:
            there = self.client.sync(self.client.scheduler.identity)["workers"].values()
        except (KeyError, OSError, RuntimeError):
            raise StudyError(f"the scheduler at {self.address} has gone.") from None
        self.there = {one["name"]: self.kind in one["resources"] for one in there}
        for name in self.there:
            self.vain.pop(name, None)
        return sum(self.there.values())

    def lacks(self) -> list[str]:
        """Lines about workers that were missing, or of another kind, when `size` looked."""
        told, others = [], [name for name, fit in self.there.items() if not fit]
        if self.processes.keys() & others:
            raise StudyError("the code has changed since this command began: start it again.")
        if len(others) == len(self.there) and not self.processes:
            more = f" --processes {self.share}" if self.share > 1 else ""
            start = f"start some by python -m asglib work {self.address}{more}"
            told = [f"no worker for this command: {start}"]
        if others:
            why = "of other code, other --processes, or dask worker"
            told += [f"{len(others)} left out, the first {others[0]}: {why}"]
        return told

    def end_of(self, name: str) -> str:
        """How the process of a worker that was lost has ended."""
        if name in self.processes and name not in self.ended:
            with suppress(TimeoutExpired):  # its connection ends before it does
                self.processes[name].wait(2)
            self.tend()
        return self.ended.pop(name, f"the loss of {name}")

    def end(self, command: str) -> None:
        """Ends this machine's workers, and at others the jobs of a command."""
        children.end(self.processes.values())
        with suppress(OSError, RuntimeError):
            if not self.processes:
                self.client.run(worker.stop, command, on_error="ignore")
            self.client.close()


@contextmanager
def opened(
    scheduler: str | None,
    device: str,
    size: int | None,
    folder: Path,
    command: str = "",
    processes: int = 1,
) -> Iterator[Team]:
    """`size` workers (0: none of this machine) for a scheduler; without an address, of its own."""
    worker.hush()
    with ExitStack() as stack:
        if scheduler is None:
            stack.enter_context(dask.config.set(OWN | {"temporary-directory": str(folder)}))
            own = stack.enter_context(LocalCluster(**LOCAL, silence_logs=logging.CRITICAL))
        team = Team(scheduler or own.scheduler_address, processes)
        stack.callback(team.end, command)
        if size != 0:
            team.hire(device, size, folder)
        yield team


def answers(scheduler: str) -> bool:
    """Whether something listens at an address; StudyError: its host is unknown."""
    place = urlsplit(scheduler)
    try:
        socket.create_connection((place.hostname, place.port), ANSWER).close()
    except socket.gaierror as error:
        raise StudyError(f"the host of {scheduler} is unknown here ({error.strerror}).") from None
    except OSError:
        return False
    return True


def work(scheduler: str, device: str, size: int | None, folder: Path, processes: int) -> None:
    """This machine's workers for the commands of a scheduler, until it ends."""
    deadline = time.monotonic() + PATIENCE
    if not answers(scheduler):
        print(f"waiting at most {PATIENCE // 60} min for a scheduler at {scheduler}", flush=True)
    while not answers(scheduler) and time.monotonic() < deadline:
        time.sleep(1)
    with opened(scheduler, device, size, folder, processes=processes) as team:
        while True:
            team.size()
            time.sleep(1)
