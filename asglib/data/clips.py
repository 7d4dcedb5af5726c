"""The waves of rows of an index: decoded once where that fits, else read crop by crop (3.2)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import soxr

from asglib import audio
from asglib.audio import RATE, AudioError
from asglib.data.containers import cut_off
from asglib.files import load_checked, locked, save_checked

CACHE_LIMIT = 4 * 2**30  # bytes of float32 waves kept decoded on disk


class Clips:
    """The waves of (path, start, stop) rows; start and stop in seconds, NaN for the whole file.

    Corpora up to CACHE_LIMIT are decoded once into one float32 file that all processes map; of
    larger ones each crop is read from its file. `skipped` lists {path, reason} of the rows that
    could not be decoded; `keep` holds the positions of the others, and clip i is row keep[i].
    """

    def __init__(self, paths: pd.Series, start: np.ndarray, stop: np.ndarray, cache: Path):
        self.paths = paths.astype("string[pyarrow]").array  # one buffer that processes share
        self.start = np.nan_to_num(np.asarray(start, float))
        self.stop = np.asarray(stop, float)
        self.skipped, self.waves, self.keep = [], None, np.arange(len(self.paths))
        self.truncated = []  # {path, reason} of files that end too early, of decoded sets
        if self._fits():
            self._map(Path(cache) / "waves")

    def __len__(self) -> int:
        return len(self.keep)

    def path(self, i: int) -> str:
        """The file of clip i."""
        return str(self.paths[self.keep[i]])

    def samples(self, i: int) -> int:
        """Length of clip i, from its file's header where it is not decoded."""
        if self.waves is not None:
            return int(self.offsets[i + 1] - self.offsets[i])
        return round(self.seconds(self.keep[i]) * RATE)

    def whole(self, i: int) -> np.ndarray:
        """Clip i, [N]; AudioError when it cannot be decoded."""
        if self.waves is not None:
            return self.waves[self.offsets[i] : self.offsets[i + 1]]
        return self._decode(self.keep[i])

    def crop(self, i: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random part [length] of clip i; from a file, only that part is decoded."""
        if self.waves is not None:
            return audio.crop(self.whole(i), length, rng)
        row = self.keep[i]
        first, last, short = self.start[row], self._stop(row), True

        def choose(seconds: float) -> tuple[float, float | None]:
            nonlocal short
            spare = min(seconds, np.inf if last is None else last) - first - length / RATE
            short = spare <= 0
            start = first + (0 if short else rng.random() * spare)
            return start, last if short else start + length / RATE

        wave = audio.read_part(Path(self.paths[row]), choose)
        if short:
            return audio.crop(wave, length, rng)
        return audio.pad(wave, length, 0.0)[:length]  # resampling may lose one sample

    def seconds(self, row: int) -> float:
        """Length of a row in seconds, from the file's header; 0 for a file without one."""
        try:
            frames, rate, _ = audio.info(Path(self.paths[row]))
        except AudioError:
            return 0.0
        stop = self._stop(row)
        return min(frames / rate, np.inf if stop is None else stop) - self.start[row]

    def _stop(self, row: int) -> float | None:
        return self.stop[row] if np.isfinite(self.stop[row]) else None

    def _decode(self, row: int) -> np.ndarray:
        return audio.read(Path(self.paths[row]), self.start[row], self._stop(row))

    def _fits(self) -> bool:
        left = CACHE_LIMIT / (4 * RATE)
        for row in range(len(self.paths)):
            left -= self.seconds(row)
            if left < 0:
                return False
        return True

    def _key(self) -> str:
        """Of the rows, their files as they lie there, and the code that decodes them."""
        states = [Path(path).stat() if Path(path).exists() else None for path in self.paths]
        states = [state and (state.st_size, state.st_mtime_ns) for state in states]
        sources = Path(audio.__file__), Path(__file__)
        code = soxr.__version__ + "".join(source.read_text() for source in sources)
        rows = list(self.paths), self.start.tolist(), self.stop.tolist(), states, code
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]

    def _map(self, cache: Path) -> None:
        key = self._key()
        waves, listing = cache / f"{key}.f32", cache / f"{key}.json"
        with locked(cache / f"{key}.lock"):
            mapped, found = load_checked(waves, _mapped), load_checked(listing, _read)
            if mapped is None or found is None:
                found = {}
                save_checked(waves, lambda out: found.update(self._decode_all(out)))
                save_checked(listing, lambda out: out.write_text(json.dumps(found)))
                mapped = _mapped(waves)
        self.skipped, self.truncated = found["skipped"], found["truncated"]
        self.waves = mapped
        self.keep = np.array(found["keep"], dtype=np.int64)
        self.offsets = np.array(found["offsets"], dtype=np.int64)

    def _decode_all(self, out: Path) -> dict:
        keep, offsets, skipped, truncated = [], [0], [], []
        with open(out, "wb") as file:
            for row, path in enumerate(self.paths):
                try:
                    wave = self._decode(row)
                except AudioError as error:
                    skipped.append({"path": str(path), "reason": str(error)})
                    continue
                if reason := cut_off(Path(path)):
                    truncated.append({"path": str(path), "reason": reason})
                file.write(wave.astype(np.float32).tobytes())
                keep.append(row)
                offsets.append(offsets[-1] + len(wave))
        return {"keep": keep, "offsets": offsets, "skipped": skipped, "truncated": truncated}


def _mapped(path: Path) -> np.ndarray:
    return np.memmap(path, np.float32, "r") if path.stat().st_size else np.zeros(0, np.float32)


def _read(path: Path) -> dict:
    return json.loads(path.read_text())
