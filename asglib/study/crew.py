"""Worker processes that share jobs: a killed one loses its own run only, and commands take part."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

from asglib.config import Evaluation, Pretraining
from asglib.files import locked
from asglib.study import children

if TYPE_CHECKING:
    from asglib.data.workspace import Workspace  # which takes seconds

LOOK_AGAIN = 2.0  # seconds until a job that another command has taken is looked at again
TAKEN, ENDED = "taken", "ended"

Run = Pretraining | Evaluation


@dataclass(eq=False)
class Job:
    """An encoder's runs that are still to do: the pretraining, if missing, then evaluations."""

    runs: list[Run]
    lock: Path  # held by the process that computes the job
    cost: float
    after: float = 0.0  # the time before which it is not looked at again
    killed: Run | None = None  # the run at which its process was killed
    process: Popen | None = None
    news: str = ""


def work(pipe: int) -> None:
    """In a worker: computes the jobs that come through the pipe and tells how each run ended."""
    with Connection(pipe) as connection, suppress(EOFError, ConnectionError):
        while True:
            compute, runs, workspace, lock = connection.recv()
            try:
                with locked(lock, wait=False):
                    for outcome in compute(runs, workspace, _reporter(connection)):
                        connection.send(outcome)
                connection.send((ENDED, None))
            except BlockingIOError:
                connection.send((TAKEN, None))


def _reporter(connection: Connection) -> Callable[[dict], None]:
    """Tells which run is computed and, once a second, how far its training is."""
    told = 0.0

    def report(row: dict) -> None:
        nonlocal told
        if "step" in row and time.monotonic() - told < 1:
            return
        told = time.monotonic()
        where = f" epoch {row['epoch']:.1f}, loss {row['loss']:.3f}" if "step" in row else ""
        connection.send((row["run"] + where, None))

    return report


class Crew:
    """Workers that compute jobs by `compute(runs, workspace, report)`, a generator of (run, error).

    A job whose worker is killed is tried once more, alone. A run that is killed again is given up,
    a pretraining with its evaluations.
    """

    def __init__(self, compute: Callable, jobs: list[Job], workspace: Workspace, size: int):
        self.compute, self.workspace, self.size = compute, workspace, size
        self.waiting = sorted(jobs, key=lambda job: -job.cost)  # so that no long one comes last
        self.alone: list[Job] = []
        self.begun: dict[Connection, Job] = {}
        self.errors: dict[Run, str] = {}
        self.total, self.cost = len(jobs), sum(job.cost for job in jobs)
        self.start = time.monotonic()

    def finish(self, progress: Callable[[str], object]) -> dict[Run, str]:
        """Computes all jobs; the reason for each run that failed."""
        try:
            while self.waiting or self.alone or self.begun:
                while len(self.begun) < self.size and (job := self._next()):
                    self._give(job, *self._worker())
                for pipe in wait(list(self.begun), timeout=1.0):
                    self._hear(pipe, self.begun[pipe])
                progress(self._line())
        finally:
            children.end(job.process for job in self.begun.values())
        return self.errors

    def _next(self) -> Job | None:
        """The job to begin now; one whose process was killed waits until no other is computed."""
        for job in self.waiting:
            if job.after <= time.monotonic():
                self.waiting.remove(job)
                return job
        return self.alone.pop(0) if self.alone and not self.begun else None

    def _worker(self) -> tuple[Connection, Popen]:
        pipe, theirs = Pipe()
        with theirs:
            code = f"from asglib.study import crew; crew.work({theirs.fileno()})"
            return pipe, children.start(code, pass_fds=[theirs.fileno()])

    def _give(self, job: Job, pipe: Connection, process: Popen) -> None:
        job.process, job.news = process, ""
        self.begun[pipe] = job
        with suppress(ConnectionError):  # a dead worker is noticed when it is heard
            pipe.send((self.compute, job.runs, self.workspace, job.lock))

    def _hear(self, pipe: Connection, job: Job) -> None:
        try:
            news, error = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._dismiss(pipe)
            self._killed(job, job.process.returncode)
            return
        if news in (TAKEN, ENDED):
            self._free(pipe, job, news == TAKEN)
        elif isinstance(news, str):
            job.news = news
        else:
            self._ended(job, news, error)

    def _free(self, pipe: Connection, job: Job, taken: bool) -> None:
        """The worker has no job any more: it is given the next one, or sent home."""
        if taken:
            job.after = time.monotonic() + LOOK_AGAIN
            self.waiting.append(job)
        if following := self._next():
            self._give(following, pipe, job.process)
        else:
            self._dismiss(pipe)

    def _dismiss(self, pipe: Connection) -> None:
        children.end([self.begun.pop(pipe).process])
        pipe.close()

    def _ended(self, job: Job, run: Run, error: str | None) -> None:
        job.runs.remove(run)
        if error:
            self.errors[run] = error

    def _killed(self, job: Job, status: int) -> None:
        run = job.runs[0] if job.runs else None
        if run and job.killed == run:
            how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            lost = list(job.runs) if isinstance(run, Pretraining) else [run]
            for each in lost:
                self._ended(job, each, f"its process ended by {how}, and again when it ran alone")
        job.killed = run
        if job.runs:
            self.alone.append(job)

    def _line(self) -> str:
        """How many encoders are done, the time left by their costs, and what is computed now."""
        left = [*self.waiting, *self.alone, *self.begun.values()]
        cost = sum(job.cost for job in left)
        parts = [f"{self.total - len(left)}/{self.total} encoders"]
        if 0 < cost < self.cost:
            minutes = (time.monotonic() - self.start) / 60 * cost / (self.cost - cost)
            parts.append(f"about {minutes:.1f} min left")
        taken = sum(job.after > time.monotonic() for job in self.waiting)
        parts += [f"{taken} with another command"] if taken else []
        parts += [f"{len(self.alone)} killed, to be tried again alone"] if self.alone else []
        news = "; ".join(job.news for job in list(self.begun.values())[-2:] if job.news)
        return ", ".join(parts) + (f": {news}" if news else "")
