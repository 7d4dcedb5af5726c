"""Views a second of one pretraining on the GPUs (or cores) that are there, alone and together.

    .venv/bin/python benchmarks/throughput.py --batch 128 --processes 1 2 4 8 [--compile]

For each number of processes: views a second of ASG at the paper's 257 x 300, the share of a step
that waits for data (against a batch that is already there), the peak of memory, and how much of
the speed of so many single processes is left. `--dry-run --views-per-second` takes the first,
rounded.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import noise
import pandas as pd
import torch
from torch.utils.data import Dataset

from asglib import memory, processes, training
from asglib.batches import Batches
from asglib.config import Pretraining
from asglib.data.clips import Clips
from asglib.methods import METHODS
from asglib.processes import Machine
from asglib.study import elastic, provenance
from asglib.study.compiled import compiled

CLIPS = 256
WARM_UP = 1 / 4  # of the steps, which are not counted
FEWEST = 128  # steps: a GPU's losses are read, and its steps told, 32 at a time


class Resident(Dataset):
    """Every step has the same batch, which is there."""

    def __init__(self, steps: Batches):
        self.batch, self.count = steps[0], len(steps)
        self.steps_per_epoch = steps.steps_per_epoch

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, step: int):
        return self.batch


def seconds_a_step(config: Pretraining, steps: Dataset, clips: Clips, machine: Machine) -> float:
    """Of the training loop itself; the first steps warm up."""
    told: list[tuple[int, float]] = []
    rirs = torch.randn(8, 8_000).to(machine.device)
    method = training.started(config, clips, rirs=rirs).to(machine.device)
    amp = processes.precision(config.precision, machine.device, config.frames) == "bf16"
    world = processes.rank_and_world()[1]
    memory.fit(config, method.encoder.network, machine.device, world, amp)
    optim = training.optimizer(method, config)
    loop = training.Training(method, optim, steps, lambda step: 0.1, 0, "", amp)
    watched = Machine(
        machine.device,
        machine.loaders,
        lambda row: told.append((row["step"], time.perf_counter())),
    )
    with tempfile.TemporaryDirectory() as folder:
        training.optimise(loop, Path(folder) / "checkpoint.pt", watched)
    counted = [one for one in told if one[0] >= WARM_UP * len(steps)]
    (first, began), (last, ended) = counted[0], counted[-1]
    return (ended - began) / (last - first)


def measure(
    config: Pretraining, folder: Path, device: str, loaders: int, by_compiler: bool = False
) -> dict[str, float]:
    """Of one process, or of one of several that share the batch."""
    if by_compiler:
        config = replace(config, settings=compiled(config.settings))
    clips = noise.clips(noise.files(folder, CLIPS, ".flac"), decoded=False)
    on_gpu = device.startswith("cuda")
    machine = Machine(torch.device(device), loaders)
    steps = Batches(config, clips, None, *processes.rank_and_world())
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    real = seconds_a_step(config, steps, clips, machine)
    there = seconds_a_step(config, Resident(steps), clips, machine)
    return {
        "views a second": config.batch * config.settings.views / real,
        "waits for data": max(1 - there / real, 0.0),
        "GiB at most": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else float("nan"),
    }


def share(
    config: Pretraining,
    folder: Path,
    device: str,
    loaders: int,
    by_compiler: bool,
    progress: Path,
) -> None:
    """In each process of several; the first one keeps what it measured."""
    processes.settle(None if device.startswith("cuda") else 1)
    with processes.joined(device) as own:
        found = measure(config, folder, own, loaders, by_compiler)
        if processes.rank_and_world()[0] == 0:
            (folder / "measured.json").write_text(json.dumps(found))


def main() -> None:
    here = "cuda" if torch.cuda.is_available() else "cpu"
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--encoder", default="resnet50")
    arguments.add_argument("--frames", type=int, default=300)
    arguments.add_argument("--batch", type=int, default=64, help="clips of a step and process")
    arguments.add_argument("--steps", type=int, default=256)
    arguments.add_argument("--device", default=here)
    arguments.add_argument("--loaders", type=int, default=0, help="processes that read audio")
    arguments.add_argument("--compile", action="store_true", help="by torch.compile")
    arguments.add_argument("--processes", type=int, nargs="+", default=[1])
    chosen, lines = arguments.parse_args(), {}
    if chosen.steps < FEWEST and chosen.device != "cpu":
        arguments.error(f"--steps {chosen.steps} are too few to tell anything; give {FEWEST}.")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        noise.files(folder, CLIPS, ".flac")  # before several processes look for them
        for count in chosen.processes:
            batch = chosen.batch * count
            size = {"clips_per_epoch": batch * chosen.steps, "epochs": 1, "warmup_epochs": 0}
            shape = {"encoder": chosen.encoder, "frames": chosen.frames, "batch": batch}
            config = Pretraining("ASG", METHODS["ASG"], **size, **shape)
            words = config, folder, chosen.device, chosen.loaders, chosen.compile
            elastic.together(count, share, words, folder / "progress.json", lambda row: None)
            lines[count] = json.loads((folder / "measured.json").read_text())
    table = pd.DataFrame(lines).T.rename_axis("processes")
    alone = table["views a second"].iloc[0] / table.index[0]
    table["of so many alone"] = table["views a second"] / (alone * table.index)
    device = provenance.device_name(torch.device(chosen.device))
    print(f"{device}; {chosen.encoder}, 257 x {chosen.frames}, {chosen.batch} clips a process")
    print(table.to_string(float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
