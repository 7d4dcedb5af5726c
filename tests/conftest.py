"""What several tests share: files on disk, a small pretraining, and a small run of the study."""

import os
import tarfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from asglib import files, training
from asglib.config import Downstream, Evaluation, Frontend, Positives, Pretraining
from asglib.data.clips import Clips
from asglib.data.workspace import Workspace
from asglib.encoder import build
from asglib.evaluation import Task
from asglib.fine_tuning import fine_tuned
from asglib.methods import METHODS
from asglib.methods.contract import change
from asglib.processes import Machine
from asglib.study import runs

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")


MINUTES = ("test_notebooks.py", "test_rehearsal.py")  # what these take


def pytest_collection_modifyitems(items):
    """The longest files begin first, so that no process waits for them at the end."""
    items.sort(key=lambda item: item.path.name not in MINUTES)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """The same bits whatever the machine, and no fight over its cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    """The trees of inputs that broke something; they lie beside the repository, not in it."""
    archive = Path(os.environ.get("ASG_CASES", ROOT.parent / "shared/cases/cases.tgz"))
    if not archive.is_file():
        pytest.skip(f"{archive} is not there; ASG_CASES may name it")
    folder = tmp_path_factory.mktemp("cases")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_same_steps(plain, other):
    """Two steps of either network: the same gradients, and each batch counted once."""
    waves = torch.randn(2, 3, 8_000, generator=gen(0)) * 0.1
    for network in (plain, other):
        for part in waves:
            network(part).square().sum().backward()
    pairs = zip(plain.parameters(), other.parameters(), strict=True)
    wanted, found = plain.state_dict(), other.state_dict()
    assert list(wanted) == list(found)
    for a, b in [(a.grad, b.grad) for a, b in pairs] + [(wanted[k], found[k]) for k in wanted]:
        torch.testing.assert_close(b, a, atol=1e-6, rtol=1e-6)
    counted = [value for key, value in found.items() if key.endswith("num_batches_tracked")]
    assert counted and all(count == 2 for count in counted)


def same_bits(one, other):
    """Whether two modules hold exactly the same numbers, buffers included."""
    a, b = one.state_dict(), other.state_dict()
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


# --- files on disk -------------------------------------------------------------------------------


def tone(hertz, seconds=0.5, rate=16_000, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def noise(samples, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, samples).astype(np.float32)


def write(path, wave, rate=16_000, subtype="FLOAT"):
    """A wave [N] or [N, channels] as a file at `path`, which is returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), wave, rate, subtype)
    return path


def broken_files(folder):
    """One file of each kind that cannot become a wave."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is a text file\n" * 40)
    hole = noise(2_000)
    hole[1_000] = np.nan
    write(folder / "nan.wav", hole)
    endless = noise(2_000)
    endless[5] = np.inf
    write(folder / "inf.wav", endless)
    write(folder / "no_samples.wav", np.zeros(0))
    (folder / "folder.wav").mkdir()
    whole = write(folder / "cut.flac", noise(9_000), subtype="PCM_16")
    whole.write_bytes(whole.read_bytes()[:40])
    return [
        folder / f
        for f in (
            "empty.wav",
            "text.wav",
            "nan.wav",
            "inf.wav",
            "no_samples.wav",
            "folder.wav",
            "cut.flac",
            "not_there.wav",
        )
    ]


def clips_of(paths, cache, start=None, stop=None):
    none = np.full(len(paths), np.nan)
    return Clips(
        pd.Series([str(p) for p in paths]),
        none if start is None else np.array(start),
        none if stop is None else np.array(stop),
        cache,
    )


def folder_of_tones(folder, clips=24):
    """Files 0000.wav ... of half a second: a decaying tone each, at a pitch of its own."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(clips):
        wave = tone(rng.uniform(200, 5000)) * np.exp(-np.linspace(0, rng.uniform(1, 6), 8_000))
        found.append(write(folder / f"{number:04d}.wav", wave + 0.01 * rng.standard_normal(8_000)))
    return found


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    return folder_of_tones(tmp_path_factory.mktemp("tones"))


DAMAGE = {  # what may become of a file
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "other": lambda content: b"another file",
    "gone": None,
}


def damage(path, how, content=None):
    """Does one of DAMAGE to a file, or gives it `content`; what was known of it is forgotten."""
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(DAMAGE[how](path.read_bytes()) if how in DAMAGE else content)
        os.utime(path, ns=(1, 10**18))  # a coarse clock may give both the same time
    files._known.clear()


# --- a small pretraining -------------------------------------------------------------------------


def small(method="ASG", settings=None, **changes):
    """A pretraining that takes a fraction of a second: 129 bins, 24 frames, 3 steps an epoch.

    `changes` are fields of Pretraining or, where no `settings` are given, of the method's own.
    """
    if settings is None:
        wanted = {"head": (32, 16), "positives": Positives(noise_max=0.01)} | changes
        names = {field.name for field in fields(METHODS[method])} & set(wanted)
        settings = change(METHODS[method], **{name: wanted[name] for name in names})
        changes = {name: value for name, value in changes.items() if name not in names}
    shared = {
        "corpus": "none",
        "frames": 24,
        "encoder": "tiny",
        "batch": 8,
        "epochs": 2,
        "warmup_epochs": 1,
        "precision": "fp32",
        "frontend": Frontend(window=256, n_fft=256),
    }
    return Pretraining(method=method, settings=settings, **(shared | changes))


def responses():
    """Four impulse responses [4, 60] of unit energy: a direct path and one echo."""
    bank = torch.zeros(4, 60)
    bank[:, 0] = 0.8
    bank[torch.arange(4), torch.tensor([7, 19, 31, 53])] = 0.6
    return bank


def run_small(paths, folder, config=None, tell=lambda row: None, loaders=0, **how):
    """One small pretraining of the files: the method and its log."""
    return training.pretrain(
        config or small(),
        clips_of(paths, Path(folder) / "cache"),
        Path(folder) / "checkpoint.pt",
        Machine(CPU, loaders, tell),
        rirs=responses(),
        **how,
    )


def task_of(paths, folder, samples=24 * 160):
    """Which of two classes each file is of: the first two thirds train, the others test."""
    clips = clips_of(paths, Path(folder) / "cache")
    rows = np.arange(len(clips))
    train = 2 * len(clips) // 3
    return Task(clips, torch.from_numpy(rows % 2), rows[:train], rows[train:], 2, samples)


def tuned(paths, folder, tell=lambda row: None, encoder=None, seed=0, loaders=0, **changes):
    """A small fine-tuning of the files: scores, rows, clips that could not be decoded."""
    how = Downstream(**({"epochs": 4, "drop_epoch": 3, "batch": 8, "lr": 3e-3} | changes))
    encoder = encoder or build("tiny", small().frontend)
    machine = Machine(CPU, loaders, tell)
    checkpoint = Path(folder) / "checkpoint.pt"
    return fine_tuned(encoder, task_of(paths, folder), how, seed, checkpoint, machine)


@pytest.fixture
def always_saved(monkeypatch):
    """A checkpoint after every step."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)


# --- a small run of the study --------------------------------------------------------------------

TINY = Pretraining(
    method="ASG",
    settings=change(METHODS["ASG"], head=(32, 16)),
    corpus="toy-a",
    frames=32,
    encoder="tiny",
    batch=16,
    epochs=2,
    warmup_epochs=1,
    clips_per_epoch=64,
    precision="fp32",
    frontend=Frontend(window=256, n_fft=256),
)
QUICK = Downstream(epochs=3, drop_epoch=2)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A workspace for tiny runs; what one test has computed, the next one finds."""
    workspace = Workspace(None, tmp_path_factory.mktemp("study"))
    runs.run_name(TINY, workspace)  # makes the cache that some tests look into first
    return workspace


def asked(task="direction", pretraining=TINY, setting="frozen", **changes):
    """An evaluation of the tiny run on the embedded corpus."""
    found = Evaluation(pretraining, "toy-a", task, setting, QUICK, 0, TINY.frontend)
    return replace(found, **changes)


def essence(record):
    """What a second computation must give again to the bit: all but the time and the commit."""
    return {
        key: value
        for key, value in record.items()
        if "seconds" not in key and key not in ("finished", "commit")
    }


def evaluation_record(e, value=0.5, **changes):
    """The record of an evaluation that was not run: four test clips, half of them right."""
    before = e.pretraining
    right = [1, 1, 0, 0] if value == 0.5 else [int(value)] * 4
    return {
        "kind": "evaluation",
        "run": f"evaluate-{abs(hash(e))}",
        "profile": "smoke",
        "method": before.method if before else "spectrogram",
        "corpus": before.corpus if before else "",
        "encoder": before.encoder if before else "",
        "frontend": e.frontend.name,
        "data_set": e.data_set,
        "task": e.task,
        "setting": e.setting,
        "seed": e.seed,
        "metric": "accuracy",
        "value": value,
        "clips": ["a", "b", "c", "d"],
        "groups": ["a", "b", "c", "d"],
        "correct": right,
        "labels": [0, 1, 0, 1],
        "predictions": [label if ok else 1 - label for label, ok in zip([0, 1, 0, 1], right)],
        "classes": ["low", "high"],
        "counts": {"train": 4, "test": 4, "skipped": [], "missing": 0, "absent_from_test": []},
        "average_precision": [],
        "seconds": 1.0,
    } | changes
