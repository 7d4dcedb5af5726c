"""One's own recording in notebook 01: opened, and the study's clips that are most alike."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from asglib import audio
from asglib.data.workspace import Workspace
from asglib.encoder import Encoder
from asglib.study import questions

SECONDS = 3.0  # at most: what a page shows and plays


def clip(path: Path | str) -> Tensor:
    """The middle of a sound file, at most 3 s, [N] at 16 kHz; AudioError: it is none."""

    def middle(seconds: float) -> tuple[float, float]:
        start = max(seconds - SECONDS, 0) / 2
        return start, start + SECONDS

    wave = audio.read_part(Path(path), middle)
    return torch.from_numpy(audio.pad(wave, audio.RATE // 10))  # as much as a front end needs


@torch.no_grad()
def nearest(wave: Tensor, encoder: Encoder, workspace: Workspace, count: int = 5) -> pd.DataFrame:
    """The embedded corpus' test clips nearest to [N] by cosine: their factors, best first."""
    waves, rows = questions.toy_clips(workspace, "test")
    mine, theirs = (encoder(x.to(workspace.device)).cpu() for x in (wave[None], waves))
    cosine = F.cosine_similarity(mine, theirs)
    best = cosine.topk(count)
    found = rows.iloc[best.indices.numpy()][["pattern", "register", "direction", "order"]]
    return found.assign(cosine=best.values.numpy()).reset_index(names="clip")
