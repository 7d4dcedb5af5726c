"""One encoder, or the spectrogram itself, on many tasks: found or computed now (section 3.2)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from asglib import evaluation, fine_tuning, metrics, processes, sensitivity
from asglib.config import SENSITIVITY, Evaluation, Pretraining
from asglib.data.clips import Clips
from asglib.data.corpus import Corpus
from asglib.data.index import DATASETS, DataError
from asglib.data.places import clear, locked, told_when_full
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.study import embedded, names, runs, systems
from asglib.study.provenance import made_by

# the compared papers' metrics, by their field of metrics.outcome; neither is a mean over clips
MEASURES = {"F1": "f1", "wAP": "weighted_precision"}

EMBEDDINGS = "embeddings"  # of a large set, in the run's folder


class Evaluator:
    """evaluator(config) -> record; a set's segments are embedded once for all its tasks."""

    def __init__(
        self,
        pretraining: Pretraining | None,
        workspace: Workspace,
        tell: Callable[[dict], None] = lambda row: None,
    ):
        self.pretraining, self.workspace, self.tell = pretraining, workspace, tell
        self.device = torch.device(workspace.device)
        self.encoders: dict[int | None, tuple[Encoder | None, dict]] = {}  # by epochs
        self.found: dict = {}  # the last set's segments
        self.read: dict = {}  # and its clips

    def trained(self, after: int | None = None) -> tuple[Encoder | None, dict]:
        if self.pretraining is None:
            return None, {}
        if after not in self.encoders:
            found = runs.trained(self.pretraining, self.workspace, self.tell, after)
            self.encoders[after] = found
        return self.encoders[after]

    def __call__(self, config: Evaluation) -> dict:
        """The record of one evaluation: found or computed now."""
        record = runs.record_of(config, self.workspace)
        if record is None:
            folder = self.workspace.runs / runs.run_name(config, self.workspace)
            with locked(folder / "lock"):
                record = runs.record_of(config, self.workspace) or self._evaluate(config, folder)
        return record

    def _evaluate(self, config: Evaluation, folder: Path) -> dict:
        runs.settle()
        network, before = self.trained(config.after)
        self.tell({"run": folder.name})
        began = time.monotonic()
        corpus, clips = self._clips(config)
        if config.setting == SENSITIVITY:
            found = self._sensitivity(config, clips, network)
        else:
            found = self._scored(config, corpus, clips, folder)
        self._forget(folder)
        record = self._about(config, before) | found | made_by(self.device, began)
        record |= {"run": folder.name, "code": names.code_of(config), "missing": corpus.missing}
        return runs.finish(folder, config, record)

    def _clips(self, config: Evaluation) -> tuple[Corpus, Clips]:
        key = config.data_set, config.training.max_clips
        if key not in self.read:
            corpus = names.evaluated(config, self.workspace)
            self.read = {key: (corpus, corpus.clips(corpus.rows))}
        return self.read[key]

    def _sensitivity(self, config: Evaluation, clips: Clips, network: Encoder) -> dict:
        failed: list[dict] = []
        waves = sensitivity.centres(clips, self.pretraining.samples, failed).to(self.device)
        spectrograms = network.spectrogram(waves)
        return {
            "kind": SENSITIVITY,
            "curves": sensitivity.curves(network, spectrograms),
            "shifts": list(sensitivity.SHIFTS),
            "clips": len(waves),
            "skipped": clips.skipped + failed,
        }

    def _scored(self, config: Evaluation, corpus: Corpus, clips: Clips, folder: Path) -> dict:
        data_set = DATASETS[config.data_set]
        frames = config.training.frames(data_set.seconds)
        rows = corpus.rows.iloc[clips.keep].reset_index(drop=True)
        targets, classes = corpus.labels(rows, config.data_set, config.task)
        samples = frames * config.frontend.hop
        tasks = [
            evaluation.Task(
                clips, targets, train, test, len(classes), samples, config.training.overlap
            )
            for train, test in _parts(config, rows, targets)
        ]
        if config.setting == "frozen":
            scores, test, skipped = self._frozen(config, corpus, tasks, folder)
        else:
            scores, test, skipped = self._fine_tuned(config, tasks[0], folder)
        left_out = rows.file.isin([clip["path"] for clip in skipped]).to_numpy()
        train = [row for row in tasks[0].train if not left_out[row]]
        labels = targets[test]
        hot = labels if labels.ndim == 2 else torch.nn.functional.one_hot(labels, len(classes))
        absent = [name for name, count in zip(classes, hot.sum(0).tolist()) if not count]
        metric = data_set.tasks[config.task].metric
        return _measured(scores, labels, metric) | {
            "metric": metric,
            "clips": rows.path.iloc[test].astype(str).tolist(),
            "groups": rows.group.iloc[test].astype(str).tolist(),
            "classes": list(classes),
            "frames": frames,
            "data": corpus.fingerprint(corpus.rows),
            "counts": {
                "train": len(train),
                "test": len(test),
                "skipped": clips.skipped + skipped,
                "truncated": clips.truncated,
                "missing": corpus.missing,
                "absent_from_test": absent,
            },
        }

    def _frozen(
        self, config: Evaluation, corpus: Corpus, tasks: list[evaluation.Task], folder: Path
    ):
        task = tasks[0]
        drawn = config.data_set, config.training.max_clips, task.samples, task.overlap
        key = *drawn, config.frontend, config.after
        if key not in self.found:
            network, _ = self.trained(config.after)
            network = (network or evaluation.SpectrogramControl(config.frontend)).to(self.device)
            how = network, task, self.device, self.workspace.workers
            if embedded.large(config, len(corpus.rows)):
                self.found = {key: embedded.embed_to_disk(*how, folder / EMBEDDINGS)}
            else:
                self.found = {key: embedded.embed(*how)}
        segments = self.found[key]
        scored = [
            evaluation.frozen(segments, task, config.training, config.seed, self.device)
            for task in tasks
        ]
        return *evaluation.pooled(scored), segments.skipped

    def _fine_tuned(self, config: Evaluation, task: evaluation.Task, folder: Path):
        clear(folder / "checkpoint.pt")
        frames = task.samples // config.frontend.hop
        precision = processes.precision(self.pretraining.precision, self.device, frames)
        network, _ = self.trained(config.after)
        with told_when_full(folder / "checkpoint.pt"):
            return fine_tuning.fine_tuned(
                network,
                task,
                config.training,
                config.seed,
                folder / "checkpoint.pt",
                runs.machine(self.workspace, folder, config.training.batch, self.tell),
                precision == "bf16",
            )

    def _forget(self, folder: Path) -> None:
        """Makes room: embeddings on disk are those of one evaluation."""
        if (folder / EMBEDDINGS).exists():
            self.found = {}
            shutil.rmtree(folder / EMBEDDINGS)

    def _about(self, config: Evaluation, before: dict) -> dict:
        pre = self.pretraining
        return {
            "kind": "evaluation",
            "pretraining": before.get("run"),
            "method": pre.method if pre else "spectrogram",
            "corpus": pre.corpus if pre else "",
            "encoder": pre.encoder if pre else "",
            "rir": before.get("rir", ""),
            "epochs": config.after or (pre.epochs if pre else 0),
            "batch": pre.batch if pre else 0,
            "precision": before.get("precision", "fp32"),
            "pretraining_seconds": before.get("seconds", 0),
            "frontend": before.get("frontend", config.frontend.name),
            "data_set": config.data_set,
            "task": config.task,
            "setting": config.setting,
            "protocol": systems.protocol(config.training),
            "seed": config.seed,
        } | ({"after": config.after} if config.after else {})


def _measured(scores: torch.Tensor, labels: torch.Tensor, metric: str) -> dict:
    """metrics.outcome, with a compared paper's metric as its value."""
    found = metrics.outcome(scores, labels, metric)
    if metric in MEASURES:
        found |= {"value": found[MEASURES[metric]], "correct": []}
    return found


def _parts(config: Evaluation, rows: pd.DataFrame, targets: torch.Tensor) -> list:
    """(training rows, test rows) of one split or of every fold; DataError: one of them is empty."""
    found = [evaluation.parts(rows.split.to_numpy(), targets)]
    if config.training.folds:
        found = evaluation.folds(rows.fold.to_numpy(), targets)
    for train, test in found or [((), ())]:
        if not len(train) or not len(test):
            raise DataError(
                f"{config.data_set}: {len(train)} training and {len(test)} test clips can be "
                "decoded; both are needed."
            )
    return found
