"""From a configuration to a record: trained, evaluated, recorded, and found again."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from asglib import audio, distributed, encoder, evaluation, methods, training
from asglib import sensitivity as measures
from asglib.audio import Clips
from asglib.config import ConfigError, Evaluation, Pretraining
from asglib.data import index as datasets
from asglib.data import rirs
from asglib.data.corpus import Corpus, load
from asglib.data.workspace import Workspace
from asglib.files import locked, write_atomically
from asglib.frontend import LogSpectrogram
from asglib.positives import PositiveTransform
from asglib.study.runs import code_of, finish, made_by, run_name

MEASURED_CLIPS = 64


def centres(clips: Clips, config: Pretraining) -> torch.Tensor:
    """The first segment of MEASURED_CLIPS clips spread over the index: [MEASURED_CLIPS, N]."""
    chosen = np.linspace(0, len(clips) - 1, min(MEASURED_CLIPS, len(clips))).astype(int)
    return torch.from_numpy(
        np.stack([audio.segments(clips.whole(int(i)), config.samples)[0] for i in chosen])
    )


def trained(
    config: Pretraining, place: Workspace, report=lambda row: None
) -> tuple[encoder.Encoder, dict]:
    """The encoder of a pretraining run and its record: found, resumed or trained now."""
    folder = place.runs / run_name(config, place)
    if not (folder / "record.json").exists():
        with locked(folder / "lock") if distributed.rank_and_world()[0] == 0 else nullcontext():
            distributed.meet()
            if not (folder / "record.json").exists():
                _train(config, place, folder, report)
            distributed.meet()
    network = encoder.build(config.encoder)
    network.load_state_dict(load_file(folder / "encoder.safetensors"))
    return network.eval().to(place.device), json.loads((folder / "record.json").read_text())


def _train(config: Pretraining, place: Workspace, folder: Path, report) -> None:
    began, device = time.monotonic(), torch.device(place.device)
    corpus = load(config.corpus, place)
    rows = corpus.frame[corpus.frame.split == "train"]
    clips, frontend = corpus.clips(rows), LogSpectrogram(config.frontend)
    if not len(clips):
        raise datasets.DataError(
            f"{config.corpus}: none of its {len(rows)} training clips can be decoded."
        )
    mean, std = training.statistics(clips, config, frontend)
    bank = rirs.bank(config.positives.rir_bank, place.cache)
    targets, classes, multi = (
        joint_labels(corpus, rows.iloc[clips.keep]) if config.method == "Sup." else (None, 0, False)
    )
    method = methods.build(config, torch.from_numpy(bank).to(device), classes, multi, mean, std)
    measured = corpus.clips(corpus.frame[corpus.frame.split == "test"])
    waves = centres(measured if len(measured) else clips, config)

    def at_epoch(method) -> dict:
        return _geometry(method, waves.to(device), torch.from_numpy(bank).to(device), config)

    def tell(row: dict) -> None:
        report(row | {"run": folder.name})

    start = at_epoch(method.to(device).eval())
    batches = training.Batches(config, clips, targets, *distributed.rank_and_world())
    log, failed = training.pretrain(
        method, config, batches, folder, device, at_epoch, tell, place.workers
    )
    if distributed.rank_and_world()[0]:
        return  # the first process writes
    method.eval()
    spectrograms = method.frontend(waves.to(device))
    record = made_by(config.frontend, device, began) | {
        "kind": "pretraining",
        "run": folder.name,
        "method": config.method,
        "corpus": config.corpus,
        "seed": config.seed,
        "encoder": config.encoder,
        "epochs": config.epochs,
        "batch": config.batch,
        "processes": distributed.rank_and_world()[
            1
        ],  # on CPUs batch normalisation is each process's own, D16
        "clips": len(clips),
        "steps": len(log),
        "mean": mean,
        "std": std,
        "data": corpus.fingerprint,
        "final_loss": log.loss.iloc[-1] if len(log) else None,
        "precision": training.precision(config, device),
        "skipped": clips.skipped + [{"path": "", "reason": reason} for reason in failed],
        "missing": corpus.missing,
        "rir": rirs.describe(config.positives.rir_bank, bank),
        "code": code_of(config),
        "before": start,
        "log": log.astype(object).where(log.notna(), None).to_dict(orient="list"),
        "curves": measures.curves(method.encoder, spectrograms),
        "shifts": list(measures.SHIFTS),
    }
    state = {key: value.contiguous().cpu() for key, value in method.encoder.state_dict().items()}
    write_atomically(folder / "encoder.safetensors", lambda out: save_file(state, out))
    write_atomically(folder / "log.csv", lambda out: log.to_csv(out, index=False))
    finish(folder, config, record)
    (folder / "checkpoint.pt").unlink(missing_ok=True)


def _geometry(method, waves, bank, config: Pretraining) -> dict:
    """Alignment and uniformity of the encoder on the measured clips, the same positives at every call."""
    with torch.no_grad():
        method.eval()
        generator = torch.Generator(waves.device).manual_seed(0)
        positive = PositiveTransform(config.positives, bank)(waves, generator)
        h, h_p = method.encoder(method.frontend(waves)), method.encoder(method.frontend(positive))
    return {"alignment": measures.alignment(h, h_p), "uniformity": measures.uniformity(h)}


def joint_labels(corpus: Corpus, rows: pd.DataFrame) -> tuple[torch.Tensor, int, bool]:
    """One label space for supervised training: the classes of each set's first task, set after set (D14).

    Labels [n] when every clip of every set has one, else [n, C] of 0 and 1; the number of classes; which of the two.
    """
    parts, offset = [], 0
    for name, part in rows.groupby("data_set", sort=False):
        key, task = next(iter(datasets.DATASETS[name].tasks.items()))
        ids, classes = labels(corpus, name, key, part)
        parts.append((ids, offset))
        offset += len(classes)
    if all(ids.ndim == 1 and (ids >= 0).all() for ids, _ in parts):
        return torch.cat([ids + start for ids, start in parts]), offset, False
    joint, row = torch.zeros(len(rows), offset), 0
    for ids, start in parts:
        hot = (
            ids
            if ids.ndim == 2
            else torch.nn.functional.one_hot(ids.clamp(min=0)) * (ids >= 0)[:, None]
        )
        joint[row : row + len(ids), start : start + hot.shape[1]] = hot.float()
        row += len(ids)
    return joint, offset, True


def labels(
    corpus: Corpus, name: str, key: str, rows: pd.DataFrame
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Label ids (or multi-hot) of `rows` for task `key` of set `name`, and the class names; -1: not in this task."""
    task, classes, rows = (
        datasets.DATASETS[name].tasks[key],
        corpus.classes[name][key],
        rows.copy(deep=False),
    )
    rows.attrs = {"classes": {task.label: classes}}
    return torch.as_tensor(datasets.label_ids(rows, task)[0]), classes


class Evaluator:
    """One encoder (or the spectrogram) on many tasks: each set's segments are embedded once."""

    def __init__(self, pretraining: Pretraining | None, place: Workspace, report=lambda row: None):
        self.pretraining, self.place, self.report = pretraining, place, report
        self.found: dict = {}  # the last set's segments
        self.read: dict = {}  # and its clips

    @cached_property
    def trained(self) -> tuple[encoder.Encoder | None, dict]:
        return (
            trained(self.pretraining, self.place, self.report) if self.pretraining else (None, {})
        )

    def corpus(self, config: Evaluation) -> Corpus:
        key = (config.data_set, config.training.max_clips)
        if key not in self.read:
            self.read = {key: load(config.data_set, self.place).drawn(config.training.max_clips)}
        return self.read[key]

    def segments(self, config: Evaluation, corpus: Corpus, frames: int) -> evaluation.Segments:
        key = (config.data_set, config.training.max_clips, frames, config.frontend)
        if key not in self.found:
            network, _ = self.trained
            frontend = LogSpectrogram(config.frontend).to(self.place.device)
            self.found = {
                key: evaluation.embed(
                    network or evaluation.blocks,
                    frontend,
                    corpus.all_clips,
                    frames,
                    torch.device(self.place.device),
                )
            }
        return self.found[key]

    def __call__(self, config: Evaluation) -> dict:
        """The record of one evaluation: found or computed now."""
        folder = self.place.runs / run_name(config, self.place)
        if not (folder / "record.json").exists():
            with locked(folder / "lock"):
                if not (folder / "record.json").exists():
                    self.report({"run": folder.name})
                    self._evaluate(config, folder)
        return json.loads((folder / "record.json").read_text())

    def _evaluate(self, config: Evaluation, folder: Path) -> None:
        _, began, device = self.trained, time.monotonic(), torch.device(self.place.device)
        row = datasets.DATASETS[config.data_set]
        if config.task not in row.tasks:
            raise ConfigError(
                f"{config.data_set} has no task {config.task!r}; it has {', '.join(row.tasks)}."
            )
        task, corpus = row.tasks[config.task], self.corpus(config)
        clips, frames = corpus.all_clips, evaluation.frames_of(row.seconds, config.training)
        frame = corpus.frame.iloc[clips.keep].reset_index(drop=True)
        targets, classes = labels(corpus, config.data_set, config.task, frame)
        known = (targets >= 0).numpy() if targets.ndim == 1 else np.ones(len(targets), bool)
        train, test = (
            np.flatnonzero((frame.split == split) & known) for split in ("train", "test")
        )
        if not len(train) or not len(test):
            raise datasets.DataError(
                f"{config.data_set}: {len(train)} training and {len(test)} test clips can be "
                "decoded; both are needed."
            )
        logits, clip = (self._frozen if config.setting == "frozen" else self._fine_tuned)(
            config, corpus, frames, targets, train, test, len(classes)
        )
        scores = evaluation.per_clip(evaluation.scores(logits, task.multi_label), clip, len(test))
        record = (
            made_by(config.frontend, device, began)
            | self._describe(config, corpus, clips)
            | {
                "run": folder.name,
                "classes": list(classes),
                "frames": frames,
                "code": code_of(config),
            }
            | outcome(scores, targets[test], task, frame.iloc[test])
        )
        record["counts"] = {
            "train": len(train),
            "test": len(test),
            "skipped": clips.skipped,
            "missing": corpus.missing,
            "absent_from_test": absent(targets[test], classes),
        }
        finish(folder, config, record)

    def _frozen(self, config, corpus, frames, targets, train, test, classes):
        segments = self.segments(config, corpus, frames)
        used, place = _select(segments, train)
        layer = evaluation.train_linear(used, targets[train], classes, config.training, config.seed)
        used, place = _select(segments, test)
        with torch.no_grad():
            return layer(used.features), place

    def _fine_tuned(self, config, corpus, frames, targets, train, test, classes):
        device = torch.device(self.place.device)
        frontend, (network, _) = LogSpectrogram(config.frontend).to(device), self.trained
        amp = training.precision(self.pretraining, device) == "bf16"
        model = evaluation.fine_tune(
            network,
            frontend,
            corpus.all_clips,
            train,
            targets[train],
            classes,
            frames,
            config.training,
            config.seed,
            device,
            amp,
            self.place.workers,
        )
        tested = corpus.clips(corpus.frame.iloc[corpus.all_clips.keep[test]])
        found = evaluation.embed(model, frontend, tested, frames, device)
        return found.features, found.clip

    def _describe(self, config: Evaluation, corpus: Corpus, clips: Clips) -> dict:
        pre, record = config.pretraining, self.trained[1]
        return {
            "kind": "evaluation",
            "pretraining": record.get("run"),
            "method": pre.method if pre else "spectrogram",
            "corpus": pre.corpus if pre else "",
            "encoder": pre.encoder if pre else "",
            "rir": record.get("rir", ""),
            "epochs": pre.epochs if pre else 0,
            "batch": pre.batch if pre else 0,
            "precision": record.get("precision", "fp32"),
            "pretraining_seconds": record.get("seconds", 0),
            "data_set": config.data_set,
            "task": config.task,
            "setting": config.setting,
            "seed": config.seed,
            "data": corpus.fingerprint,
        }


def _select(
    segments: evaluation.Segments, rows: np.ndarray
) -> tuple[evaluation.Segments, torch.Tensor]:
    """The segments of clips `rows`, renumbered 0 ... len(rows) - 1."""
    place = torch.full((int(segments.clip.max()) + 1,), -1)
    place[torch.as_tensor(rows)] = torch.arange(len(rows))
    mine = place[segments.clip] >= 0
    clip = place[segments.clip][mine]
    return evaluation.Segments(segments.features[mine], clip), clip


def absent(targets: torch.Tensor, classes) -> list[str]:
    """The classes that no test clip has."""
    counts = (
        targets.sum(0) if targets.ndim == 2 else torch.bincount(targets, minlength=len(classes))
    )
    return [name for name, count in zip(classes, counts.tolist()) if not count]


def outcome(scores: torch.Tensor, targets: torch.Tensor, task, rows: pd.DataFrame) -> dict:
    """The metric and what it is made of: per-clip predictions, or per-class average precision."""
    base = {
        "metric": task.metric,
        "clips": rows.path.astype(str).tolist(),
        "groups": rows.group.astype(str).tolist(),
        "labels": [],
        "predictions": [],
        "correct": [],
        "average_precision": [],
        "undefined": None,
    }
    if task.metric == "mAP":
        hot = (
            targets if targets.ndim == 2 else torch.nn.functional.one_hot(targets, scores.shape[1])
        )
        precisions = evaluation.average_precisions(scores, hot)
        value = evaluation.mean_average_precision(precisions)
        undefined = None if value is not None else "no test clip has any of the classes"
        return base | {"value": value, "average_precision": precisions, "undefined": undefined}
    predictions = scores.argmax(1)
    return base | {
        "value": evaluation.accuracy(predictions, targets),
        "labels": targets.tolist(),
        "predictions": predictions.tolist(),
        "correct": (predictions == targets).int().tolist(),
    }
