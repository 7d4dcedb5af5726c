"""Runs: folders named by the hash of everything that decides their result.

A run is its complete configuration, what its data yield and the code it goes through. What has a
record is done; what has not is resumed; two processes that ask for one run do not do it twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from asglib import encoder, files, processes, training
from asglib.config import Evaluation, Pretraining, as_dict, kept, need
from asglib.data import rirs
from asglib.data.corpus import load
from asglib.data.index import DataError
from asglib.data.places import clear, load_checked, locked, save_checked, told_when_full
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.processes import Machine
from asglib.sensitivity import COLLAPSED
from asglib.study import elastic
from asglib.study.compiled import compiled
from asglib.study.names import code_of, compiles, run_name
from asglib.study.pretext import held_out
from asglib.study.provenance import made_by
from asglib.study.shares import check_alike

RANKED = 0.36  # of CPC's positives ranked first: below, it has not left chance, 1/3
# torch's SyncBatchNorm replaces timm's BatchNormAct2d and drops its activation
ALONE = ("efficientnet_b0",)
LOGGED = 2_000  # steps of a training that its record keeps, evenly spaced


def record_of(config: Pretraining | Evaluation, workspace: Workspace) -> dict | None:
    """The record of a finished run, or None."""
    return _read(workspace.runs / run_name(config, workspace))


def is_trained(config: Pretraining, workspace: Workspace) -> bool:
    """Whether the encoder is there; of published records it is not."""
    folder = workspace.runs / run_name(config, workspace)
    return _file(folder).exists() and _read(folder) is not None


def _read(folder: Path) -> dict | None:
    path = folder / "record.json"
    record = load_checked(path, lambda path: json.loads(path.read_text()))
    if record is None or record.get("run") == folder.name:
        return record
    files.log.warning("%s is the record of another run, %s: made again.", path, record.get("run"))
    return None


def keep_record(folder: Path, config: Pretraining | Evaluation, record: dict) -> None:
    """Writes config.json, then record.json, whose presence means done."""
    for name, content in (("config", as_dict(config)), ("record", record)):
        text = json.dumps(content, allow_nan=False)
        save_checked(folder / f"{name}.json", lambda out, text=text: out.write_text(text))


def finish(folder: Path, config: Pretraining | Evaluation, record: dict) -> dict:
    """Keeps the record of a run that ended here, whose checkpoint goes."""
    keep_record(folder, config, record)
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
    alone = config.encoder in ALONE or workspace.processes <= processes.rank_and_world()[1]
    if found is None and not alone:
        check_shares(config, workspace.processes)
        words = config, workspace, after
        elastic.together(workspace.processes, _share, words, folder / "progress.json", tell)
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


def check_shares(config: Pretraining, world: int) -> None:
    """Refuses more processes than the batch can feed, and networks that cannot be shared."""
    need(
        config.batch >= 2 * world,
        f"batch {config.batch} cannot be shared by {world} processes: each needs two clips, "
        f"so start at most {config.batch // 2}.",
    )
    need(
        world == 1 or config.encoder not in ALONE,
        f"{config.encoder} cannot be shared by {world} processes: torch's batch normalisation over "
        "processes leaves out its activations. Start one process.",
    )


def _share(config: Pretraining, workspace: Workspace, after: int | None, progress: Path) -> None:
    """In each process of a run that several share; the first one says how far it is."""
    processes.settle(None if workspace.device.startswith("cuda") else 1)
    with processes.joined(workspace.device) as own:
        first, told = processes.rank_and_world()[0] == 0, [0.0]

        def tell(row: dict) -> None:
            if first and time.monotonic() - told[0] > elastic.LISTENS:
                told[0] = time.monotonic()
                elastic.says(progress, row)

        trained(config, replace(workspace, device=own), tell, after)


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


def settle() -> None:
    """The same arithmetic wherever a run is computed: in a worker, a command, a notebook."""
    processes.settle()
    torch.backends.cudnn.allow_tf32 = False  # torch convolves in TF32 what should be fp32, D8


def _train(config: Pretraining, workspace: Workspace, folder: Path, tell) -> None:
    settle()
    began, device = time.monotonic(), torch.device(workspace.device)
    check_alike(config, device)
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
    by_compiler = compiles(config, workspace)
    clear(folder / "checkpoint.pt")
    with told_when_full(folder / "checkpoint.pt"):
        method, log = training.pretrain(
            replace(config, settings=compiled(settings)) if by_compiler else config,
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
    if by_compiler:
        record["compiled"] = True
    record["held_out"] = held_out(method, config, corpus, device)  # which moves what is seen
    finish(folder, config, record | {"collapsed": _collapsed(record)})


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
