"""Which encoder and recipe a small study is worth: a sweep on NONE alone, on validation clips.

Never on ASG - NONE and never on a test clip: of each task's training clips a fifth of the groups
(recordings, where the set names them) is held out. Tasks that are tested by all folds have no clip
outside of a test part: they take no part. `python benchmarks/sweep.py --data FOLDER` goes on where
it was and prints the table that reports/sweep.csv keeps.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asglib import encoder, evaluation, processes, training
from asglib.config import Downstream, Frontend, Pretraining
from asglib.data import index, rirs
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.processes import Machine

TASKS = (
    "fsdd/digit",
    "fsdd/speaker",
    "notes/instrument",
    "notes/octave",
    "ravdess/speaker",
    "wake-words/keyword",
)
HELD_OUT = 0.2
BASE = Pretraining(
    method="NONE",
    settings=change(METHODS["NONE"], head=(512, 128)),
    corpus="open-pool",
    frames=96,
    encoder="tiny",
    batch=32,
    epochs=8,
    warmup_epochs=0.5,
    lr_per_256=4.0,
)
ADAM = {"optimizer": "adamw", "weight_decay": 1e-4}
VARIANTS = {  # name -> what differs from BASE
    "tiny, LARS 4.0, batch 32": {},
    "tiny, AdamW 0.001, batch 32": ADAM | {"lr_per_256": 0.001 * 8},
    "tiny, AdamW 0.003, batch 32": ADAM | {"lr_per_256": 0.003 * 8},
    "tiny, AdamW 0.002, batch 64": ADAM | {"lr_per_256": 0.002 * 4, "batch": 64},
    "small, AdamW 0.001, batch 32": ADAM | {"lr_per_256": 0.001 * 8, "encoder": "small"},
    "small, AdamW 0.002, batch 64": ADAM
    | {"lr_per_256": 0.002 * 4, "batch": 64, "encoder": "small"},
    "small, LARS 4.0, batch 32": {"encoder": "small"},
    "tiny, LARS 4.0, 24 epochs": {"epochs": 24},
    "tiny, untrained": {"epochs": 0, "warmup_epochs": 0},
    "small, untrained": {"epochs": 0, "warmup_epochs": 0, "encoder": "small"},
    "spectrogram": None,
}


def parts(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows: of the training groups a fifth is held out, always the same."""
    groups = rows.group.where(rows.group != "", rows.path)
    names = np.sort(groups[rows.split == "train"].unique())
    order = np.random.default_rng(0).permutation(len(names))
    held = set(names[order[: round(HELD_OUT * len(names))]])
    train, out = (rows.split == "train").to_numpy(), groups.isin(held).to_numpy()
    return np.flatnonzero(train & ~out), np.flatnonzero(train & out)


def scores(network: torch.nn.Module, workspace: Workspace) -> dict[str, float]:
    """Percent right on the validation clips of each task."""
    found, config, segments = {}, Downstream(), {}
    for name in TASKS:
        set_name, task_name = name.split("/")
        corpus = load(set_name, workspace)
        rows = corpus.rows[corpus.rows.split == "train"].reset_index(drop=True)
        clips = corpus.clips(rows)
        rows = rows.iloc[clips.keep].reset_index(drop=True)
        targets, classes = corpus.labels(rows, set_name, task_name)
        samples = config.frames(index.DATASETS[set_name].seconds) * 160
        train, valid = parts(rows)
        if set_name == "ravdess":  # its groups are the speakers themselves: sentences by chance
            order = np.random.default_rng(0).permutation(len(rows))
            cut = round(HELD_OUT * len(rows))
            train, valid = np.sort(order[cut:]), np.sort(order[:cut])
        task = evaluation.Task(clips, targets, train, valid, len(classes), samples)
        if set_name not in segments:
            segments = {set_name: evaluation.embed(network, clips, samples, torch.device("cpu"))}
        scored, test = evaluation.frozen(segments[set_name], task, config, 0, torch.device("cpu"))
        right = (scored.argmax(1) == targets[test]).double().mean().item()
        found[name] = round(100 * right, 2)
    return found


def row(name: str, seed: int, workspace: Workspace) -> dict:
    """One variant: pretrained or found, and its scores."""
    changed = VARIANTS[name]
    if changed is None:
        network = evaluation.SpectrogramControl(Frontend())
    else:
        config = replace(BASE, seed=seed, **changed)
        corpus = load(config.corpus, workspace)
        clips = corpus.clips(corpus.rows[corpus.rows.split == "train"])
        bank = torch.from_numpy(rirs.bank(config.settings.rir_bank, workspace.cache))
        checkpoint = workspace.runs / "sweep" / f"{name}-{seed}.pt"
        method, _ = training.pretrain(
            config, clips, checkpoint, Machine(torch.device("cpu")), rirs=bank
        )
        network = method.encoder.eval()
        encoder.save_encoder(network, checkpoint.with_suffix(".safetensors"))
    found = scores(network, workspace)
    mean = round(float(np.mean(list(found.values()))), 2)
    return {"variant": name, "seed": seed, "mean": mean} | found


def main() -> None:
    """Each variant of one seed, into a table that grows."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--only", nargs="*", default=list(VARIANTS))
    words.add_argument("--out", type=Path, default=Path("reports/sweep.csv"))
    asked = words.parse_args()
    processes.settle(1)
    workspace = Workspace(asked.data, Path("runs").resolve())
    for name in asked.only:
        done = pd.read_csv(asked.out) if asked.out.exists() else pd.DataFrame()
        if len(done) and ((done.variant == name) & (done.seed == asked.seed)).any():
            continue
        made = row(name, asked.seed, workspace)
        done = pd.read_csv(asked.out) if asked.out.exists() else pd.DataFrame()
        pd.concat([done, pd.DataFrame([made])]).to_csv(asked.out, index=False)
        print(made, flush=True)


if __name__ == "__main__":
    main()
