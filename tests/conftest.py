"""What several tests share: files on disk, a small pretraining run, and a process that is killed while it runs it."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from asglib import methods, training
from asglib.data.clips import Clips
from asglib.config import Frontend, Positives, Pretraining

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """The same bits whatever the machine, and no fight over its cores."""
    torch.set_num_threads(1)


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(hertz, seconds=0.5, rate=16_000, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path, wave, rate=16_000, subtype="FLOAT"):
    """A wave [N] or [N, channels] as a file at `path`, which is returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), wave, rate, subtype)
    return path


def clips_of(paths, cache, start=None, stop=None):
    none = np.full(len(paths), np.nan)
    return Clips(
        pd.Series([str(p) for p in paths]),
        none if start is None else np.array(start),
        none if stop is None else np.array(stop),
        cache,
    )


def small(**changes):
    """A pretraining that takes a fraction of a second: 129 bins, 24 frames, the tiny encoder, 3 steps an epoch."""
    config = Pretraining(
        corpus="none",
        frames=24,
        encoder="tiny",
        head=(32, 16),
        batch=8,
        epochs=2,
        warmup_epochs=1,
        precision="fp32",
        frontend=Frontend(window=256, n_fft=256),
        positives=Positives(noise_max=0.01),
    )
    return replace(config, **changes)


def responses():
    """Four impulse responses [4, 60] of unit energy: a direct path and one echo."""
    bank = torch.zeros(4, 60)
    bank[:, 0] = 0.8
    bank[torch.arange(4), torch.tensor([7, 19, 31, 53])] = 0.6
    return bank


def folder_of_tones(folder, clips=24):
    """Files 0000.wav ... of half a second: a decaying tone each, at a pitch and rate of its own, and faint noise."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(clips):
        wave = tone(rng.uniform(200, 5000)) * np.exp(-np.linspace(0, rng.uniform(1, 6), 8_000))
        found.append(write(folder / f"{number:04d}.wav", wave + 0.01 * rng.standard_normal(8_000)))
    return found


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    return folder_of_tones(tmp_path_factory.mktemp("tones"))


def run_small(
    paths, folder, config=None, progress=lambda row: None, labels=None, rank=0, world=1, **how
):
    """One small pretraining of the files: (method, log, clips that could not be decoded)."""
    config = config or small()
    method = methods.build(config, responses(), classes=2)
    batches = training.Batches(config, clips_of(paths, Path(folder) / "cache"), labels, rank, world)
    log, failed = training.pretrain(
        method, config, batches, Path(folder), CPU, progress=progress, **how
    )
    return method, log, failed


def same_bits(one, other):
    """Whether two modules hold exactly the same numbers, buffers included."""
    a, b = one.state_dict(), other.state_dict()
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


def child(corpus, folder, epochs):
    """What the process that is killed does: the small run, a checkpoint after every step, a line for each."""
    torch.set_num_threads(1)
    paths = sorted(Path(corpus).glob("*.wav"))

    def progress(row):
        print(row["step"], flush=True)
        time.sleep(0.02)

    run_small(paths, folder, small(epochs=int(epochs)), progress, checkpoint_seconds=0)


if __name__ == "__main__":
    child(*sys.argv[1:])
