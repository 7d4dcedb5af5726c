"""One file a pretext task; a method is loss = method(batch, generator) plus .encoder."""

from __future__ import annotations

from torch import Tensor, nn

from asglib.config import Pretraining
from asglib.methods.asg import ASG
from asglib.methods.supervised import Supervised

METHODS = {
    "NONE": ASG,
    "ST": ASG,
    "FT": ASG,
    "SF": ASG,
    "FF": ASG,
    "ASG": ASG,
    "Sup.": Supervised,
    "untrained": ASG,
}


def build(
    config: Pretraining,
    rirs: Tensor,
    classes: int = 0,
    multi_label: bool = False,
    mean: float = 0.0,
    std: float = 1.0,
) -> nn.Module:
    """The method that `config` names; `classes` and `multi_label` are for those that need labels."""
    if METHODS[config.method].needs_labels:
        return METHODS[config.method](config, classes, multi_label, mean, std)
    return METHODS[config.method](config, rirs, mean, std)
