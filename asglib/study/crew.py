"""Jobs for the workers: a killed one loses its own run only, and several commands share them."""

from __future__ import annotations

import errno
import os
import queue
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Future, KilledWorker

from asglib.config import Evaluation, Pretraining
from asglib.counting import counted
from asglib.files import locked
from asglib.study import cluster
from asglib.study.cluster import StudyError
from asglib.study.worker import Order, Run, Unfit, perform

if TYPE_CHECKING:
    from asglib.data.workspace import Workspace  # which takes seconds

LOOK_AGAIN = 2.0  # seconds until a job that another command has taken is looked at again
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(eq=False)
class Job:
    """Runs for one worker: a pretraining, or evaluations of one encoder on one set."""

    runs: list[Run]
    lock: Path  # held by the process that computes the job
    cost: float
    after: float = 0.0  # the time before which it is not looked at again
    alone: bool = False  # its worker was killed: tried again while no other job is computed

    @property
    def encoder(self) -> Pretraining | None:
        """The one that must be there before."""
        return self.runs[0].pretraining if isinstance(self.runs[0], Evaluation) else None


class Crew:
    """Jobs that workers compute by `compute(runs, workspace, tell)`, `size` of them here.

    A job whose worker is killed is tried once more, alone, a run at a time. A run that is killed
    again is given up, a pretraining with its evaluations.
    """

    def __init__(self, compute: Callable, jobs: list[Job], workspace: Workspace, size: int):
        self.compute, self.workspace, self.size = compute, workspace, size
        # encoders first and the longest job first, so that no long one comes last
        self.waiting = sorted(
            jobs, key=lambda job: (isinstance(job.runs[0], Evaluation), -job.cost)
        )
        self.untrained = {run for job in jobs for run in job.runs if isinstance(run, Pretraining)}
        self.begun: dict[Future, Job] = {}
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.news: dict[str, str] = {}  # of a job, by its lock's name
        self.errors: dict[Run, str] = {}
        self.total = sum(len(job.runs) for job in jobs)
        self.cost, self.start = sum(job.cost for job in jobs), time.monotonic()

    def finish(self, progress: Callable[[str], object], scheduler: str | None = None) -> dict:
        """Computes all jobs, here or at a scheduler's workers; the reason for each failed run."""
        folder = self.workspace.cache / "jobs"
        with (
            witness(folder) as lock,
            cluster.opened(
                scheduler,
                self.workspace.device,
                self.size,
                folder,
                lock.name,
                self.workspace.processes,
            ) as team,
        ):
            team.client.subscribe_topic(lock.name, self._listen)
            while self.waiting or self.begun:
                size = team.size()
                while len(self.begun) < size and (job := self._next()):
                    self._give(job, team, lock)
                with suppress(queue.Empty):
                    future = self.ended.get(timeout=0.5)
                    self._hear(future, self.begun.pop(future), team)
                progress("\n".join([self._count(), *team.lacks(), *sorted(self.news.values())]))
        return self.errors

    def _next(self) -> Job | None:
        """The job to begin now; one whose worker was killed waits until no other is computed."""
        now = time.monotonic()
        ready = [j for j in self.waiting if j.after <= now and j.encoder not in self.untrained]
        job = next((job for job in ready if not job.alone), None)
        if job is None and ready and not self.begun:
            job = ready[0]
        if job:
            self.waiting.remove(job)
        return job

    def _give(self, job: Job, team: cluster.Team, lock: Path) -> None:
        order = Order(self.compute, job.runs, self.workspace, job.lock, lock)
        self._await(team.client.submit(perform, order, pure=False, resources={team.kind: 1}), job)

    def _await(self, future: Future, job: Job) -> None:
        self.begun[future] = job
        future.add_done_callback(self.ended.put)

    def _listen(self, event: tuple[float, dict]) -> None:
        self.news[event[1]["job"]] = event[1]["text"]

    def _hear(self, future: Future, job: Job, team: cluster.Team) -> None:
        self.news.pop(job.lock.name, None)
        try:
            outcomes = future.result(timeout=cluster.ANSWER)
        except TimeoutError:  # its worker died before the answer was read: computed again
            self._await(future, job)
        except KilledWorker as error:
            self._killed(job, team.end_of(error.last_worker.name))
        except Unfit as error:
            raise StudyError(f"{error}.") from None
        except CancelledError:
            raise StudyError(f"the scheduler at {team.address} has gone.") from None
        else:
            if outcomes is None:
                job.after = time.monotonic() + LOOK_AGAIN
                self.waiting.append(job)
            for run, error in outcomes or []:
                self._ended(run, error)

    def _ended(self, run: Run, error: str | None) -> None:
        if error:
            self.errors[run] = error
        if run in self.untrained:
            self.untrained.remove(run)
            lost = [job for job in self.waiting if error and job.encoder == run]
            self.errors |= {each: error for job in lost for each in job.runs}
            self.waiting = [job for job in self.waiting if job not in lost]

    def _killed(self, job: Job, how: str) -> None:
        if job.alone:
            self._ended(job.runs[0], f"its process ended by {how}, and again when it ran alone")
        else:
            cost = job.cost / len(job.runs)
            self.waiting += [Job([run], job.lock, cost, alone=True) for run in job.runs]

    def _count(self) -> str:
        """How many runs are done, and the time left by their costs."""
        left = [*self.waiting, *self.begun.values()]
        cost, runs = (sum(job.cost for job in left), sum(len(job.runs) for job in left))
        parts = [f"{self.total - runs}/{self.total} runs"]
        if 0 < runs < self.total:
            minutes = (time.monotonic() - self.start) / 60 * cost / (self.cost - cost)
            parts.append(f"about {minutes:.1f} min left")
        taken = sum(job.after > time.monotonic() for job in self.waiting)
        alone = sum(job.alone for job in self.waiting)
        parts += [f"{counted(taken, 'job')} with another command"] if taken else []
        parts += [f"{counted(alone, 'killed run')} to be tried again alone"] if alone else []
        return ", ".join(parts)


@contextmanager
def witness(folder: Path) -> Iterator[Path]:
    """A lock that is held while jobs are computed: every worker must see that it is taken."""
    path = folder / f"{socket.gethostname()}-{os.getpid()}.command"
    try:
        with locked(path):
            if not path.exists():
                raise StudyError(f"nothing can be written in {folder}: give --runs another folder.")
            yield path
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise StudyError(
            f"{folder} is on a file system without locks ({error.strerror}): mount it with locks "
            "(NFS 4; Lustre: -o flock), or give --runs a folder on another disk."
        ) from None
    finally:
        path.unlink(missing_ok=True)
