"""The HEAR API (hearbenchmark.com): a saved encoder for any evaluation suite that speaks it.

python -m hearvalidator asglib.hear --model encoder.safetensors
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asglib import audio
from asglib.audio import RATE
from asglib.embedding import SECONDS, encoder_file, saved
from asglib.encoder import Encoder
from asglib.recordings import BATCH

WINDOW = RATE  # samples around each timestamp: 1 s
HOP = RATE // 20  # 50 ms, HEAR's advice


class Model(nn.Module):
    """An encoder with the attributes that HEAR asks for: waves [B, N] -> [B, D]."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.sample_rate = RATE  # Hz
        self.scene_embedding_size = self.timestamp_embedding_size = encoder.dim

    def forward(self, waves: Tensor) -> Tensor:
        return torch.cat([self.encoder(part) for part in waves.split(BATCH)])


def load_model(model_file_path: str = "") -> Model:
    """The model of an encoder's file or its run's folder, on the CPU; ConfigError: it is none."""
    return Model(saved(encoder_file(model_file_path)))


@torch.no_grad()
def get_scene_embeddings(audio_waves: Tensor, model: Model) -> Tensor:
    """The mean over segments of 3 s, cut as evaluation cuts (D13): [B, N] at 16 kHz -> [B, D]."""
    samples = round(SECONDS * RATE)
    found = []
    for wave in audio_waves.cpu().numpy():
        segments = torch.from_numpy(audio.segments(wave, samples).copy())
        found.append(model(segments.to(audio_waves.device)).mean(0))
    return torch.stack(found)


@torch.no_grad()
def get_timestamp_embeddings(audio_waves: Tensor, model: Model) -> tuple[Tensor, Tensor]:
    """Every 50 ms the second around it, with zeros beyond the ends.

    [B, N] at 16 kHz -> embeddings [B, t, D], their centres [B, t] in ms.
    """
    found = []
    for wave in audio_waves:
        padded = nn.functional.pad(wave, (WINDOW // 2, WINDOW // 2))
        found.append(model(padded.unfold(0, WINDOW, HOP)))
    embeddings = torch.stack(found)
    centres = torch.arange(embeddings.shape[1], device=embeddings.device) * (1000.0 * HOP / RATE)
    return embeddings, centres.expand(len(embeddings), -1)
