"""A saved encoder for one's own work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from asglib.encoder import Encoder


def load(path: Path | str) -> Encoder:
    """The encoder of a file or of its run's folder: waves [B, N] -> [B, D], in evaluation mode.

    ConfigError: it is none, or not what the run has written.
    """
    from asglib import embedding  # takes seconds, which `import asglib` alone does not

    return embedding.saved(embedding.encoder_file(path))


def embed(files: Iterable[Path | str], encoder: Encoder | Path | str, **how: Any) -> pd.DataFrame:
    """A row a clip of `files` and folders of them: path, start, stop in s, h0 ... of D numbers.

    `how` (out, seconds, segments, device) and the errors are embedding.embed's.
    """
    from asglib import embedding

    return embedding.embed(files, encoder, **how)
