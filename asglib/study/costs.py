"""What runs cost: spectrograms that are encoded, steps, and what processes pass to each other."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from functools import cache

from asglib.config import SENSITIVITY, Pretraining
from asglib.data.corpus import load
from asglib.data.index import DATASETS, DataError
from asglib.data.workspace import Workspace
from asglib.study.cluster import StudyError
from asglib.study.worker import Run

SOCKET_PATH = 60  # characters of TMPDIR that leave room for a socket's name; the system takes 107
SHARED = "/dev/shm"  # through which processes pass tensors
PAPER_SIZE = 257 * 300  # bins by frames: the spectrogram in which costs are counted


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
    """(training clips, test clips) of the sets in `names`, at most `limit` of each split.

    The index's numbers where the sets are there, else the published ones.
    """
    try:
        sizes = _sizes(names, workspace)
    except DataError:
        published = [DATASETS[name].counts for name in names.split("+")]
        train = sum(c.get("train", c.get("clips", max(c.values(), default=0))) for c in published)
        sizes = {"train": train, "test": sum(c.get("test", 0) for c in published)}
    sizes = {split: min(size, limit or size) for split, size in sizes.items()}
    return sizes.get("train", 0), sizes.get("test", 0)


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
