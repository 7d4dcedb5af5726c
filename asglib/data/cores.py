"""How many cores there are for this process, which may be fewer than the machine has."""

import os


def cores() -> int:
    """Those that it may run on: Slurm, taskset and containers give a part of them."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
