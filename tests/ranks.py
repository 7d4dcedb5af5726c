"""Other processes of a test: what each of several does together, and one that is killed."""

import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.distributed as dist
from conftest import CPU, run_small, small, tuned
from torch import nn

from asglib import processes, training
from asglib.batches import Batches
from asglib.config import ConfigError
from asglib.loss import nt_xent
from asglib.processes import Machine


def start(function, *arguments):
    """A process that runs function(*arguments).

    All are forked from one process that has imported this file and computed nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ranks"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        process = context.Process(target=function, args=arguments)
        process.start()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return process


def together(function, folder, world, *arguments):
    """function(rank, *arguments) in `world` processes that meet; what each of them returned."""
    ranks = [start(_one, function, rank, world, str(folder), *arguments) for rank in range(world)]
    for process in ranks:
        process.join(120)
    assert [process.exitcode for process in ranks] == [0] * world
    return [torch.load(f"{folder}/rank{rank}.pt", weights_only=False) for rank in range(world)]


def _one(function, rank, world, folder, *arguments):
    torch.set_num_threads(1)
    meeting = Path(folder) / "meeting"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    found = function(rank, *arguments)
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()
    meeting.unlink(missing_ok=True)


# --- the loss ------------------------------------------------------------------------------------


def model_and_inputs():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, 8, generator=generator).requires_grad_()
    first, second = torch.randn(2, 10, 8, generator=generator)
    return weight, first, second


def loss_and_gradient(rank, shares):
    """This process's share of the rows: its loss, and the gradient as all have it together.

    The gradient is averaged over the processes, as the training loop and DDP do.
    """
    weight, first, second = model_and_inputs()
    rows = slice(sum(shares[:rank]), sum(shares[: rank + 1]))
    loss = nt_xent(first[rows] @ weight.T, second[rows] @ weight.T, 0.1)
    (loss * processes.share_of(shares[rank], CPU)).backward()
    if world() > 1:
        dist.all_reduce(weight.grad)
    return loss.item(), weight.grad / len(shares)


# --- the loop ------------------------------------------------------------------------------------


class Plain(nn.Module):
    """loss = model(batch, generator): NT-Xent of a layer's output, without batch statistics."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(160, 12, bias=False)
        generator = torch.Generator().manual_seed(3)
        nn.init.normal_(self.layer.weight, generator=generator)

    def forward(self, batch, generator):
        first, second = batch.crops.unfold(2, 160, 160).abs().mean(2).unbind(1)
        return nt_xent(self.layer(first), self.layer(second), 0.5)


def loop(rank, found, folder):
    """Three steps of gradient descent: (weights, this process's losses, its numbers of clips)."""
    steps = Batches(small(batch=16, clips_per_epoch=48, epochs=1), found, None, rank, world())
    model = Plain()
    optim = torch.optim.SGD(model.parameters(), lr=1.0)
    how = training.Training(model, optim, steps, lambda step: 1.0, 0, "")
    log = training.optimise(how, Path(folder) / "checkpoint.pt", Machine(CPU))
    counts = [len(steps[step][0].clips) for step in range(3)]
    return model.layer.weight.detach(), log.loss, counts


def world():
    return processes.rank_and_world()[1]


# --- whole runs ----------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def pretraining(rank, paths, folder, stop_after=None):
    """The small run, stopped after a step: this process's weights and losses."""
    training.CHECKPOINT_SECONDS = -1.0

    def tell(row):
        if row["step"] == stop_after:
            raise Stopped

    try:
        method, log = run_small(paths, folder, tell=tell)
    except Stopped:
        return None
    return method.state_dict(), log.loss


def trained(rank, config, workspace):
    """What each process gets of one run of the study."""
    from asglib.study import runs

    network, record = runs.trained(config, workspace)
    return network.state_dict(), record, runs.run_name(config, workspace)


def alike(rank, config, free):
    """What the check says in a process on whose GPU so many bytes are free; None: nothing."""
    from asglib.study import shares

    torch.cuda.mem_get_info = lambda device: (free[rank], 80 * 2**30)
    try:
        return shares.check_alike(config, SimpleNamespace(type="cuda"))
    except ConfigError as error:
        return str(error)


# --- one that is killed --------------------------------------------------------------------------


def killed_at(step, function, *arguments):
    """Runs function(tell, *arguments) elsewhere, saved after each step, and kills it at `step`."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = start(_telling, function, writer, *arguments)
    writer.close()
    while reader.recv() != step:
        pass
    process.kill()
    process.join()
    assert process.exitcode == -9


def _telling(function, writer, *arguments):
    torch.set_num_threads(1)
    training.CHECKPOINT_SECONDS = -1.0
    function(lambda row: writer.send(row.get("step")), *arguments)


def small_run(tell, paths, folder, config):
    run_small(paths, folder, config, tell)


def evaluation(tell, config, workspace):
    from asglib.study.evaluator import Evaluator

    Evaluator(config.pretraining, workspace, tell)(config)


def fine_tuning(tell, paths, folder):
    tuned(paths, folder, tell)


def said_by(writer, config, workspace):
    """An evaluation whose steps go through a pipe."""
    torch.set_num_threads(1)
    evaluation(lambda row: writer.send(row.get("step")), config, workspace)
    writer.close()


def received(reader):
    """All that came through a pipe until it was closed."""
    found = []
    while True:
        try:
            found.append(reader.recv())
        except EOFError:
            return found
