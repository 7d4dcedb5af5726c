"""One process's arithmetic, and several processes as one run, as torchrun starts them (3.2)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from asglib.config import need

BF16_FRAMES = 33  # the shortest input that strides of 32 leave two columns of


@dataclass(frozen=True)
class Machine:
    """On what a run is computed, and who is told of its steps; none of it changes a bit."""

    device: torch.device
    loaders: int = 0  # processes that read audio
    tell: Callable[[dict], None] = lambda row: None
    keep: Callable[[int, nn.Module], None] = lambda epoch, model: None  # after each epoch


def settle(threads: int | None = None) -> None:
    """A fixed number of threads, the same bits every time, and freed memory kept for reuse."""
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    with suppress(OSError):  # not glibc: nothing to settle
        # it gives large temporaries back after each call: measured 1.2 to 3 times slower
        ctypes.CDLL("libc.so.6").mallopt(-2, 1 << 30)


def precision(wanted: str, device: torch.device, frames: int) -> str:
    """ "bf16" or "fp32": what "auto" means on `device` for inputs of `frames` (D8).

    Never bf16 for short ones on a CPU: behind the encoder's strides they are one column wide, where
    oneDNN's AMX convolution (torch 2.11) reads memory that nobody wrote: noise, or nan.
    """
    wide = device.type == "cuda" or frames >= BF16_FRAMES
    if wanted == "bf16":
        need(wide, f"bf16 on a CPU needs {BF16_FRAMES} frames or more, not {frames}; use 'fp32'.")
    if wanted != "auto":
        return wanted
    return "bf16" if wide and _computes_in_bf16(device) else "fp32"


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512_bf16" in info.read_text()


@contextmanager
def joined(device: str):
    """Joins torchrun's processes, if it started this one; yields this process's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are; (0, 1) outside torchrun."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def meet() -> None:
    """Waits until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def wrapped(model: nn.Module, device: torch.device) -> nn.Module:
    """For several processes: gradients averaged; batch statistics global on GPUs (D16)."""
    if not dist.is_initialized():
        return model
    if device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return nn.parallel.DistributedDataParallel(model)


def share_of(count: int, device: torch.device) -> float:
    """The weight of this process's mean in the mean over all clips, times the processes.

    Gradients are averaged over processes; a process may hold fewer clips than another.
    """
    if not dist.is_initialized():
        return 1.0
    total = torch.tensor(count, device=device)
    dist.all_reduce(total)
    return count * dist.get_world_size() / total.item()
