"""What an encoder notices of a move (section 1, figures 1 and 2), and how its embeddings lie."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asglib import audio
from asglib.adversaries import move
from asglib.audio import AudioError, Clips
from asglib.encoder import Encoder

SHIFTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # of the axis
MEASURED_CLIPS = 64
COLLAPSED = 0.02  # spread of embeddings below which an encoder tells nothing apart


def centres(clips: Clips, samples: int, failed: list[dict] | None = None) -> Tensor:
    """The first segment of MEASURED_CLIPS clips spread over the rows: [MEASURED_CLIPS, N].

    Clips that cannot be decoded are left out; `failed` takes their paths and the reasons.
    """
    failed = [] if failed is None else failed
    chosen = np.linspace(0, len(clips) - 1, min(MEASURED_CLIPS, len(clips))).astype(int)
    waves = []
    for number in chosen.tolist():
        try:
            waves.append(audio.segments(clips.whole(number), samples)[0])
        except AudioError as error:
            failed.append({"path": clips.path(number), "reason": str(error)})
    return torch.from_numpy(np.stack(waves))


@torch.no_grad()
def similarity_to_moved(
    encoder: Encoder, spectrograms: Tensor, kind: str, length: int = 0
) -> Tensor:
    """Cosine of a clip's embedding with that of the moved clip: [B, F, T] -> [B].

    Relative to other clips: 0 is the mean cosine between different clips and 1 a clip with itself.
    Else an encoder whose embeddings all lie in one narrow cone would seem blind to everything.
    """
    plain = F.normalize(encoder.embed(spectrograms).float(), dim=1)
    moved = F.normalize(encoder.embed(move(spectrograms, kind, length)).float(), dim=1)
    count = len(plain)
    between = (plain.sum(0).square().sum() - count) / (count * (count - 1))
    return ((plain * moved).sum(1) - between) / (1 - between)


def curves(encoder: Encoder, spectrograms: Tensor) -> dict[str, list[float]]:
    """Mean similarity for SF and ST over SHIFTS (shares of the axis), one value for FT and FF."""

    def mean(kind: str, length: int = 0) -> float:
        return similarity_to_moved(encoder, spectrograms, kind, length).mean().item()

    found = {kind: [mean(kind)] for kind in ("FT", "FF")}
    for kind, axis in (("SF", 1), ("ST", 2)):
        size = spectrograms.shape[axis]
        found[kind] = [mean(kind, round(share * size)) for share in SHIFTS]
    return found


def alignment(h: Tensor, h_p: Tensor) -> float:
    """Mean squared distance of positive pairs on the sphere, smaller is nearer: [B, D], [B, D].

    Wang and Isola 2020, as uniformity.
    """
    distance = F.normalize(h.float(), dim=1) - F.normalize(h_p.float(), dim=1)
    return distance.square().sum(1).mean().item()


def uniformity(h: Tensor) -> float:
    """log of the mean Gaussian potential of all pairs, smaller is more spread: [B, D]."""
    distance = torch.pdist(F.normalize(h.float(), dim=1))
    return distance.square().mul(-2).exp().mean().log().item()


def spread(h: Tensor) -> float:
    """1 - mean cosine between different clips: 0 when all embeddings point one way; [B, D]."""
    h = F.normalize(h.float(), dim=1)
    count = len(h)
    return 1 - ((h.sum(0).square().sum() - count) / (count * (count - 1))).item()


@torch.no_grad()
def geometry(method: nn.Module, waves: Tensor) -> dict[str, float]:
    """How the embeddings of `waves` [B, N] lie; alignment where the method has positives."""
    method.eval()
    h = method.encoder(waves)
    found = {"uniformity": uniformity(h), "spread": spread(h)}
    positives = getattr(method, "positives", None)
    if positives is not None:  # the same ones at every call
        generator = torch.Generator(waves.device).manual_seed(0)
        found["alignment"] = alignment(h, method.encoder(positives(waves, generator)))
    return found
