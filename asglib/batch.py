"""What a method sees of the data."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Two random crops of each of B clips, the clips' numbers and, for supervised training only, their labels."""

    first: Tensor  # [B, N], becomes x
    second: Tensor  # [B, N], becomes x_p
    clips: Tensor  # [B]
    labels: Tensor | None  # [B] class ids, or [B, C] of 0 and 1
