"""Bytes that a step of pretraining keeps on a GPU, told without one."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from asglib import encoder, memory
from asglib.batches import Batch
from asglib.config import Pretraining
from asglib.methods.contract import Material


def forecast(config: Pretraining) -> tuple[float, float]:
    """memory.forecast of a step in bf16; for CPC, whose network takes waves, of its loss too.

    That network alone, measured on a CPU, would be 0.6 of it: only GPUs normalise its frames in
    fp32, and the loss keeps a fifth.
    """
    network = encoder.build(config.encoder, config.frontend)
    if not network.takes_waves:
        return memory.forecast(config, True)
    method = config.settings.build(config, Material(network))
    size = kept(method, config.batch, config.settings.samples(config))
    return size, size


def kept(method: nn.Module, clips: int, samples: int) -> float:
    """Bytes that a step in bf16 on one crop of each clip keeps for the backward, weights apart.

    Of tensors that have shapes and no numbers: nothing is computed. Changes `method`.
    """
    for layer in method.modules():
        if isinstance(layer, nn.LayerNorm):  # in fp32, as autocast has it on GPUs only
            layer.register_forward_pre_hook(lambda _, given: (given[0].float(),))
    sizes: dict[int, int] = {}
    held = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            sizes[storage._cdata] = storage.nbytes()
            held.append(tensor)  # else its address may come twice
        return tensor

    with FakeTensorMode(allow_non_fake_inputs=True):
        state = {
            name: torch.empty_like(part).requires_grad_(part.requires_grad)
            for name, part in chain(method.named_parameters(), method.named_buffers())
        }
        weights = {part.untyped_storage()._cdata for part in state.values()}
        batch = Batch(torch.zeros(clips, 1, samples), torch.arange(clips), None)
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast("cpu", torch.bfloat16),
        ):
            functional_call(method.train(), state, (batch, torch.Generator()))
    return sum(sizes.values())
