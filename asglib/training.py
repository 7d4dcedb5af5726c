"""Pretraining (paper sections 2.3 and 3.2): schedule, LARS, the loop, checkpoint and exact resume.

All randomness comes from (seed, epoch, clip): neither the number of workers nor a restart changes it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from timm.optim import Lars
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from asglib.audio import AudioError, Clips
from asglib.batch import Batch
from asglib.config import ConfigError, Pretraining
from asglib.files import write_atomically
from asglib.frontend import LogSpectrogram

CHECKPOINT_SECONDS = 60.0
STATISTICS_CLIPS = 512


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and why."""


def learning_rate(step: int, total: int, warmup: int, peak: float) -> float:
    """Linear from peak / warmup at step 0 to peak at step warmup - 1, then half a cosine to 0 (3.2)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def optimizer(method: nn.Module, config: Pretraining) -> torch.optim.Optimizer:
    """LARS or AdamW; biases and batch normalisation (1-d) get neither weight decay nor LARS adaptation (D6)."""
    weights = [p for p in method.parameters() if p.ndim > 1]
    others = [p for p in method.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, fused=False, foreach=False)
    return Lars(
        groups, lr=config.lr, momentum=config.momentum
    )  # trust coefficient 0.001, PyTorch-form momentum


def seed_of(*parts: int) -> int:
    """63 bits that depend on every part: the seed of one generator."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def epoch_order(
    config: Pretraining, epoch: int, clips: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """The clips of one epoch in order: a permutation, or a class-balanced draw by `weights` (3.4)."""
    rng = np.random.default_rng([config.seed, epoch])
    count = config.clips_per_epoch or clips
    if weights is not None:
        return rng.choice(clips, count, p=weights / weights.sum())
    return np.concatenate([rng.permutation(clips) for _ in range(-(-count // clips))])[:count]


def balance(labels: Tensor) -> np.ndarray:
    """Per clip the mean inverse frequency of its classes: [B] or [B, C] -> [B]."""
    onehot = labels.double() if labels.ndim == 2 else nn.functional.one_hot(labels).double()
    weights = onehot / onehot.sum(0).clamp(min=1)
    return (weights.sum(1) / onehot.sum(1).clamp(min=1)).numpy()


class Batches(Dataset):
    """Step s of the run -> Batch of this process's share; a clip that cannot be decoded is left out and listed."""

    def __init__(
        self,
        config: Pretraining,
        clips: Clips,
        labels: Tensor | None,
        rank: int = 0,
        world: int = 1,
    ):
        if config.batch % world:
            raise ConfigError(
                f"batch {config.batch} cannot be shared by {world} processes; use a multiple."
            )
        self.config, self.clips, self.labels, self.rank, self.world = (
            config,
            clips,
            labels,
            rank,
            world,
        )
        self.weights = None if labels is None else balance(labels)
        self.steps_per_epoch = (config.clips_per_epoch or len(clips)) // config.batch
        if not self.steps_per_epoch and config.epochs:
            raise ConfigError(
                f"the corpus has {len(clips)} clips, fewer than one batch of {config.batch}; "
                "use a smaller batch or a larger corpus."
            )
        self.order = (-1, None)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def numbers(self, step: int) -> np.ndarray:
        """The clips of this process at `step`."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self.order[0] != epoch:
            self.order = epoch, epoch_order(self.config, epoch, len(self.clips), self.weights)
        batch = self.order[1][place * self.config.batch : (place + 1) * self.config.batch]
        return batch[self.rank :: self.world]

    def __getitem__(self, step: int) -> tuple[Batch, list[str]]:
        epoch, numbers, failed = step // self.steps_per_epoch, self.numbers(step), []
        crops, kept = [], []
        for number in numbers:
            rng = np.random.default_rng([self.config.seed, epoch, int(number), step])
            try:
                crops.append(
                    [self.clips.crop(int(number), self.config.samples, rng) for _ in range(2)]
                )
                kept.append(int(number))
            except AudioError as error:
                failed.append(str(error))
        if len(kept) < 2:
            raise TrainingError(
                f"step {step}: fewer than two clips of the batch can be decoded; first: {failed[0]}"
            )
        waves = torch.from_numpy(np.array(crops, dtype=np.float32))
        labels = None if self.labels is None else self.labels[kept]
        return Batch(waves[:, 0], waves[:, 1], torch.tensor(kept), labels), failed


def statistics(clips: Clips, config: Pretraining, frontend: LogSpectrogram) -> tuple[float, float]:
    """Mean and standard deviation of the log-spectrogram over at most STATISTICS_CLIPS clips of the corpus (D2)."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(clips))[:STATISTICS_CLIPS])
    waves = []
    for number in chosen:
        try:
            waves.append(clips.crop(int(number), config.samples, rng))
        except AudioError:
            continue  # the loader lists it
    if not waves:
        raise TrainingError(
            f"none of the {len(chosen)} clips drawn from {config.corpus} can be decoded; check the set."
        )
    values = frontend(torch.from_numpy(np.stack(waves).astype(np.float32))).double()
    return round(values.mean().item(), 4), round(values.std().item(), 4)


def settle(threads: int | None = None) -> None:
    """This process's arithmetic: a fixed number of threads, the same bits every time, no page fault a temporary."""
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    try:  # glibc gives large temporaries back after each call otherwise: measured 1.2 to 3 times slower
        ctypes.CDLL("libc.so.6").mallopt(-2, 1 << 30)
    except OSError:
        pass  # not glibc: nothing to settle


def precision(config: Pretraining, device: torch.device) -> str:
    """ "bf16" or "fp32": what `config.precision` means on `device` (D8)."""
    if config.precision != "auto":
        return config.precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return (
        "bf16"
        if torch.backends.cpu.get_cpu_capability() == "AVX512" and _cpu_has("avx512_bf16")
        else "fp32"
    )


def _cpu_has(flag: str) -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and flag in info.read_text()


def to(batch: Batch, device: torch.device) -> Batch:
    return Batch(*[None if part is None else part.to(device, non_blocking=True) for part in batch])


def pretrain(
    method: nn.Module,
    config: Pretraining,
    batches: Batches,
    folder: Path,
    device: torch.device,
    at_epoch: Callable[[nn.Module], dict] = lambda method: {},
    progress: Callable[[dict], None] = lambda row: None,
    workers: int = 0,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> tuple[pd.DataFrame, list[str]]:
    """Trains `method` in place from the last checkpoint in `folder`, or from the start; returns the log and the
    clips that could not be decoded.

    Resuming gives the same bits as never having stopped. TrainingError when the loss is not finite.
    """
    method.to(device)
    optim = optimizer(method, config)
    state = folder / "checkpoint.pt"
    step, log, failed = _resume(state, method, optim, config)
    model = _distributed(method, device)
    total, warmup = len(batches), round(config.warmup_epochs * batches.steps_per_epoch)
    amp = precision(config, device) == "bf16"
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(step, total),
        num_workers=workers,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),
    )  # else the global stream is drawn from
    saved = time.monotonic()
    for batch, bad in loader:
        lr = learning_rate(step, total, warmup, config.lr)
        for group in optim.param_groups:
            group["lr"] = lr
        epoch = step // batches.steps_per_epoch
        generator = torch.Generator(device).manual_seed(
            seed_of(config.seed, epoch, *batch.clips.tolist())
        )
        method.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=amp):
            loss = model(to(batch, device), generator)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {step} (epoch {epoch}), clips {batch.clips.tolist()}; "
                "lower the learning rate or look at these clips."
            )
        optim.zero_grad(set_to_none=True)
        loss.backward()
        optim.step()
        failed = list(dict.fromkeys(failed + bad))
        step += 1
        row = {"step": step, "epoch": step / batches.steps_per_epoch, "loss": value, "lr": lr}
        if step % batches.steps_per_epoch == 0:
            row |= at_epoch(method)
        log.append(row)
        progress(row | {"steps": total})
        if time.monotonic() - saved > checkpoint_seconds and step < total and _first():
            _save(state, method, optim, config, step, log, failed)
            saved = time.monotonic()
    return pd.DataFrame(log), failed


def _first() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


def _distributed(method: nn.Module, device: torch.device) -> nn.Module:
    """Wrapped for several processes: gradients averaged, batch statistics global, as in SimCLR (D16)."""
    if not dist.is_initialized():
        return method
    if device.type == "cuda":
        method = nn.SyncBatchNorm.convert_sync_batchnorm(method)
    return nn.parallel.DistributedDataParallel(method)


def _save(
    path: Path,
    method: nn.Module,
    optim,
    config: Pretraining,
    step: int,
    log: list[dict],
    failed: list[str],
) -> None:
    content = {
        "method": method.state_dict(),
        "optimizer": optim.state_dict(),
        "step": step,
        "config": repr(config),
        "log": json.dumps(log),
        "failed": failed,
    }
    write_atomically(path, lambda out: torch.save(content, out))


def _resume(
    path: Path, method: nn.Module, optim, config: Pretraining
) -> tuple[int, list[dict], list[str]]:
    if not path.exists():
        return 0, [], []
    content = torch.load(path, weights_only=True, map_location="cpu")
    if content["config"] != repr(config):
        raise ConfigError(
            f"{path} is a checkpoint of another configuration; remove it or ask for that configuration."
        )
    method.load_state_dict(content["method"])
    optim.load_state_dict(content["optimizer"])
    return content["step"], json.loads(content["log"]), content["failed"]
