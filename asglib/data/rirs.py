"""Banks of room impulse responses for the positive samples (paper section 2.1, table 1).

The paper does not name its set (D5). `bank` gives the same [R, L] array whatever the source:
"simulated", or a folder of recorded responses (SLR28, the MIT survey, BUT ReverbDB, one's own).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile
import soxr

from asglib import audio
from asglib.data import places

LENGTH = 8_000  # samples: 0.5 s, in which the longest T60 below has fallen by more than 37 dB
LIMIT = 2_048  # responses of a folder, a seeded choice of more: SLR28's 60,325 would be 1.9 GB
SUFFIXES = (".wav", ".flac")
# beside the responses lie noises: SLR28's point sources are MUSAN's, a test set; ReverbDB's pauses
NOT_RESPONSES = re.compile(r"pointsource_noises|_noise_|(^|/)silence/")


class RirError(ValueError):
    """A source that gives no impulse responses; the message says why and what to do."""


@dataclass(frozen=True)
class Simulation:
    """The simulated shoebox rooms; every value is D5."""

    rooms: int = 64
    seed: int = 0
    smallest: tuple[float, float, float] = (3.0, 3.0, 2.5)  # m
    largest: tuple[float, float, float] = (10.0, 8.0, 4.0)  # m
    t60: tuple[float, float] = (0.2, 0.8)  # s
    margin: float = 0.5  # m between a wall and the source or the microphone
    max_order: int = 30  # reflections; at 15 the tail is cut and T20 is 0.6 of the T60 asked for


@dataclass(frozen=True)
class Room:
    """One shoebox: size, source and microphone in metres, T60 in seconds by Sabine's formula."""

    size: tuple[float, ...]
    t60: float
    source: tuple[float, ...]
    microphone: tuple[float, ...]


def draw(settings: Simulation) -> list[Room]:
    """The rooms of these settings, the same for the same seed."""
    rng, rooms = np.random.default_rng(settings.seed), []
    for _ in range(settings.rooms):
        size = rng.uniform(settings.smallest, settings.largest)
        source, microphone = rng.uniform(settings.margin, size - settings.margin, (2, 3))
        t60 = float(rng.uniform(*settings.t60))
        rooms.append(Room(tuple(size), t60, tuple(source), tuple(microphone)))
    return rooms


def simulate(room: Room, max_order: int) -> np.ndarray:
    """The impulse response of a room by the image source method, [N] at 16 kHz, before trimming."""
    import pyroomacoustics as pra  # takes seconds, and a cached bank does not need it

    absorption, order = pra.inverse_sabine(room.t60, room.size)
    material, order = pra.Material(absorption), min(order, max_order)
    box = pra.ShoeBox(room.size, fs=audio.RATE, materials=material, max_order=order)
    box.add_source(room.source)
    box.add_microphone(room.microphone)
    threads = pra.constants.get("num_threads")
    # with several, the order of the sum, and so the last bits, follow the number of cores
    pra.constants.set("num_threads", 1)
    try:
        box.compute_rir()
    finally:
        pra.constants.set("num_threads", threads)
    return box.rir[0][0]


def normalise(response: np.ndarray, length: int) -> np.ndarray:
    """[N] -> [length] float32 of unit energy, from the direct path (the largest sample) on."""
    direct = int(np.argmax(np.abs(response)))
    part = np.asarray(response[direct : direct + length], np.float64)
    energy = np.sqrt(np.sum(part**2))
    if not np.isfinite(energy) or energy == 0:
        raise RirError("it is silent or not finite")
    return np.pad(part / energy, (0, length - len(part))).astype(np.float32)


def recorded(folder: Path) -> list[Path]:
    """The impulse responses in and below a folder, by path; RirError: there are none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise RirError(
            f"{folder}: no such folder of impulse responses; give an existing one or 'simulated'."
        )
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    found = [path for path in found if path.is_file() and path.stat().st_size]
    below = {path: path.relative_to(folder).as_posix() for path in found}
    found = [path for path in found if not NOT_RESPONSES.search(below[path])]
    if not found:
        raise RirError(f"{folder}: no impulse responses (wav or flac) found in this folder.")
    return found


def bank(source: str, cache: Path, length: int = LENGTH) -> np.ndarray:
    """[R, length] float32 at 16 kHz: unit energy, direct path at sample 0; RirError: what is wrong.

    The simulated rooms are computed once and kept in `cache`.
    """
    if length < 1:
        raise RirError(f"length is {length} samples; an impulse response needs 1 or more.")
    if source == "simulated":
        return _simulated(Path(cache), length)
    paths = recorded(Path(source))
    if len(paths) > LIMIT:
        chosen = np.random.default_rng(0).choice(len(paths), LIMIT, replace=False)
        paths = [paths[number] for number in np.sort(chosen)]
    return np.stack([_read(path, length) for path in paths])


def describe(source: str, responses: np.ndarray) -> str:
    """One line for a record: which bank, how many responses of what length, their hash."""
    digest = hashlib.sha256(np.ascontiguousarray(responses).tobytes()).hexdigest()[:16]
    if source == "simulated":
        kind = f"simulated bank (shoebox rooms, pyroomacoustics {version('pyroomacoustics')})"
    else:
        kind = f"recorded responses ({len(recorded(Path(source)))} found)"
    return f"{kind}: {responses.shape[0]} responses of {responses.shape[1]} samples, {digest}"


def _simulated(cache: Path, length: int) -> np.ndarray:
    settings = Simulation()
    key = json.dumps([asdict(settings), length, version("pyroomacoustics")], sort_keys=True)
    file = cache / f"rirs-{hashlib.sha256(key.encode()).hexdigest()[:10]}.npy"
    with places.locked(file.with_suffix(".lock")):
        responses = places.load_checked(file, np.load)
        if responses is None:
            simulated = [simulate(room, settings.max_order) for room in draw(settings)]
            responses = np.stack([normalise(response, length) for response in simulated])
            places.save_checked(file, lambda temporary: np.save(temporary, responses))
    return responses


def _read(path: Path, length: int) -> np.ndarray:
    """Channel 0, not the mean: channels are microphones here, their mean would be a comb filter."""
    try:
        channels, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        wave = channels[:, 0]
        if rate != audio.RATE:
            wave = soxr.resample(wave, rate, audio.RATE, quality="HQ")
        return normalise(wave, length)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise RirError(
            f"{path}: no impulse response can be read ({error}); remove or replace the file."
        ) from None
