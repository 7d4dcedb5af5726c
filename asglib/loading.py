"""A saved encoder for one's own work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asglib.encoder import Encoder


def load(path: Path | str) -> Encoder:
    """The encoder that a run saved: waves [B, N] -> [B, D], in evaluation mode."""
    from asglib import encoder  # takes seconds, which `import asglib` alone does not

    return encoder.load(path)
