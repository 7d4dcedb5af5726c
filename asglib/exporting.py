"""A saved encoder as ONNX: waves in, embeddings out, any batch and any length."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from asglib.encoder import Encoder
from asglib.files import write_atomically
from asglib.shortest import shortest

NEEDED = ("onnx", "onnxscript")


class ExportError(ValueError):
    """An export that cannot be made, in one sentence."""


class Whole(torch.nn.Module):
    """An encoder without its case of a batch of one, which a graph of any batch cannot have."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        return self.encoder.embed(self.encoder.spectrogram(waves))


def export(encoder: Encoder, path: Path | str) -> None:
    """Writes one ONNX file, waves [batch, samples] at 16 kHz -> embeddings [batch, D].

    samples: 1,024 or more, 5,120 for Audio2Vec's networks. ExportError: the optional extra is not
    installed, or it cannot write this network.
    """
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        raise ExportError(
            f"ONNX export needs {' and '.join(lacking)}: pip install -e '.[onnx]' installs them."
        )
    least = max(1_024, shortest(encoder))
    free = torch.export.Dim("batch", min=1), torch.export.Dim("samples", min=least)
    waves = torch.randn(2, 48_000, generator=torch.Generator().manual_seed(0))
    try:
        program = torch.onnx.export(
            Whole(encoder).cpu().eval(),
            (waves,),
            input_names=["waves"],
            output_names=["embeddings"],
            dynamic_shapes=(dict(enumerate(free)),),
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError:
        told = f"torch {torch.__version__} cannot write {encoder.name!r} as ONNX"
        raise ExportError(f"{told}: use the encoder itself, by asglib.load.") from None
    write_atomically(Path(path), lambda out: program.save(out))
