"""Banks of room impulse responses for the positive samples (paper section 2.1, table 1).

The paper does not name its set (D5). `bank` gives the same [R, L] array whatever the source:
"simulated", or the folder of SLR28 (RIRS_NOISES), of the MIT survey, of BUT ReverbDB, or any folder
of wav or flac files.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from asglib import audio, files
from asglib.data import lists

LENGTH = 8_000  # samples: 0.5 s, in which the longest T60 below has fallen by more than 37 dB
LIMIT = 2_048  # responses of a folder, a seeded choice of more: SLR28's 60,325 would be 1.9 GB
SUFFIXES = (".wav", ".flac")
# SLR28's are MUSAN's, a test set; ReverbDB's are pauses
NOT_RESPONSES = {"pointsource_noises", "silence"}


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


def index(folder: Path) -> pd.DataFrame:
    """The impulse responses under a folder: columns id, kind ("SLR28 real" ...) and path; by id.

    An id holds the room, because SLR28 and ReverbDB use the same file names in every room.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RirError(
            f"{folder}: no such folder of impulse responses; give an existing one or 'simulated'."
        )
    tops = [top for top in (folder, folder / "RIRS_NOISES") if _is_slr28(top)]
    rows = _slr28(tops[0]) if tops else _plain(folder)
    if not rows:
        raise RirError(
            f"{folder}: no impulse responses (wav or flac) found; give the folder of SLR28, the "
            "MIT survey, ReverbDB or your own files, or 'simulated'."
        )
    return pd.DataFrame(rows, columns=["id", "kind", "path"]).sort_values("id", ignore_index=True)


def bank(source: str, cache: Path, length: int = LENGTH) -> np.ndarray:
    """[R, length] float32 at 16 kHz: unit energy, direct path at sample 0; RirError: what is wrong.

    The simulated rooms are computed once and kept in `cache`.
    """
    if length < 1:
        raise RirError(f"length is {length} samples; an impulse response needs 1 or more.")
    if source == "simulated":
        return _simulated(Path(cache), length)
    paths = index(Path(source)).path
    if len(paths) > LIMIT:
        chosen = np.random.default_rng(0).choice(len(paths), LIMIT, replace=False)
        paths = paths.iloc[np.sort(chosen)]
    return np.stack([_read(path, length) for path in paths])


def describe(source: str, responses: np.ndarray) -> str:
    """One line for a record: which bank, how many responses of what length, their hash."""
    digest = hashlib.sha256(np.ascontiguousarray(responses).tobytes()).hexdigest()[:16]
    if source == "simulated":
        kind = f"simulated bank (shoebox rooms, pyroomacoustics {version('pyroomacoustics')})"
    else:
        counts = index(Path(source)).groupby("kind").size()
        kind = ", ".join(f"{name} ({count} found)" for name, count in counts.items())
    return f"{kind}: {responses.shape[0]} responses of {responses.shape[1]} samples, {digest}"


def _simulated(cache: Path, length: int) -> np.ndarray:
    settings = Simulation()
    key = json.dumps([asdict(settings), length, version("pyroomacoustics")], sort_keys=True)
    file = cache / f"rirs-{hashlib.sha256(key.encode()).hexdigest()[:10]}.npy"
    with files.locked(file.with_suffix(".lock")):
        responses = files.load_checked(file, np.load)
        if responses is None:
            simulated = [simulate(room, settings.max_order) for room in draw(settings)]
            responses = np.stack([normalise(response, length) for response in simulated])
            files.save_checked(file, lambda temporary: np.save(temporary, responses))
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


def _is_slr28(folder: Path) -> bool:
    return (folder / "simulated_rirs").is_dir() or (folder / "real_rirs_isotropic_noises").is_dir()


def _slr28(folder: Path) -> list[tuple[str, str, Path]]:
    """The files in SLR28's rir_lists, as only these tell responses from the noises beside them."""
    rows = []
    for path in (*folder.glob("*/rir_list"), *folder.glob("simulated_rirs/*/rir_list")):
        kind = "SLR28 simulated" if "simulated_rirs" in path.parts else "SLR28 real"
        for line in lists.lines(path):
            *options, name = line.split()
            options = dict(zip(options[::2], options[1::2]))
            file = folder.parent / name  # the list's paths begin with RIRS_NOISES/
            if not file.is_file():
                file = folder / Path(*Path(name).parts[1:])
            if file.is_file() and file.stat().st_size:
                rows.append((options.get("--rir-id", file.stem), kind, file))
    return rows


def _plain(folder: Path) -> list[tuple[str, str, Path]]:
    """ReverbDB (<room>/.../RIR/*.wav), MIT's survey (Audio/h001_*.wav) or any files."""
    found = {
        path.relative_to(folder): path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size
    }
    found = {below: path for below, path in found.items() if not NOT_RESPONSES & {*below.parts}}
    reverb = {below: path for below, path in found.items() if path.parent.name == "RIR"}
    survey = {below: path for below, path in found.items() if path.parent.name == "Audio"}
    kind = "own unknown"
    if reverb:
        kind, found = "BUT ReverbDB real", reverb
    elif survey and all(re.match(r"h\d{3}", path.stem) for path in survey.values()):
        kind, found = "MIT survey real", survey
    return [(str(below), kind, path) for below, path in found.items()]
