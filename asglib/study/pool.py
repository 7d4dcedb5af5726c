"""Many runs: those that are there are found, the others computed, several at a time."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache

from asglib.config import SENSITIVITY, Evaluation, Pretraining
from asglib.data.corpus import load
from asglib.data.index import DATASETS, DataError
from asglib.data.workspace import Workspace
from asglib.files import where_allowed
from asglib.processes import settle
from asglib.study.crew import Crew, Job, Run
from asglib.study.evaluator import Evaluator
from asglib.study.profiles import Profile
from asglib.study.runs import record_of, run_name

SOCKET_PATH = 60  # characters of TMPDIR that leave room for a socket's name; the system takes 107
SHARED = "/dev/shm"  # through which processes pass tensors
PAPER_SIZE = 257 * 300  # bins by frames: the spectrogram in which costs are counted


class StudyError(RuntimeError):
    """A request that is refused, runs that are missing, or a notebook that failed."""


def collect(
    evaluations: list[Evaluation],
    profile: Profile,
    workspace: Workspace,
    workers: int | None = None,
    progress: Callable[[str], object] = print,
    compute: bool | None = None,
) -> list[dict]:
    """The records of `evaluations`, each with its profile; StudyError names those that are missing.

    `compute` None: as ASG_COMPUTE says; where that is 0, what is missing is left out.
    """
    partial = compute is None and os.environ.get("ASG_COMPUTE") == "0"
    allowed = not partial and compute is not False
    found, errors = computed(evaluations, workspace, workers, progress, allowed)
    if errors and not partial:
        raise StudyError(failure(list(errors), len(found) + len(errors), errors))
    return [found[e] | {"profile": profile.name} for e in evaluations if e in found]


def failure(missing: list[Evaluation], wanted: int, errors: dict[Evaluation, str]) -> str:
    """The sentence about runs that are missing, with each reason once."""
    reasons = "; ".join(sorted({errors[e] for e in missing}))
    first = describe(missing[0])
    return f"{len(missing)} of {wanted} records are missing ({first} is the first): {reasons}"


def describe(e: Evaluation) -> str:
    method = e.pretraining.method if e.pretraining else "spectrogram"
    task = f"{e.data_set}/{e.task}".rstrip("/")
    return f"{method} {e.frontend.name} on {task}, {e.setting}, seed {e.seed}"


def computed(
    evaluations: list[Evaluation],
    workspace: Workspace,
    workers: int | None = None,
    progress: Callable[[str], object] = print,
    allowed: bool = True,
) -> tuple[dict[Evaluation, dict], dict[Evaluation, str]]:
    """The records, computed where they are missing and it is allowed; why the others have none."""
    records = {e: record_of(e, workspace) for e in dict.fromkeys(evaluations)}
    missing = [e for e, record in records.items() if record is None]
    reasons = _compute(missing, workspace, workers, progress) if missing and allowed else {}
    records |= {e: record_of(e, workspace) for e in missing}
    found = {e: record for e, record in records.items() if record is not None}
    errors = {e: reasons.get(e, "not computed") for e in missing if e not in found}
    first = f", the first {describe(next(iter(errors)))}" if errors else ""
    progress(
        f"{len(records)} runs: {len(records) - len(missing)} found, "
        f"{len(missing) - len(errors)} computed, {len(errors)} missing{first}"
    )
    return found, errors


def _compute(
    missing: list[Evaluation], workspace: Workspace, workers: int | None, progress: Callable
) -> dict[Run, str]:
    """Computes runs in processes, those of one encoder in one job; why which failed."""
    encoders: dict[Pretraining | None, list[Evaluation]] = {}
    for e in missing:
        encoders.setdefault(e.pretraining, []).append(e)
    jobs = [_job(encoder, group, workspace) for encoder, group in encoders.items()]
    # one process a core, each with one thread: the same bits on any number of cores; one a GPU
    cores = 1 if workspace.device.startswith("cuda") else os.cpu_count() or 1
    size = min(workers or int(os.environ.get("ASG_WORKERS", cores)), len(jobs))
    check_loaders([run for job in jobs for run in job.runs], workspace, size)
    return Crew(compute, jobs, workspace, size).finish(progress)


def _job(encoder: Pretraining | None, group: list[Evaluation], workspace: Workspace) -> Job:
    """An encoder's runs: cheapest first, those of a set together, since it is embedded once."""
    costs = {e: cost(e, workspace) for e in group}
    runs: list[Run] = sorted(group, key=lambda e: (costs[e], e.data_set, e.setting))
    if encoder and record_of(encoder, workspace) is None:
        runs.insert(0, encoder)
        costs[encoder] = cost(encoder, workspace)
    name = run_name(encoder, workspace) if encoder else "spectrogram"
    lock = workspace.cache / "jobs" / f"{name}.lock"
    with where_allowed():  # here, so that a full disk is told by this command, once
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    return Job(runs, lock, 1 + sum(costs.values()))


def compute(
    runs: list[Run], workspace: Workspace, tell: Callable[[dict], object]
) -> Iterator[tuple[Run, str | None]]:
    """Computes the runs of one encoder; yields each when it has ended, with None or its error."""
    settle(None if workspace.device.startswith("cuda") else 1)
    first, lost = runs[0], None
    encoder = first if isinstance(first, Pretraining) else first.pretraining
    evaluator = Evaluator(encoder, workspace, tell)
    for run in runs:
        if run == encoder:
            lost = _error(lambda: evaluator.trained)
            yield run, lost
        else:
            yield run, lost or _error(lambda run=run: evaluator(run))


def _error(step: Callable[[], object]) -> str | None:
    try:
        step()
    except Exception as error:  # whatever stops one run must not stop the others
        return f"{type(error).__name__}: {error}"
    return None


def needs(run: Run | None) -> list[str]:
    """What a run needs: its set, its encoder's corpus, and training clips for one batch."""
    if run is None:
        return []
    if isinstance(run, Evaluation):
        return list(dict.fromkeys([run.data_set, *needs(run.pretraining)]))
    whole = run.epochs and not run.clips_per_epoch
    return [run.corpus, *([f"{run.corpus}, {run.batch} clips"] if whole else [])]


def available(
    evaluations: list[Evaluation], workspace: Workspace
) -> tuple[list[Evaluation], dict[str, str]]:
    """The evaluations whose data are there, and for every absent set or corpus how to get it."""
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(name for e in evaluations for name in needs(e)):
        corpus, _, batch = name.removesuffix(" clips").partition(", ")
        try:
            clips = (load(corpus, workspace).rows.split == "train").sum()
        except DataError as error:
            reasons[corpus] = str(error)
            continue
        if batch and clips < int(batch):
            reasons[name] = (
                f"{corpus} has {clips} training clips here, fewer than one batch of {batch}: "
                "add to it."
            )
    return [e for e in evaluations if not reasons.keys() & needs(e)], reasons


def check_loaders(runs: list[Run], workspace: Workspace, at_once: int = 1) -> None:
    """StudyError where the processes that read audio could not pass it on to `at_once` runs."""
    loaders, temporary = workspace.workers * at_once, tempfile.gettempdir()
    if not loaders:
        return
    if len(temporary) > SOCKET_PATH:
        raise StudyError(
            f"TMPDIR={temporary} is too long for the sockets of processes that read audio: set "
            "TMPDIR=/tmp, or ASG_LOADERS=0 to read without such processes."
        )
    # two batches ahead in each process, and one in use
    wanted = (2 * loaders + at_once) * max(_batch_bytes(run) for run in runs)
    free = shutil.disk_usage(SHARED).free if os.path.isdir(SHARED) else math.inf
    if wanted > free:
        raise StudyError(
            f"{SHARED} has {free / 1e9:.2f} GB free, and {loaders} processes that read audio need "
            f"{wanted / 1e9:.2f} GB there: enlarge it (a container's --shm-size), or set "
            "ASG_LOADERS=0 to read without such processes."
        )


def _batch_bytes(run: Run) -> int:
    """Bytes of a batch of waves that passes from one process to another."""
    if isinstance(run, Pretraining):
        return 4 * run.batch * run.settings.crops * run.settings.samples(run)
    if run.setting != "fine-tuned":
        return 0
    frames = run.training.frames(DATASETS[run.data_set].seconds)
    return 4 * run.training.batch * frames * run.frontend.hop


@cache
def _sizes(names: str, workspace: Workspace) -> dict[str, int]:
    return load(names, workspace).rows.split.value_counts().to_dict()


def clips(names: str, workspace: Workspace, limit: int | None = None) -> tuple[int, int]:
    """(training clips, all others) of the sets in `names`, at most `limit` of each split.

    The index's numbers where the sets are there, else the published ones.
    """
    try:
        sizes = _sizes(names, workspace)
    except DataError:
        published = [DATASETS[name].counts for name in names.split("+")]
        train = sum(c.get("train", c.get("clips", max(c.values(), default=0))) for c in published)
        sizes = {"train": train, "test": sum(c.get("test", 0) for c in published)}
    sizes = {split: min(size, limit or size) for split, size in sizes.items()}
    return sizes.get("train", 0), sum(sizes.values()) - sizes.get("train", 0)


def cost(run: Run, workspace: Workspace) -> float:
    """Spectrograms of the paper's size that are encoded, forward and backward; forward: a third."""
    if isinstance(run, Pretraining):
        encoded = steps(run, workspace) * run.batch * run.settings.views
        return encoded * run.frames * run.frontend.bins / PAPER_SIZE
    if run.pretraining is None or run.setting == SENSITIVITY:
        return 0.0
    train, others = clips(run.data_set, workspace, run.training.max_clips)
    encoded = (train + others) / 3
    if run.setting == "fine-tuned":
        encoded = train * run.training.epochs + others / 3
    # of a whole clip, in all its segments
    frames = 100 * DATASETS[run.data_set].seconds / (1 - run.training.overlap)
    return encoded * frames * run.frontend.bins / PAPER_SIZE


def steps(run: Run, workspace: Workspace) -> int:
    """Steps of the optimiser."""
    if isinstance(run, Pretraining):
        train = run.clips_per_epoch or clips(run.corpus, workspace)[0]
        return train // run.batch * run.epochs
    if run.setting == SENSITIVITY:
        return 0
    train, _ = clips(run.data_set, workspace, run.training.max_clips)
    batches = -(-train // run.training.batch)
    if run.setting == "fine-tuned":
        batches = max(train // run.training.batch, 1)
    return batches * run.training.epochs
