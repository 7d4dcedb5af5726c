"""What a step of pretraining keeps on the device, and recomputing it where that is too much."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from asglib import encoder
from asglib.config import ConfigError, Pretraining
from asglib.encoder import Encoder

USED = 0.9  # of a device's free memory: the rest is for weights and the allocator's fragments
MEASURED = 2  # views of which the bytes are taken


def fit(config: Pretraining, network: nn.Module, device: torch.device, world: int, amp: bool):
    """Lets `network` recompute where a step would not fit `device`, a GPU.

    ConfigError: it does not fit even then; the message names the bytes that are missing.
    """
    if device.type != "cuda":
        return
    free = USED * torch.cuda.mem_get_info(device)[0]
    plain, recomputed = forecast(config, amp)
    if plain / world <= free:
        return
    if recomputed / world > free:
        batch = int(config.batch * free * world / recomputed)
        raise ConfigError(
            f"a step of {config.method} with batch {config.batch} needs about "
            f"{recomputed / world / 2**30:.0f} GiB on {device}, and {free / 2**30:.0f} GiB of it "
            f"are free: {(recomputed / world - free) / 2**30:.0f} GiB are missing. Free the GPU, "
            f"use more GPUs, or a batch of {batch} or less."
        )
    recompute(network)


def forecast(config: Pretraining, amp: bool) -> tuple[float, float]:
    """Bytes that a step of all processes together keeps: plain, and recomputing.

    Recomputing, the largest block is there in whole while it is computed again. Both are the same
    for a network that is not recomputed.
    """
    views, samples = config.batch * config.settings.views, config.settings.samples(config)
    built = encoder.build(config.encoder, config.frontend)
    plain, largest = bytes_a_view(built, samples, amp)
    if not isinstance(built.network, ResNet):
        return views * plain, views * plain
    recompute(built.network)
    return views * plain, views * (bytes_a_view(built, samples, amp)[0] + largest)


def recompute(network: nn.Module) -> None:
    """Lets the stem and each block of a ResNet keep their input alone; the rest comes twice.

    Exact: the same gradients, and batch normalisation counts each batch once (Chen et al. 2016).
    Other networks stay as they are.
    """
    if not isinstance(network, ResNet):
        return
    for block in network.modules():
        if isinstance(block, (BasicBlock, Bottleneck)):
            block.forward = _twice(block.forward, lambda block=block: [block])
    stem = _twice(
        lambda x: network.maxpool(network.act1(network.bn1(network.conv1(x)))),
        lambda: [network.conv1, network.bn1],  # as they are then: several GPUs put others there
    )

    def features(x: Tensor) -> Tensor:
        x = stem(x)
        for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
            x = layer(x)
        return x

    network.forward_features = features


def _twice(forward: Callable[[Tensor], Tensor], parts: Callable) -> Callable[[Tensor], Tensor]:
    """`forward`, computed again in the backward; then the statistics of `parts()` do not count."""
    contexts = partial(_contexts, parts)
    return partial(checkpoint, forward, use_reentrant=False, context_fn=contexts)


def _contexts(parts: Callable):
    return nullcontext(), _statistics_kept(parts)


@contextmanager
def _statistics_kept(parts: Callable):
    inside = itertools.chain(*(part.modules() for part in parts()))
    layers = [layer for layer in inside if isinstance(layer, _BatchNorm)]
    before = [(layer.momentum, layer.num_batches_tracked.clone()) for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, (momentum, count) in zip(layers, before):
            layer.momentum = momentum
            layer.num_batches_tracked.copy_(count)


def bytes_a_view(network: Encoder, samples: int, amp: bool = False) -> tuple[float, float]:
    """Bytes that one view of `samples` keeps for the backward, weights apart: all, largest block.

    Measured at two views on the CPU: what a step of many views keeps grows with their number.
    """
    there = itertools.chain(network.parameters(), network.buffers())
    weights = {weight.untyped_storage().data_ptr() for weight in there}
    kept: dict[int, int] = {}
    held, at = [], [0]

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)  # else its address may come twice
        return tensor

    blocks = [block for block in network.modules() if isinstance(block, (BasicBlock, Bottleneck))]
    hooks = [
        block.register_forward_pre_hook(lambda *_: at.append(sum(kept.values())))
        for block in blocks
    ]
    spectrogram = network.spectrogram(torch.zeros(MEASURED, samples))
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=amp),
    ):
        network.train().embed(spectrogram)
    for hook in hooks:
        hook.remove()
    at.append(sum(kept.values()))
    return at[-1] / MEASURED, max(after - before for before, after in zip(at, at[1:])) / MEASURED
