"""Whether the GPUs of one run can share it: all of them recompute, or none."""

from __future__ import annotations

import torch
import torch.distributed as dist

from asglib import memory, processes
from asglib.config import Pretraining, need


def check_alike(config: Pretraining, device: torch.device) -> None:
    """ConfigError, in every process, where memory.fit would decide otherwise in some of them.

    Recomputing takes batch normalisation's sums over all processes once more: those that do not
    would answer with other numbers, or never.
    """
    world = processes.rank_and_world()[1]
    if world == 1 or device.type != "cuda":
        return
    free = [0] * world
    dist.all_gather_object(free, torch.cuda.mem_get_info(device)[0])
    amp = processes.precision(config.precision, device, config.frames) == "bf16"
    plain, recomputed = memory.forecast(config, amp)
    wanted = plain / world / memory.USED
    need(
        plain == recomputed or min(free) >= wanted or max(free) < wanted,
        f"{config.method} recomputes on GPUs with less than {wanted / 2**30:.1f} GiB free, and on "
        f"the {world} of this run {min(free) / 2**30:.1f} to {max(free) / 2**30:.1f} GiB are free: "
        "all must do the same. End what else runs on them, or choose others by "
        "CUDA_VISIBLE_DEVICES.",
    )
