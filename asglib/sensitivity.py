"""What an encoder notices of a move (paper section 1, figures 1 and 2), and how its embeddings lie."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asglib.adversaries import move

SHIFTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # of the axis


@torch.no_grad()
def similarity_to_moved(
    encoder: nn.Module, spectrograms: Tensor, kind: str, length: int = 0
) -> Tensor:
    """Cosine of a clip's embedding with that of the moved clip, relative to other clips: [B, F, T] -> [B].

    0 is the mean cosine between different clips and 1 a clip with itself: else an encoder whose embeddings all lie
    in one narrow cone would seem blind to everything.
    """
    plain, moved = (
        F.normalize(encoder(s).float(), dim=1)
        for s in (spectrograms, move(spectrograms, kind, length))
    )
    between = (plain.sum(0).square().sum() - len(plain)) / (len(plain) * (len(plain) - 1))
    return ((plain * moved).sum(1) - between) / (1 - between)


def curves(encoder: nn.Module, spectrograms: Tensor) -> dict[str, list[float]]:
    """Mean similarity for SF and ST over SHIFTS (shares of the axis), and for FT and FF (one value each)."""
    encoder.eval()
    found = {
        kind: [similarity_to_moved(encoder, spectrograms, kind).mean().item()]
        for kind in ("FT", "FF")
    }
    for kind, axis in (("SF", 1), ("ST", 2)):
        size = spectrograms.shape[axis]
        found[kind] = [
            similarity_to_moved(encoder, spectrograms, kind, round(s * size)).mean().item()
            for s in SHIFTS
        ]
    return found


def alignment(h: Tensor, h_p: Tensor) -> float:
    """Mean squared distance of positive pairs on the sphere, smaller is nearer: [B, D], [B, D] (Wang and Isola 2020)."""
    return (
        (F.normalize(h.float(), dim=1) - F.normalize(h_p.float(), dim=1))
        .square()
        .sum(1)
        .mean()
        .item()
    )


def uniformity(h: Tensor) -> float:
    """log of the mean Gaussian potential of all pairs, smaller is more spread: [B, D] (Wang and Isola 2020)."""
    return torch.pdist(F.normalize(h.float(), dim=1)).square().mul(-2).exp().mean().log().item()
