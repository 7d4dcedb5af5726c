"""Banks of room impulse responses for the positive samples (paper section 2.1, table 1).

The paper does not name its set (D5). `bank` gives the same [R, L] array whatever the source: "simulated", or the
folder of SLR28 (RIRS_NOISES), of the MIT survey, of BUT ReverbDB, or any folder of wav or flac files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from asglib import audio, files

LENGTH = 8_000  # samples: 0.5 s, in which a response of the longest T60 below has fallen by more than 37 dB
LIMIT = 2_048  # responses of a folder, a seeded choice of more: SLR28's 60,325 would be 1.9 GB
SUFFIXES = (".wav", ".flac")
NOT_RESPONSES = (
    "pointsource_noises",
    "silence",
)  # SLR28's are MUSAN's, a test set; ReverbDB's pauses


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
    max_order: int = 30  # reflections; order 15 cuts the tail: T20 fell to 0.6 of the T60 asked for, at 30 it is kept


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
        places = rng.uniform(settings.margin, size - settings.margin, (2, 3))
        rooms.append(Room(tuple(size), float(rng.uniform(*settings.t60)), *map(tuple, places)))
    return rooms


def simulate(room: Room, max_order: int) -> np.ndarray:
    """The impulse response of a room by the image source method, [N] at 16 kHz, before trimming."""
    import pyroomacoustics  # takes seconds, and a cached bank does not need it

    absorption, order = pyroomacoustics.inverse_sabine(room.t60, room.size)
    box = pyroomacoustics.ShoeBox(
        room.size,
        fs=audio.RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, max_order),
    )
    box.add_source(room.source)
    box.add_microphone(room.microphone)
    threads = pyroomacoustics.constants.get("num_threads")
    pyroomacoustics.constants.set(
        "num_threads", 1
    )  # else the order of the sum, and the last bits, follow the cores
    try:
        box.compute_rir()
    finally:
        pyroomacoustics.constants.set("num_threads", threads)
    return box.rir[0][0]


def normalise(response: np.ndarray, length: int) -> np.ndarray:
    """[N] -> [length] float32: from the direct path (the largest sample) on, zeros at the end, unit energy."""
    direct = int(np.argmax(np.abs(response)))
    part = np.asarray(response[direct : direct + length], np.float64)
    energy = np.sqrt(np.sum(part**2))
    if not np.isfinite(energy) or energy == 0:
        raise RirError("it is silent or not finite")
    return np.pad(part / energy, (0, length - len(part))).astype(np.float32)


def index(folder: Path) -> pd.DataFrame:
    """The impulse responses under a folder: columns id, set, room, kind (simulated, real, unknown), path; by id.

    An id holds the room, because SLR28 and ReverbDB use the same file names in every room.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RirError(
            f"{folder}: no such folder of impulse responses; give an existing one or 'simulated'."
        )
    slr28 = next((place for place in (folder, folder / "RIRS_NOISES") if _is_slr28(place)), None)
    rows = _slr28(slr28) if slr28 else _plain(folder)
    if not rows:
        raise RirError(
            f"{folder}: no impulse responses (wav or flac) found; give the folder of SLR28, the MIT survey, "
            "ReverbDB or your own files, or 'simulated'."
        )
    return pd.DataFrame(rows, columns=["id", "set", "room", "kind", "path"]).sort_values(
        "id", ignore_index=True
    )


def bank(source: str, cache: Path, length: int = LENGTH) -> np.ndarray:
    """[R, length] float32 at 16 kHz: unit energy, direct path at sample 0; RirError says what is wrong.

    The simulated rooms are computed once and kept in `cache`.
    """
    if length < 1:
        raise RirError(f"length is {length} samples; an impulse response needs 1 or more.")
    return (
        _simulated(Path(cache), length)
        if source == "simulated"
        else _recorded(Path(source), length)
    )


def describe(source: str, responses: np.ndarray) -> str:
    """One line for a record: which bank, how many responses of how many samples, and the hash of their bytes."""
    digest = hashlib.sha256(np.ascontiguousarray(responses).tobytes()).hexdigest()[:16]
    if source == "simulated":
        kind = f"simulated bank (shoebox rooms, pyroomacoustics {version('pyroomacoustics')})"
    else:
        sets = index(Path(source))
        counts = sets.groupby(["set", "kind"]).size()
        kind = ", ".join(f"{name} {how} ({count} found)" for (name, how), count in counts.items())
    return f"{kind}: {responses.shape[0]} responses of {responses.shape[1]} samples, {digest}"


def _simulated(cache: Path, length: int) -> np.ndarray:
    settings = Simulation()
    key = json.dumps([asdict(settings), length, version("pyroomacoustics")], sort_keys=True)
    file = cache / f"rirs-{hashlib.sha256(key.encode()).hexdigest()[:10]}.npy"
    with files.locked(file.with_suffix(".lock")):
        if not file.exists():
            responses = np.stack(
                [normalise(simulate(r, settings.max_order), length) for r in draw(settings)]
            )
            files.write_atomically(file, lambda temporary: np.save(temporary, responses))
    return np.load(file)


def _recorded(folder: Path, length: int) -> np.ndarray:
    paths = index(folder).path
    if len(paths) > LIMIT:
        paths = paths.iloc[
            np.sort(np.random.default_rng(0).choice(len(paths), LIMIT, replace=False))
        ]
    return np.stack([_read(path, length) for path in paths])


def _read(path: Path, length: int) -> np.ndarray:
    """Channel 0, not the mean: channels are microphones here, and their mean would be a comb filter."""
    try:
        wave, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        wave = (
            wave[:, 0]
            if rate == audio.RATE
            else soxr.resample(wave[:, 0], rate, audio.RATE, quality="HQ")
        )
        return normalise(wave, length)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise RirError(
            f"{path}: no impulse response can be read ({error}); remove or replace the file."
        ) from None


def _is_slr28(folder: Path) -> bool:
    return (folder / "simulated_rirs").is_dir() or (folder / "real_rirs_isotropic_noises").is_dir()


def _slr28(folder: Path) -> list[tuple]:
    """The files in SLR28's rir_lists: isotropic noises lie beside the real responses and only the lists tell."""
    rows = []
    for listing in sorted(folder.glob("*/rir_list")) + sorted(
        folder.glob("simulated_rirs/*/rir_list")
    ):
        kind = "simulated" if "simulated_rirs" in listing.parts else "real"
        for line in listing.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if not words:
                continue
            options = dict(zip(words[0:-1:2], words[1:-1:2]))
            path = (
                folder.parent / words[-1]
            )  # "RIRS_NOISES/..." is relative to the parent of that folder
            path = path if path.is_file() else folder / Path(*Path(words[-1]).parts[1:])
            if path.is_file() and path.stat().st_size:
                rows.append(
                    (
                        options.get("--rir-id", path.stem),
                        "SLR28",
                        options.get("--room-id", ""),
                        kind,
                        path,
                    )
                )
    return rows


def _plain(folder: Path) -> list[tuple]:
    """MIT's survey (Audio/h*.wav), ReverbDB (<room>/.../RIR/*.wav) or any files; an id is the path below `folder`."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and path.stat().st_size
        and not set(path.relative_to(folder).parts) & set(NOT_RESPONSES)
    ]
    reverb = [path for path in found if path.parent.name == "RIR"]
    if reverb:
        return [
            (
                str(path.relative_to(folder)),
                "BUT ReverbDB",
                path.relative_to(folder).parts[0],
                "real",
                path,
            )
            for path in reverb
        ]
    survey = [path for path in found if path.parent.name == "Audio" or folder.name == "Audio"]
    if survey and all(path.stem.startswith("h") and path.stem[1:4].isdigit() for path in survey):
        return [(path.stem, "MIT survey", path.stem.split("_")[0], "real", path) for path in survey]
    return [
        (
            str(path.relative_to(folder)),
            "own",
            str(path.parent.relative_to(folder)),
            "unknown",
            path,
        )
        for path in found
    ]
