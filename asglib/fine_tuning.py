"""Fine-tuning (paper section 3.2): encoder and linear layer trained together on a task."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.utils.data import Dataset

from asglib.batches import Batch, random_crops
from asglib.config import Downstream
from asglib.encoder import Encoder
from asglib.evaluation import Task, clip_scores, embed, rate
from asglib.loss import objective
from asglib.processes import Machine
from asglib.training import Training, optimise


class Classifier(nn.Module):
    """A copy of an encoder and a linear layer: loss = model(batch, generator) trains both.

    `last`: only so many last parts of the network (Audio2Vec, figure 3); the others stay as they
    are, their batch statistics too.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int, last: int | None = None):
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        parts = network_parts(self.encoder.network)
        self.fixed = [] if last is None else parts[: len(parts) - last]
        for part in self.fixed:
            part.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(encoder.dim, classes)

    def train(self, mode: bool = True) -> Classifier:
        super().train(mode)
        for part in self.fixed:
            part.eval()
        return self

    def logits(self, waves: Tensor) -> Tensor:
        """[B, N] -> [B, C]."""
        return self.head(self.encoder(waves))

    def forward(self, batch: Batch, generator: Generator) -> Tensor:
        return objective(self.logits(batch.crops[:, 0]).float(), batch.labels)


def network_parts(network: nn.Module) -> list[nn.Module]:
    """The parts of a network with weights, first to last; a list of layers counts one by one."""
    found = []
    for child in network.children():
        found += list(child) if isinstance(child, nn.ModuleList) else [child]
    return [part for part in found if any(True for _ in part.parameters())]


class Crops(Dataset):
    """Step s of fine-tuning -> a random segment of each of its clips (D69).

    Every epoch takes every clip once in an order of its own.
    """

    def __init__(self, task: Task, config: Downstream, seed: int):
        self.task, self.config, self.seed = task, config, seed
        self.steps_per_epoch = max(len(task.train) // config.batch, 1)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def __getitem__(self, step: int) -> tuple[Batch, list[dict]]:
        epoch, part = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.task.train))
        chosen = self.task.train[np.array_split(order, self.steps_per_epoch)[part]]
        crops, kept, failed = random_crops(
            self.task.clips, chosen, self.task.samples, 1, lambda row: [self.seed, epoch, row]
        )
        return Batch(crops, kept, self.task.targets[kept]), failed


def fine_tuned(
    encoder: Encoder,
    task: Task,
    config: Downstream,
    seed: int,
    checkpoint: Path,
    machine: Machine,
    amp: bool = False,
) -> tuple[Tensor, np.ndarray, list[dict]]:
    """Everything trained on random segments (D69) -> (scores [clips, C], rows, bad clips).

    The encoder that is given keeps its weights; `checkpoint` is resumed to the bit.
    """
    model = Classifier(encoder, task.classes, seed, config.last).to(machine.device)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optim = torch.optim.Adam(trained, lr=config.lr)
    crops = Crops(task, config, seed)
    training = Training(
        model,
        optim,
        crops,
        lambda step: rate(config, step // crops.steps_per_epoch),
        seed,
        repr(config),
        amp,
    )
    log = optimise(training, checkpoint, machine)
    model.eval()
    found = embed(model.logits, task.clips, task.samples, machine.device, task.test, task.overlap)
    scores, rows = clip_scores(found.features, found.clip, task, config.aggregate)
    return scores, rows, log.failed + found.skipped
