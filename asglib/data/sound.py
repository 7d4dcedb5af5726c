"""Sound files that are written whole or not at all (the embedded corpus, sets that are cut)."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from asglib.audio import RATE
from asglib.files import write_atomically


def write_sound(path: Path, wave: np.ndarray, **how) -> None:
    """Writes a wave [N] at 16 kHz, encoded as soundfile.write is told; OSError: it finds no room.

    Encoded in memory, as libsndfile says of a full disk neither that it is full nor where.
    """
    content = io.BytesIO()
    soundfile.write(content, wave, RATE, **how)
    write_atomically(path, lambda out: out.write_bytes(content.getbuffer()))
