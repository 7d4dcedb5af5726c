"""torch.hub: encoder = torch.hub.load(CLONE, "asg", source="local", path="encoder.safetensors")."""

dependencies = [
    "torch",
    "torchaudio",
    "timm",
    "safetensors",
    "pandas",
    "pyarrow",
    "soundfile",
    "soxr",
]


def asg(path: str):
    """A saved encoder, from its file or its run's folder: waves [B, N] at 16 kHz -> [B, D]."""
    from asglib import load

    return load(path)
