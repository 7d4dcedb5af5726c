"""Many runs: what is there is found, what is missing is computed, several at a time, each in a process of its own."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from asglib.config import Evaluation, Pretraining
from asglib.data import index as datasets
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.processes import settle
from asglib.study.evaluator import Evaluator
from asglib.study.plans import PLANS
from asglib.study.profiles import Profile
from asglib.study.runs import record_of

OPENS = {
    "01": "encoders",
    "04": "encoders",
    "05": "table 4",
    "06": "table 5",
    "07": "table 6",
    "08": "tables 2 and 3",
    "09": "all",
}
LOOKING = ("01", "04")  # the notebooks that look into encoders themselves


class StudyError(RuntimeError):
    """Some runs could not be computed; the message names each and why."""


def collect(
    evaluations: list[Evaluation],
    profile: Profile,
    place: Workspace,
    workers: int | None = None,
    progress: Callable[[str], None] = print,
    compute: bool | None = None,
) -> list[dict]:
    """The records of `evaluations` in their order, each with its profile; StudyError names those that are missing.

    `compute` None: as ASG_COMPUTE says; where that is 0, what is missing is named and left out, not computed.
    """
    partial = compute is None and os.environ.get("ASG_COMPUTE") == "0"
    found = {e: record_of(e, place) for e in dict.fromkeys(evaluations)}
    missing = [e for e, record in found.items() if record is None]
    errors = {}
    if missing and not partial and compute is not False:
        errors = _compute(missing, place, workers or default_workers(place), progress)
        found |= {e: record_of(e, place) for e in missing}
    still = [e for e in missing if found[e] is None]
    progress(
        f"{len(found)} runs: {len(found) - len(missing)} found, {len(missing) - len(still)} computed, "
        f"{len(still)} missing" + (f", the first {describe(still[0])}" if still else "")
    )
    if still and not partial:
        reasons = "; ".join(sorted({errors.get(e.pretraining, "not computed") for e in still}))
        raise StudyError(
            f"{len(still)} of {len(found)} records are missing ({describe(still[0])} is the first): {reasons}"
        )
    return [found[e] | {"profile": profile.name} for e in evaluations if found[e] is not None]


class Ensurer:
    """ensure(notebook): the runs that a notebook needs are there afterwards, StudyError or DataError if not.

    The first call computes those of all `notebooks` at once; what fails then is told by the notebook it belongs to.
    """

    def __init__(
        self,
        profile: Profile,
        place: Workspace,
        notebooks: list[str],
        workers: int | None,
        progress,
    ):
        self.profile, self.place, self.workers, self.progress = profile, place, workers, progress
        self.together = list(dict.fromkeys(e for name in notebooks for e in self.needs(name)))

    def needs(self, notebook: str) -> list[Evaluation]:
        return PLANS[OPENS[notebook[:2]]](self.profile) if notebook[:2] in OPENS else []

    def __call__(self, notebook: str) -> None:
        if self.together:
            wanted, self.together = self.together, []
            try:
                self._collect(wanted)
            except StudyError:
                pass  # each notebook asks for its own runs below
        if notebook.startswith("09"):
            return  # the scorecard names what is missing instead of failing for it
        absent = self._collect(self.needs(notebook), quiet=True)
        if notebook[:2] in LOOKING and (
            lost := absent.keys() & set(needs(self.needs(notebook)[-1].pretraining))
        ):
            raise StudyError(
                f"nothing to show without pretrained encoders, and {absent[min(lost)]}"
            )

    def _collect(self, wanted: list[Evaluation], quiet: bool = False) -> dict[str, str]:
        able, absent = available(wanted, self.place)
        for _name, reason in () if quiet else absent.items():
            self.progress.say(f"not tested, {reason}")
        tell = (lambda line: None) if quiet else self.progress.tell
        collect(able, self.profile, self.place, self.workers, tell)
        return absent


def needs(run: Evaluation | Pretraining) -> list[str]:
    """What must be there for a run: its set, its encoder's corpus, and as many training clips of it as make a batch."""
    if isinstance(run, Evaluation):
        return [run.data_set, *(needs(run.pretraining) if run.pretraining else [])]
    return [run.corpus] + (
        [f"{run.corpus}, {run.batch} clips"] if run.epochs and not run.clips_per_epoch else []
    )


def available(
    evaluations: list[Evaluation], place: Workspace
) -> tuple[list[Evaluation], dict[str, str]]:
    """The evaluations whose data are there, and for every absent set or corpus how to get it."""
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(name for e in evaluations for name in needs(e)):
        corpus, _, batch = name.removesuffix(" clips").partition(", ")
        try:
            clips = (load(corpus, place).rows.split == "train").sum()
        except datasets.DataError as error:
            reasons[corpus] = str(error)
            continue
        if batch and clips < int(batch):
            reasons[name] = (
                f"{corpus} has {clips} training clips here, fewer than one batch of {batch}: add to it."
            )
    return [e for e in evaluations if not reasons.keys() & needs(e)], reasons


def default_workers(place: Workspace) -> int:
    """One process a core on a CPU, each with one thread: the same bits on any number of cores; one a GPU."""
    if place.device.startswith("cuda"):
        return int(os.environ.get("ASG_WORKERS", "1"))
    return int(os.environ.get("ASG_WORKERS", str(os.cpu_count() or 1)))


def describe(e: Evaluation) -> str:
    method = e.pretraining.method if e.pretraining else "spectrogram"
    return f"{method} {e.frontend.name} on {e.data_set}/{e.task}, {e.setting}, seed {e.seed}"


def cost(evaluations: list[Evaluation], place: Workspace) -> float:
    """Spectrogram cells through the encoder, forward counted once and backward twice: the unit of the time left."""
    pre = evaluations[0].pretraining
    total = 0.0
    if pre and record_of(pre, place) is None:
        frame = load(pre.corpus, place).rows
        clips = pre.clips_per_epoch or (frame.split == "train").sum()
        views = pre.settings.views
        total += 3 * views * pre.epochs * clips * pre.frames * pre.frontend.bins
    for e in evaluations:
        clips, seconds = (
            len(load(e.data_set, place).rows),
            sum(datasets.DATASETS[n].seconds for n in e.data_set.split("+")),
        )
        epochs = e.training.epochs * 3 if e.setting == "fine-tuned" else 1
        total += epochs * clips * 100 * seconds * e.frontend.bins
    return total


def _compute(missing: list[Evaluation], place: Workspace, workers: int, progress) -> dict:
    """Runs the missing evaluations, those of one encoder in one job; returns the reason for each failed encoder."""
    jobs: dict = {}
    for e in missing:
        jobs.setdefault(e.pretraining, []).append(e)
    for group in jobs.values():
        group.sort(key=lambda e: (e.data_set, e.setting))
    costs = {pre: cost(group, place) for pre, group in jobs.items()}
    context = multiprocessing.get_context("spawn")
    news = context.Manager().Queue()
    errors, done, began = {}, 0.0, time.monotonic()
    with ProcessPoolExecutor(
        min(workers, len(jobs)), context, _start, (place.device, news)
    ) as pool:
        order = sorted(
            jobs, key=lambda pre: -costs[pre]
        )  # long ones first, so that the last do not wait alone
        futures = {pool.submit(_job, jobs[pre], place): pre for pre in order}
        waiting = set(futures)
        state: dict[str, str] = {}
        while waiting:
            finished, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                pre = futures[future]
                done += costs[pre]
                if future.exception() is not None:
                    errors[pre] = f"{type(future.exception()).__name__}: {future.exception()}"
                    progress(f"failed: {errors[pre]}")
            _drain(news, state)
            left = (time.monotonic() - began) * (sum(costs.values()) / done - 1) if done else None
            progress(_line(len(jobs) - len(waiting), len(jobs), state, left))
    return errors


def _line(done: int, total: int, state: dict[str, str], left: float | None) -> str:
    now = "; ".join(list(state.values())[-2:])
    return (
        f"{done}/{total} encoders"
        + (f", about {left / 60:.1f} min left" if left is not None else "")
        + (f": {now}" if now else "")
    )


def _drain(news, state: dict[str, str]) -> None:
    while True:
        try:
            worker, text = news.get_nowait()
        except queue.Empty:
            return
        state.pop(worker, None)
        state[worker] = text


def _start(device: str, news) -> None:
    """A worker: one thread on a CPU, and it dies with its parent."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass  # not Linux: a worker then ends after its job
    settle(None if device.startswith("cuda") else 1)
    _job.news = news


def _job(evaluations: list[Evaluation], place: Workspace) -> None:
    told = 0.0

    def report(row: dict) -> None:
        nonlocal told
        if "step" not in row or time.monotonic() - told > 1:
            told = time.monotonic()
            where = f" epoch {row['epoch']:.1f}, loss {row['loss']:.3f}" if "step" in row else ""
            _job.news.put((os.getpid(), row["run"] + where))

    evaluator = Evaluator(evaluations[0].pretraining, place, report)
    for e in evaluations:
        evaluator(e)
