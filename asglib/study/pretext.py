"""What a method sees of its own task on held-out clips: CPC's accuracy there (D58)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch
from torch import nn

from asglib.batches import BatchError, Batches
from asglib.config import Pretraining, seed_of
from asglib.data.corpus import Corpus

CLIPS = 2_048  # at most


@torch.no_grad()
def held_out(
    method: nn.Module, config: Pretraining, corpus: Corpus, device: torch.device
) -> dict[str, float]:
    """The mean over batches of what the method sees, in evaluation mode: without noise, adversary
    or dropout.

    {} for a method that sees nothing, or a corpus without a batch of held-out clips.
    """
    clips = corpus.clips(corpus.rows[corpus.rows.split != "train"])
    if not getattr(method, "seen", {}) or len(clips) < config.batch:
        return {}
    count = min(len(clips), max(CLIPS, config.batch))
    batches = Batches(replace(config, epochs=1, clips_per_epoch=count), clips)
    generator = torch.Generator(device).manual_seed(seed_of(config.seed))
    method.eval()
    found = []
    for step in range(len(batches)):
        with suppress(BatchError):  # hardly a clip of it can be decoded: no reason to lose the run
            batch, _ = batches[step]
            method(batch.to(device), generator)
            found.append(method.seen)
    names = found[0] if found else ()
    return {name: sum(one[name] for one in found) / len(found) for name in names}
