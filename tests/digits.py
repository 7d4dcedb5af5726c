"""A stand-in for Free Spoken Digits: one speaker, a pitch for each digit, some files broken."""

from pathlib import Path

import numpy as np
from conftest import tone, write

TAKES = (0, 1, 2, 5, 6, 7, 8, 9)  # of each digit; 0 to 4 are the test part
BROKEN = ("0_theo_0.wav", "3_theo_2.wav", "4_theo_5.wav", "6_theo_9.wav")  # two of each part


def digits(root: Path) -> Path:
    """Files of 0.3 s, whole ones, under a data root, which is returned."""
    rng = np.random.default_rng(5)
    for digit in range(10):
        for take in TAKES:
            wave = tone(300 + 350 * digit + rng.uniform(-20, 20), 0.3)
            wave = wave * rng.uniform(0.5, 1) + 0.002 * rng.standard_normal(len(wave))
            write(recording(root, f"{digit}_theo_{take}.wav"), wave)
    return root


def recording(root: Path, name: str) -> Path:
    return root / "free-spoken-digit-dataset/recordings" / name


def spoil(root: Path) -> None:
    """What BROKEN names is no sound any more: text, or samples that are no numbers."""
    for number, name in enumerate(BROKEN):
        path = recording(root, name)
        if number % 2:
            path.write_text("this is no sound")
        else:
            write(path, np.full(4_800, np.nan))


def digit(path: str) -> int:
    """What is said in a file, from its name."""
    return int(Path(path).name[0])
