"""The performance table: every row a ratio of two things measured in turn in one process.

`make bench` prints it; --rounds and --only choose, --out writes it as Markdown with the machine.
One thread, the allocator settled first: on a shared machine the same two codes differ by three
otherwise. Nothing here is asserted: a ratio is read, not gated.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import librosa
import noise
import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from peers import PEERS
from pytorch_metric_learning.losses import NTXentLoss
from scipy.signal import fftconvolve

from asglib import adversaries, encoder, networks, positives, processes, training
from asglib.audio import RATE
from asglib.batches import Batch
from asglib.config import Frontend, Pretraining
from asglib.files import write_atomically
from asglib.frontend import LogSpectrogram
from asglib.loss import nt_xent
from asglib.methods import METHODS
from asglib.methods.contract import Material
from asglib.study import children, provenance


def ratio(ours, other, rounds: int) -> tuple[float, float, float]:
    """(median, lower and upper quartile) of time(ours) / time(other), a pair a round."""
    ratios = []
    for number in range(rounds + 1):
        seconds = {}
        for name, call in random.sample([("ours", ours), ("other", other)], 2):
            began = time.perf_counter()
            call()
            seconds[name] = time.perf_counter() - began
        if number:  # the first round warms up
            ratios.append(seconds["ours"] / seconds["other"])
    return tuple(np.percentile(ratios, (50, 25, 75)))


def loss_against_a_library():
    """NT-Xent forward and backward, 4N = 512, D = 256, against pytorch-metric-learning."""
    z = torch.randn(512, 256, requires_grad=True)
    labels, other = torch.arange(256).repeat(2), NTXentLoss(0.1)
    return lambda: nt_xent(z[:256], z[256:], 0.1).backward(), lambda: other(z, labels).backward()


def spectrogram_against_librosa():
    """Log-spectrograms of 64 waves of 3 s, against librosa one by one."""
    waves, frontend = torch.randn(64, 48_000) / 10, LogSpectrogram(Frontend())
    each = list(waves.numpy())
    return lambda: frontend(waves), lambda: [
        np.log(np.abs(librosa.stft(w, n_fft=512, hop_length=160)) ** 2 + 1e-6) for w in each
    ]


def spectrogram_against_plain_torch():
    """The same waves, against torch.stft and view_as_real, as before torchaudio."""
    waves, frontend = torch.randn(64, 48_000) / 10, LogSpectrogram(Frontend())
    window = torch.hann_window(512)

    def before():
        stft = torch.stft(waves, 512, 160, window=window, return_complex=True)[..., :300]
        return torch.log(torch.view_as_real(stft).square().sum(-1) + 1e-6)

    return lambda: frontend(waves), before


def rooms_against_scipy():
    """64 waves of 3 s through responses of 0.5 s, against scipy.signal.fftconvolve one by one."""
    waves, rirs = torch.randn(64, 48_000), torch.randn(64, 8_000)
    pairs = list(zip(waves.numpy(), rirs.numpy()))
    return lambda: positives.convolve(waves, rirs), lambda: [
        fftconvolve(w, r)[:48_000] for w, r in pairs
    ]


def moves_against_a_copy():
    """FT, FF or SF of 64 spectrograms, against copying them."""
    x, adversary = torch.randn(64, 257, 300), adversaries.Adversary(("FT", "FF", "SF"), 30, 30)
    moves = adversary.draw(64, 257, 300, torch.Generator().manual_seed(0))
    return lambda: adversaries.apply(x, *moves), lambda: x.clone()


def moves_gathered_against_a_copy():
    """The same by one gather, the way it is done on a GPU."""
    x, adversary = torch.randn(64, 257, 300), adversaries.Adversary(("FT", "FF", "SF"), 30, 30)
    moves = adversary.draw(64, 257, 300, torch.Generator().manual_seed(0))
    return lambda: adversaries.gathered(x, *moves), lambda: x.clone()


def crops_against_soundfile():
    """400 crops of 3 s of 10 s FLAC files through Clips, against bare seek and read."""
    paths = noise.files(Path(tempfile.mkdtemp()), 40, ".flac")
    clips = noise.clips(paths, decoded=False)

    def bare():
        rng = np.random.default_rng(0)
        for i in range(400):
            with soundfile.SoundFile(str(paths[i % 40])) as file:
                file.seek(rng.integers(7 * RATE))
                file.read(3 * RATE, "float32")

    rng = np.random.default_rng(0)
    return lambda: [clips.crop(i % 40, 3 * RATE, rng) for i in range(400)], bare


def step(precision: str, channels_last: bool, name: str = "resnet18"):
    network = networks.NETWORKS[name]()
    network = network.to(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )
    x = torch.randn(8, 1, 257, 300)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x

    def run():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            h = network(x)
        h.float().square().mean().backward()

    return run


def training_step_against_plain():
    """ResNet-18 forward and backward at 257 x 300 as it is trained here, against fp32 and NCHW."""
    how = processes.precision("auto", torch.device("cpu"), 300)
    return step(how, True), step("fp32", False)


def large_pages_against_usual():
    """A step of ResNet-18 in a process with large pages, as a study starts them, and without."""
    return stepping(children.PAGES), stepping({"GLIBC_TUNABLES": ""})


def stepping(environment: dict[str, str]):
    """A call that lets another process do one step; it ends with this one."""
    words, here = [sys.executable, "-c", "import bench; bench.do_steps()"], Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here}:{here.parent}"} | environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    process = subprocess.Popen(words, env=environment, **pipes)

    def run():
        process.stdin.write("step\n")
        process.stdout.readline()

    return run


def do_steps():
    """In that process: a step for each line that is read."""
    processes.settle(1)
    run = step(processes.precision("auto", torch.device("cpu"), 300), True)
    for _ in sys.stdin:
        run()
        print("done", flush=True)


def whole_step_against_encoder():
    """A whole ASG step (front end to LARS) against its encoder alone, tiny encoder."""
    config = Pretraining("ASG", METHODS["ASG"], encoder="tiny", batch=16)
    network = encoder.build("tiny", config.frontend)
    method = config.settings.build(config, Material(network, torch.randn(8, 8_000)))
    optim, generator = training.optimizer(method, config), torch.Generator().manual_seed(0)
    batch = Batch(torch.randn(16, 2, 48_000) / 10, torch.arange(16), None)
    x = torch.randn(64, 257, 300)

    def whole():
        with torch.autocast("cpu", torch.bfloat16):
            loss = method(batch, generator)
        optim.zero_grad()
        loss.backward()
        optim.step()

    def bare():
        with torch.autocast("cpu", torch.bfloat16):
            h = method.encoder.embed(x)
        h.float().square().mean().backward()

    return whole, bare


def cached_probe_against_recomputing():
    """An epoch of linear evaluation on kept embeddings, against embedding 64 clips again."""
    network, waves = encoder.build("tiny", Frontend()).eval(), torch.randn(64, 48_000) / 10
    layer, labels = torch.nn.Linear(network.dim, 10), torch.randint(10, (64,))
    with torch.no_grad():
        h = network(waves)

    def again():
        with torch.no_grad():
            fresh = network(waves)
        F.cross_entropy(layer(fresh), labels).backward()

    return lambda: F.cross_entropy(layer(h), labels).backward(), again


ROWS = [
    loss_against_a_library,
    spectrogram_against_librosa,
    spectrogram_against_plain_torch,
    rooms_against_scipy,
    moves_against_a_copy,
    moves_gathered_against_a_copy,
    crops_against_soundfile,
    training_step_against_plain,
    large_pages_against_usual,
    whole_step_against_encoder,
    cached_probe_against_recomputing,
    *PEERS,
]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--only", nargs="+", default=[])
    arguments.add_argument("--out", type=Path)
    chosen, lines = arguments.parse_args(), []
    processes.settle(1)
    random.seed(0)
    torch.manual_seed(0)
    print(f"{'ratio':>8}  {'quartiles':<16}  what (smaller is faster)")
    for row in ROWS:
        if not chosen.only or row.__name__ in chosen.only:
            try:
                median, low, high = ratio(*row(), chosen.rounds)
            except ModuleNotFoundError as lacking:
                print(f"{'':8}  not measured, {lacking.name} is not installed: {row.__doc__}")
                continue
            print(f"{median:8.3f}  [{low:.3f}, {high:.3f}]  {row.__doc__}", flush=True)
            lines.append(f"| {median:.3f} | {low:.3f} to {high:.3f} | {row.__doc__} |")
    if chosen.out:
        about = [
            "Ratios of times, below 1 is faster than the other; median and quartiles of "
            f"{chosen.rounds} rounds, both measured in each round in random order. "
            f"{provenance.device_name(torch.device('cpu'))}, one thread; "
            + ", ".join(f"{name} {number}" for name, number in provenance.versions().items())
            + "."
        ]
        table = ["| ratio | quartiles | what |", "|--:|---|---|", *lines]
        text = "\n".join(["# Benchmarks", "", *about, "", *table, ""])
        write_atomically(chosen.out, lambda out: out.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
