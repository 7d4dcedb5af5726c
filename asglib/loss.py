"""NT-Xent (paper section 2.3, equations 1 and 2), and cross-entropy where there are labels."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as collective
import torch.nn.functional as F
from torch import Tensor


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The mean of equation 2 over all 2M anchors of this process: [M, D], [M, D] -> scalar float32.

    Row i of `first` and row i of `second` are a positive pair; every other row, of every process,
    is a negative. For ASG first = [x; x_n] and second = [x_p; x_pn]: then 2M = 4N, and the sum runs
    over 4N - 1 embeddings.

    >>> z = torch.ones(3, 4)
    >>> round(nt_xent(z, z, 0.1).exp().item())  # all alike: five are as near
    5
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(
            f"nt_xent needs two [M, D] tensors of one shape, got {list(first.shape)} and "
            f"{list(second.shape)}."
        )
    with torch.autocast(first.device.type, enabled=False):
        # of unit vectors equation 1 is a dot product
        z = F.normalize(torch.cat([first, second]).float(), dim=1)
        everyone, offset = gather(z)
        logits = z @ everyone.T / temperature
        anchor = torch.arange(len(z), device=z.device)
        itself = F.one_hot(anchor + offset, len(everyone)).bool()
        partner = (anchor + len(first)) % len(z) + offset
        return F.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)


def gather(z: Tensor) -> tuple[Tensor, int]:
    """All processes' rows, with gradients to all of them, and where this process's own rows begin.

    A process may hold fewer rows, when a clip of its share could not be decoded.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return z, 0
    rows = [torch.zeros(1, dtype=torch.long, device=z.device) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, torch.tensor([len(z)], device=z.device))
    rows = [int(count) for count in rows]
    padded = F.pad(z, (0, 0, 0, max(rows) - len(z)))
    everyone = [part[:count] for part, count in zip(collective.all_gather(padded), rows)]
    return torch.cat(everyone), sum(rows[: dist.get_rank()])


def objective(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy for class ids [B], binary cross-entropy for several labels [B, C]."""
    if target.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, target.float())
    return F.cross_entropy(logits, target)
