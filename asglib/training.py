"""Training (paper sections 2.3 and 3.2): schedule, LARS, the loop, checkpoint and exact resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from timm.optim import Lars
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from asglib import encoder, memory, processes, sensitivity
from asglib.audio import AudioError, Clips
from asglib.batches import Batch, Batches, Chosen
from asglib.config import ConfigError, Pretraining, seed_of
from asglib.files import load_checked, save_checked
from asglib.methods.contract import Material
from asglib.processes import Machine

CHECKPOINT_SECONDS = 60.0
STATISTICS_CLIPS = 512


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and why."""


@dataclass
class Log:
    """What a training leaves: the loss and rate of every step, measurements, bad clips."""

    loss: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    measured: list[dict] = field(default_factory=list)  # before the first step, after each epoch
    failed: list[dict] = field(default_factory=list)  # path and reason
    too_short: int = 0  # clips that a method which pads none leaves out


@dataclass
class Training:
    """One training: everything that the loop needs to know."""

    model: nn.Module  # loss = model(batch, generator)
    optim: Optimizer
    steps: Dataset  # step -> (Batch, why clips of it could not be decoded); steps_per_epoch
    rate: Callable[[int], float]  # the learning rate at a step
    seed: int
    identity: str  # of the checkpoint
    amp: bool = False  # bf16
    measure: Callable[[], dict] | None = None


def learning_rate(step: int, total: int, warmup: int, peak: float) -> float:
    """Linear to `peak` at step warmup - 1, then half a cosine to 0 (3.2)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def optimizer(method: nn.Module, config: Pretraining) -> Optimizer:
    """LARS, AdamW or Adam; biases and batch normalisation get neither decay nor adaptation (D6)."""
    weights = [p for p in method.parameters() if p.ndim > 1]
    others = [p for p in method.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, fused=False, foreach=False)
    if config.optimizer == "adam":
        return torch.optim.Adam(method.parameters(), lr=config.lr, foreach=False)
    # timm's: trust coefficient 0.001, momentum in PyTorch's form
    return Lars(groups, lr=config.lr, momentum=config.momentum)


def pretrain(
    config: Pretraining,
    clips: Clips,
    checkpoint: Path,
    machine: Machine,
    labels: Tensor | None = None,
    classes: int = 0,
    rirs: Tensor | None = None,
) -> tuple[nn.Module, Log]:
    """One whole run on training clips -> the method, its encoder trained, and the log.

    `labels` [n] or [n, C] for a method that needs them. Goes on from `checkpoint` to the same bits
    as never having stopped. TrainingError: the loss is not finite.
    """
    every = len(clips)
    if not config.settings.pads:
        length = config.settings.samples(config)
        chosen = [i for i in range(every) if clips.samples(i) >= length]
        if not chosen:
            raise TrainingError(
                f"{config.method} needs clips of {length / 16_000:.2f} s, and none of the {every} "
                f"of {config.corpus} is as long; pretrain it on another corpus."
            )
        clips, labels = Chosen(clips, chosen), None if labels is None else labels[chosen]
    rirs = None if rirs is None else rirs.to(machine.device)
    method = started(config, clips, labels, classes, rirs).to(machine.device)
    waves = sensitivity.centres(clips, config.samples).to(machine.device)
    batches = Batches(config, clips, labels, *processes.rank_and_world())
    warmup = round(config.warmup_epochs * batches.steps_per_epoch)
    amp = processes.precision(config.precision, machine.device, config.frames) == "bf16"
    memory.fit(config, method.encoder.network, machine.device, batches.world, amp)
    training = Training(
        method,
        optimizer(method, config),
        batches,
        lambda step: learning_rate(step, len(batches), warmup, config.lr),
        config.seed,
        repr(config),
        amp,
        lambda: sensitivity.geometry(method, waves),
    )
    log = optimise(training, checkpoint, machine)
    log.too_short = every - len(clips)
    return method, log


def started(
    config: Pretraining,
    clips: Clips,
    labels: Tensor | None = None,
    classes: int = 0,
    rirs: Tensor | None = None,
) -> nn.Module:
    """The method before its first step, its encoder standardised on these clips."""
    network = encoder.build(config.encoder, config.frontend, config.seed)
    network.standardise(statistics_waves(clips, config))
    multi_label = labels is not None and labels.ndim == 2
    return config.settings.build(config, Material(network, rirs, classes, multi_label))


def statistics_waves(clips: Clips, config: Pretraining) -> Tensor:
    """A crop of each of at most STATISTICS_CLIPS clips, for the input's mean and deviation (D2)."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(clips))[:STATISTICS_CLIPS]).tolist()
    waves = []
    for number in chosen:
        try:
            waves.append(clips.crop(number, config.samples, rng))
        except AudioError:
            continue  # the loader lists it
    if not waves:
        drawn = f"{len(chosen)} clips drawn from {config.corpus}"
        raise TrainingError(f"none of the {drawn} can be decoded; check the set.")
    return torch.from_numpy(np.stack(waves).astype(np.float32))


def optimise(t: Training, checkpoint: Path, machine: Machine) -> Log:
    """Trains t.model in place over the steps that `checkpoint` does not hold yet."""
    log = _resume(checkpoint, t)
    if t.measure and not log.measured:
        log.measured.append({"epoch": 0.0} | t.measure())
    model = processes.wrapped(t.model, machine.device)
    on_gpu, first = machine.device.type == "cuda", processes.rank_and_world()[0] == 0
    every = 32 if on_gpu else 1  # reading a loss waits for the GPU
    loader = DataLoader(
        t.steps,
        batch_size=None,
        sampler=range(len(log.loss), len(t.steps)),
        num_workers=machine.loaders,
        pin_memory=on_gpu,
        generator=torch.Generator(),  # else the global stream is drawn from
    )
    saved, unread = time.monotonic(), []
    for step, (batch, failed) in enumerate(loader, len(log.loss)):
        epoch, ended = step // t.steps.steps_per_epoch, (step + 1) % t.steps.steps_per_epoch == 0
        loss = _loss(t, model, batch.to(machine.device), step)
        unread.append(loss.detach())
        log.rate.append(t.rate(step))
        log.failed += [clip for clip in failed if clip not in log.failed]
        due = time.monotonic() - saved > CHECKPOINT_SECONDS
        if ended or due or len(unread) == every:
            _read(unread, log, epoch, batch)
            unread = []
        t.optim.zero_grad(set_to_none=True)
        (loss * processes.share_of(len(batch.clips), machine.device)).backward()
        t.optim.step()
        if ended and t.measure:
            log.measured.append({"epoch": epoch + 1.0} | t.measure())
        if ended and first:
            machine.keep(epoch + 1, t.model)
        if not unread:
            done = {"step": step + 1, "steps": len(t.steps), "loss": log.loss[-1]}
            machine.tell(done | {"epoch": (step + 1) / t.steps.steps_per_epoch})
        if due and step + 1 < len(t.steps) and first:
            _save(checkpoint, t, log)
            saved = time.monotonic()
    return log


def _loss(t: Training, model: nn.Module, batch: Batch, step: int) -> Tensor:
    """The loss of one step, with that step's learning rate and generator."""
    for group in t.optim.param_groups:
        group["lr"] = t.rate(step)
    device, epoch = batch.crops.device, step // t.steps.steps_per_epoch
    seed = seed_of(t.seed, epoch, *batch.clips.tolist())
    generator = torch.Generator(device).manual_seed(seed)
    t.model.train()
    with torch.autocast(device.type, torch.bfloat16, enabled=t.amp):
        return model(batch, generator)


def _read(unread: list[Tensor], log: Log, epoch: int, batch: Batch) -> None:
    """Losses from the device into the log; TrainingError when one is not finite."""
    values = torch.stack(unread).tolist()
    for value in values:
        if not math.isfinite(value):
            where = f"step {len(log.loss)} (epoch {epoch}), clips {batch.clips.tolist()}"
            raise TrainingError(
                f"the loss is {value} at {where}; lower the learning rate or look at these clips."
            )
        log.loss.append(value)


def _save(path: Path, t: Training, log: Log) -> None:
    content = {
        "model": t.model.state_dict(),
        "optimizer": t.optim.state_dict(),
        "identity": t.identity,
        "loss": torch.tensor(log.loss, dtype=torch.float64),
        "rate": torch.tensor(log.rate, dtype=torch.float64),
        "measured": json.dumps(log.measured),
        "failed": log.failed,
    }
    save_checked(path, lambda out: torch.save(content, out))


def _resume(path: Path, t: Training) -> Log:
    """The log so far; model and optimizer as they were. A damaged checkpoint is set aside."""
    content = load_checked(path, lambda file: torch.load(file, "cpu", weights_only=True))
    if content is None:
        return Log()
    if content["identity"] != t.identity:
        told = f"{path} is a checkpoint of another configuration"
        raise ConfigError(f"{told}; remove it or ask for that one.")
    t.model.load_state_dict(content["model"])
    t.optim.load_state_dict(content["optimizer"])
    measured = json.loads(content["measured"])
    return Log(content["loss"].tolist(), content["rate"].tolist(), measured, content["failed"])
