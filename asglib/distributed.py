"""Several processes as one run, as torchrun starts them (paper section 3.2 needs more than one GPU for batch 512)."""

from __future__ import annotations

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def processes(device: str):
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
