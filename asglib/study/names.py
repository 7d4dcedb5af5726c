"""A run's name: the hash of its complete configuration, what its data yield and its code."""

from __future__ import annotations

import hashlib
from functools import cache

from asglib import processes
from asglib.config import SENSITIVITY, Evaluation, Pretraining, digest
from asglib.data import rirs
from asglib.data.clips import Clips
from asglib.data.corpus import Corpus, load
from asglib.data.index import DATASETS
from asglib.data.workspace import Workspace
from asglib.study import embedded
from asglib.study.compiled import RESNETS
from asglib.study.identity import code_version

# of a process: on CPUs the statistics of batch normalisation too, so that every method counts (D16)
OWN_NEGATIVES = ("cpc", "triplet")
ENTRIES = {  # the module that an evaluation goes through
    "frozen": "asglib.evaluation",
    "fine-tuned": "asglib.fine_tuning",
    SENSITIVITY: "asglib.sensitivity",
}


def forget() -> None:
    """Reads indexes and files anew when they are next asked for: data may have changed since."""
    for kept in (load, _trained_on, _evaluated_on, _sound):
        kept.cache_clear()


def run_name(config: Pretraining | Evaluation, workspace: Workspace) -> str:
    """kind-method-hash of the complete configuration, the data, and the code."""
    if isinstance(config, Evaluation):
        return _evaluation_name(config, workspace)
    corpus = load(config.corpus, workspace)
    world = max(workspace.processes, processes.rank_and_world()[1])
    parts = [
        config,
        type(config.settings).__qualname__,
        _trained_on(corpus, config.settings.labels),
        _sound(config.settings.rir_bank, workspace),
        code_of(config),
        world if workspace.device == "cpu" or _room(config) in OWN_NEGATIVES else 1,
    ]
    if compiles(config, workspace):
        parts.append("compiled")
    return f"pretrain-{config.method.rstrip('.')}-{digest(*parts)}"


def _room(config: Pretraining) -> str:
    """The file of its method."""
    return type(config.settings).__module__.rpartition(".")[2]


def _evaluation_name(config: Evaluation, workspace: Workspace) -> str:
    before = run_name(config.pretraining, workspace) if config.pretraining else None
    method = config.pretraining.method.rstrip(".") if config.pretraining else "spectrogram"
    task = None if config.setting == SENSITIVITY else config.task
    corpus, clips = load(config.data_set, workspace), config.training.max_clips
    data, folds, count = _evaluated_on(corpus, config.data_set, task, clips)
    frames = metric = None
    if task is not None:
        data_set = DATASETS[config.data_set]
        frames = config.training.frames(data_set.seconds)
        metric = data_set.tasks[task].metric
    folds = folds if config.training.folds else None
    parts = [config, before, data, frames, metric, folds, code_of(config)]
    if embedded.large(config, count):
        parts.append("half precision")
    return f"evaluate-{method}-{digest(*parts)}"


def compiles(config: Pretraining, workspace: Workspace) -> bool:
    """Whether this training goes through torch.compile, which rounds otherwise (D64)."""
    return workspace.compiled and config.epochs > 0 and config.encoder in RESNETS


def code_of(config: Pretraining | Evaluation) -> str:
    """The version of the code that this run goes through."""
    if isinstance(config, Pretraining):
        return code_version("asglib.training", type(config.settings).__module__, Clips.__module__)
    return code_version(ENTRIES[config.setting], Clips.__module__)


@cache
def _sound(bank: str | None, workspace: Workspace) -> str:
    """What the impulse responses are, not where they lie."""
    if bank is None:
        return ""
    return hashlib.sha256(rirs.bank(bank, workspace.cache).tobytes()).hexdigest()[:16]


def evaluated(config: Evaluation, workspace: Workspace) -> Corpus:
    """The clips that an evaluation reads: training and test rows, at most max_clips of each."""
    return _both_parts(load(config.data_set, workspace), config.training.max_clips)


def _both_parts(corpus: Corpus, max_clips: int | None) -> Corpus:
    return corpus.only(corpus.rows.split.isin(("train", "test"))).drawn(max_clips)


@cache
def _trained_on(corpus: Corpus, labels: bool) -> str:
    rows = corpus.rows[corpus.rows.split == "train"]
    return corpus.fingerprint(rows, corpus.joint_labels(rows) if labels else None)


@cache
def _evaluated_on(
    corpus: Corpus, data_set: str, task: str | None, max_clips: int | None
) -> tuple[str, list[int], int]:
    """Fingerprint, folds and number of the clips that an evaluation reads, which are not kept."""
    part = _both_parts(corpus, max_clips)
    targets = None if task is None else part.labels(part.rows, data_set, task)
    return part.fingerprint(part.rows, targets), part.rows.fold.tolist(), len(part.rows)
