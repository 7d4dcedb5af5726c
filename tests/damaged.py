"""Audio files damaged from a seed, and the process that looks at each of them."""

import faulthandler
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from asglib.data import containers, inspection

FORMATS = (("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("ogg", "VORBIS"))
FORMATS += (("mp3", "MPEG_LAYER_III"),)
LIES = {
    "length": (0, 1, 1_000_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    "rate": (0, 1, 10, 999, 1_000, 11_025, 768_000, 768_001, 0x7FFFFFFF),
}
AT = {  # where the formats keep their length and their rate, and in how many bytes
    "wav": {"length": (-4, 4), "rate": (24, 4)},  # -4: after the mark data
    "flac": {"length": (21, 5), "rate": (18, 3)},
    "ogg": {"length": (-1, 8), "rate": (40, 4)},  # -1: in the last page, 6 bytes after its mark
    "mp3": {"length": (-2, 4), "rate": (-3, 1)},  # -2: after the mark Xing or Info; -3: byte 2
}


def sound(rng):
    """A wave [N] or [N, 2] of up to a second, and its rate."""
    rate = int(rng.choice([8_000, 16_000, 44_100]))
    wave = rng.uniform(-0.4, 0.4, (int(rate * rng.uniform(0.3, 1)), int(rng.integers(1, 3))))
    return wave, rate


def truncated(rng, raw, suffix):
    return raw[: rng.integers(1, len(raw))]


def flipped(rng, raw, suffix):
    """Up to 50 bits anywhere, or up to 5 in the header."""
    first, most = (len(raw), 50) if rng.random() < 0.5 else (min(len(raw), 128), 5)
    for _ in range(rng.integers(1, most)):
        raw[rng.integers(first)] ^= 1 << rng.integers(8)
    return raw


def zeroed(rng, raw, suffix):
    """A part, or all from somewhere on."""
    start, stop = sorted(rng.integers(0, len(raw), 2))
    stop = len(raw) if rng.random() < 0.5 else stop
    raw[start:stop] = bytes(stop - start)
    return raw


def lying(what):
    """Another number where the format keeps its length or its rate."""

    def lie(rng, raw, suffix):
        at, size = AT[suffix][what]
        if at == -1:
            at = raw.rfind(b"OggS") + 6
        elif at == -2:
            at = max(raw.find(b"Xing"), raw.find(b"Info")) + 8
        elif at == -4:
            at = raw.find(b"data") + 4
        elif at == -3:
            at = max(raw.find(b"\xff"), 0) + 2
        number = int(rng.choice(LIES[what])) if rng.random() < 0.8 else int(rng.integers(2**32))
        order = "big" if suffix in ("flac", "mp3") else "little"
        raw[at : at + size] = (number % 256**size).to_bytes(size, order)
        return raw

    return lie


def joined(rng, raw, suffix):
    """With itself, with noise behind it, or with noise in its middle."""
    noise = rng.bytes(rng.integers(1, 20_000))
    middle = len(raw) // 2
    return bytearray((raw + raw, raw + noise, raw[:middle] + noise + raw[middle:])[rng.integers(3)])


DAMAGES = (truncated, flipped, zeroed, lying("length"), lying("rate"), joined)


def make(folder, number):
    """File `number`: every format with every damage in turn, the rest drawn from the number."""
    rng = np.random.default_rng(number)
    suffix, subtype = FORMATS[number % len(FORMATS)]
    path = folder / f"{number:04d}.{suffix}"
    wave, rate = sound(rng)
    soundfile.write(path, wave, rate, subtype)
    damage = DAMAGES[number // len(FORMATS) % len(DAMAGES)]
    path.write_bytes(damage(rng, bytearray(path.read_bytes()), suffix))
    return path


def look(folder, first, count):
    """A line for each file: its problem and reason, seconds taken, and the process's memory."""
    for number in range(first, first + count):
        path = make(folder, number)
        faulthandler.dump_traceback_later(30, exit=True)
        began = time.monotonic()
        row = inspection.inspect(path)
        containers.cut_off(path)
        row["taken"] = time.monotonic() - began
        faulthandler.cancel_dump_traceback_later()
        row["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"name": path.name} | row), flush=True)
        path.unlink()


if __name__ == "__main__":
    look(Path(sys.argv[1]), *map(int, sys.argv[2:]))
