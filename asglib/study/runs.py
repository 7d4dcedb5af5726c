"""Runs: folders named by the hash of everything that decides their result.

A run is its complete configuration, what its data yield and the code it goes through. What has a
record is done; what has not is resumed; two processes that ask for one run do not do it twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from asglib import encoder, processes, training
from asglib.config import SENSITIVITY, Evaluation, Pretraining, as_dict, digest, kept
from asglib.data import rirs
from asglib.data.clips import Clips
from asglib.data.corpus import Corpus, load
from asglib.data.index import DATASETS, DataError
from asglib.data.places import clear, load_checked, locked, save_checked
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.processes import Machine
from asglib.sensitivity import COLLAPSED
from asglib.study.identity import code_version
from asglib.study.provenance import made_by

RANKED = 0.36  # of CPC's positives ranked first: below, it has not left chance, 1/3
ENTRIES = {  # the module that an evaluation goes through
    "frozen": "asglib.evaluation",
    "fine-tuned": "asglib.fine_tuning",
    SENSITIVITY: "asglib.sensitivity",
}
LOGGED = 2_000  # steps of a training that its record keeps, evenly spaced


def run_name(config: Pretraining | Evaluation, workspace: Workspace) -> str:
    """kind-method-hash of the complete configuration, the data, and the code."""
    if isinstance(config, Evaluation):
        return _evaluation_name(config, workspace)
    corpus = load(config.corpus, workspace)
    rows = corpus.rows[corpus.rows.split == "train"]
    targets = corpus.joint_labels(rows) if config.settings.labels else None
    _, world = processes.rank_and_world()
    parts = [
        config,
        type(config.settings).__qualname__,
        corpus.fingerprint(rows, targets),
        _sound(config.settings.rir_bank, workspace),
        code_of(config),
        # on CPUs batch normalisation is each process's own (D16)
        world if workspace.device == "cpu" else 1,
    ]
    return f"pretrain-{config.method.rstrip('.')}-{digest(*parts)}"


def _evaluation_name(config: Evaluation, workspace: Workspace) -> str:
    before = run_name(config.pretraining, workspace) if config.pretraining else None
    method = config.pretraining.method.rstrip(".") if config.pretraining else "spectrogram"
    corpus = evaluated(config, workspace)
    targets = frames = metric = None
    if config.setting != SENSITIVITY:
        data_set = DATASETS[config.data_set]
        targets = corpus.labels(corpus.rows, config.data_set, config.task)
        frames = config.training.frames(data_set.seconds)
        metric = data_set.tasks[config.task].metric
    data = corpus.fingerprint(corpus.rows, targets)
    folds = corpus.rows.fold.tolist() if config.training.folds else None
    parts = digest(config, before, data, frames, metric, folds, code_of(config))
    return f"evaluate-{method}-{parts}"


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
    corpus = load(config.data_set, workspace)
    corpus = corpus.only(corpus.rows.split.isin(("train", "test")))
    return corpus.drawn(config.training.max_clips)


def record_of(config: Pretraining | Evaluation, workspace: Workspace) -> dict | None:
    """The record of a finished run, or None."""
    return _read(workspace.runs / run_name(config, workspace))


def _read(folder: Path) -> dict | None:
    return load_checked(folder / "record.json", lambda path: json.loads(path.read_text()))


def _finish(folder: Path, config: Pretraining | Evaluation, record: dict) -> dict:
    """Writes config.json, then record.json, whose presence means done."""
    for name, content in (("config", as_dict(config)), ("record", record)):
        text = json.dumps(content, allow_nan=False)
        save_checked(folder / f"{name}.json", lambda out, text=text: out.write_text(text))
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return record


def trained(
    config: Pretraining,
    workspace: Workspace,
    tell: Callable[[dict], None] = lambda row: None,
    after: int | None = None,
) -> tuple[Encoder, dict]:
    """The encoder of a pretraining run, at its end or `after` some epochs, and the run's record:
    found, resumed or trained now."""
    folder = workspace.runs / run_name(config, workspace)
    found = _encoder(folder, after)
    if found is None:
        first = processes.rank_and_world()[0] == 0
        with locked(folder / "lock") if first else nullcontext():
            processes.meet()
            if _encoder(folder, after) is None:
                _train(config, workspace, folder, tell)
            processes.meet()
        found = _encoder(folder, after)
    network, record = found
    return network.to(workspace.device), record


def _encoder(folder: Path, after: int | None = None) -> tuple[Encoder, dict] | None:
    record = _read(folder)
    network = load_checked(_file(folder, after), encoder.load)
    return None if record is None or network is None else (network, record)


def _file(folder: Path, after: int | None = None) -> Path:
    return folder / (f"encoder-after-{after}.safetensors" if after else "encoder.safetensors")


def machine(
    workspace: Workspace, folder: Path, views: int, tell: Callable[[dict], None]
) -> Machine:
    """What the loop of a run, of `views` spectrograms a step, needs to know of the workspace."""
    told = {"run": folder.name, "views": views}
    return Machine(torch.device(workspace.device), workspace.workers, lambda row: tell(row | told))


def _train(config: Pretraining, workspace: Workspace, folder: Path, tell) -> None:
    began, device = time.monotonic(), torch.device(workspace.device)
    corpus = load(config.corpus, workspace)
    rows = corpus.rows[corpus.rows.split == "train"]
    clips, settings = corpus.clips(rows), config.settings
    if not len(clips):
        raise DataError(f"{config.corpus}: none of its {len(rows)} training clips can be decoded.")
    labels, classes = None, 0
    if settings.labels:
        labels, classes = corpus.joint_labels(rows.iloc[clips.keep])
    bank = rirs.bank(settings.rir_bank, workspace.cache) if settings.rir_bank else None
    how = machine(workspace, folder, config.batch * settings.views, tell)
    clear(folder / "checkpoint.pt")
    method, log = training.pretrain(
        config,
        clips,
        folder / "checkpoint.pt",
        replace(how, keep=partial(_keep, folder, kept(config.epochs))),
        labels,
        classes,
        None if bank is None else torch.from_numpy(bank),
    )
    if processes.rank_and_world()[0]:
        return  # the first process writes
    network = method.encoder
    _save(network, _file(folder))
    record = made_by(device, began) | {
        "kind": "pretraining",
        "run": folder.name,
        "frontend": "waves" if network.takes_waves else config.frontend.name,
        **{key: as_dict(config)[key] for key in "method corpus seed encoder epochs batch".split()},
        "processes": processes.rank_and_world()[1],
        "clips": len(clips),
        "steps": len(log.loss),
        "mean": round(network.mean.item(), 4),
        "std": round(network.std.item(), 4),
        "data": corpus.fingerprint(rows),
        "classes": classes,
        "final_loss": log.loss[-1] if log.loss else None,
        "precision": processes.precision(config.precision, device, config.frames),
        "skipped": clips.skipped + log.failed,
        "truncated": clips.truncated,
        "missing": corpus.missing,
        "too_short": log.too_short,
        "rir": rirs.describe(settings.rir_bank, bank) if settings.rir_bank else "",
        "code": code_of(config),
        "log": _thinned(log, len(log.loss) / max(config.epochs, 1)),
        "measured": {key: [row[key] for row in log.measured] for key in log.measured[0]},
        "seen": {name: float(value) for name, value in getattr(method, "seen", {}).items()},
    }
    _finish(folder, config, record | {"collapsed": _collapsed(record)})


def _keep(folder: Path, epochs: list[int], epoch: int, method: nn.Module) -> None:
    if epoch in epochs:
        _save(method.encoder, _file(folder, epoch))


def _save(network: Encoder, path: Path) -> None:
    save_checked(path, lambda out: encoder.save_encoder(network, out))


def _collapsed(record: dict) -> bool:
    """Whether a training made all embeddings alike, or ended with a task no better than chance.

    Some networks begin with a small spread: it counts where training took nine tenths of it.
    """
    if not record["steps"]:
        return False
    spread, ranked = record["measured"]["spread"], record["seen"].get("ranked", 1.0)
    return spread[-1] < min(COLLAPSED, spread[0] / 10) or ranked < RANKED


def _thinned(log: training.Log, steps_per_epoch: float) -> dict[str, list[float]]:
    """Epoch, loss and rate of at most LOGGED steps, the last among them."""
    last = len(log.loss) - 1
    chosen = np.unique(np.linspace(0, last, min(LOGGED, last + 1)).round().astype(int)).tolist()
    return {
        "epoch": [(step + 1) / steps_per_epoch for step in chosen],
        "loss": [log.loss[step] for step in chosen],
        "rate": [log.rate[step] for step in chosen],
    }
