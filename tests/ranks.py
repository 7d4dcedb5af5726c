"""What each of two processes does in the tests of torch.distributed; each starts afresh."""

from pathlib import Path

import torch
import torch.distributed as dist

from asglib import processes
from asglib.loss import nt_xent


def model_and_inputs():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, 8, generator=generator).requires_grad_()
    first, second = torch.randn(2, 10, 8, generator=generator)
    return weight, first, second


def meet(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)


def loss_and_gradient(rank, folder, split):
    """This process's rows (the first `split`, or the others): its loss, its weighted gradient.

    The gradient is averaged over the processes, as the training loop and DDP do together.
    """
    meet(rank, folder)
    weight, first, second = model_and_inputs()
    rows = slice(0, split) if rank == 0 else slice(split, 10)
    loss = nt_xent(first[rows] @ weight.T, second[rows] @ weight.T, 0.1)
    (loss * processes.share_of(len(first[rows]), torch.device("cpu"))).backward()
    dist.all_reduce(weight.grad)
    torch.save((loss.detach(), weight.grad / 2), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def pretraining(rank, folder):
    """One epoch of the small run with this process's half of each batch: its weights and losses."""
    from conftest import run_small, small

    meet(rank, folder)
    method, log = run_small(sorted(Path(folder).glob("*.wav")), folder, small(epochs=1))
    torch.save((method.state_dict(), log.loss), f"{folder}/{rank}.pt")
    dist.destroy_process_group()
