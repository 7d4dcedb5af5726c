"""The shortest wave that an encoder can embed."""

from __future__ import annotations

import torch

from asglib.audio import RATE
from asglib.encoder import Encoder, build


@torch.no_grad()
def shortest(encoder: Encoder) -> int:
    """Samples of the shortest wave that front end and network take, of a second at most."""
    tried = build(encoder.name, encoder.frontend.config).eval()  # the caller's stays as it is
    refused, taken = 0, RATE
    while taken - refused > 1:
        samples = (refused + taken) // 2
        try:
            tried(torch.zeros(1, samples))
            taken = samples
        except (ValueError, RuntimeError, IndexError):  # each network says so in its own way
            refused = samples
    return taken
