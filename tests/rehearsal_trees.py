"""The paper's nine sets in their official layouts: a tone a label, a batch or more a split."""

from __future__ import annotations

import json
from pathlib import Path

import fixture_trees as trees
import numpy as np
import soundfile

TRAIN, TEST = 6, 3  # clips of each label that are added to the fixture trees, which bring the traps


def sound(path: Path, label: int, number: int, seconds: float = 1.0, rate: int = 16_000) -> None:
    """A decaying tone whose pitch is the label's, in noise that is the clip's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time, rng = np.arange(round(seconds * rate)) / rate, np.random.default_rng([label, number])
    wave = 0.4 * np.sin(2 * np.pi * 300 * 1.7**label * time) * np.exp(-3 * time)
    soundfile.write(str(path), wave + 0.02 * rng.standard_normal(len(time)), rate)


def add(path: Path, lines: list[str]) -> None:
    """Further lines of a list that ends with a line end."""
    with open(path, "a", encoding="utf-8", newline="") as file:
        file.write("".join(f"{line}\n" for line in lines))


def each(labels: tuple) -> list[tuple[int, object, int, bool]]:
    """(label's number, label, clip's number, whether it is a test clip) of all added clips."""
    return [
        (k, label, i, i >= TRAIN) for k, label in enumerate(labels) for i in range(TRAIN + TEST)
    ]


def audioset(root: Path) -> None:
    folder, lists = trees.audioset(root), {True: "eval", False: "balanced_train"}
    for k, mid, i, test in each(("/m/09x0r", "/m/05zppz")):
        name = f"rehearsa{k}{i:02d}"
        add(folder / f"metadata/{lists[test]}_segments.csv", [f'{name}, 0.000, 10.000, "{mid}"'])
        sound(folder / f"audio/{name}.wav", k, i, 5.0)  # methods of slices need 4.88 s


def vggsound(root: Path) -> None:
    folder = trees.vggsound(root)
    for k, label, i, test in each(("people marching", "null", "NA")):
        name = f"rehearsa{k}{i:02d}"
        add(folder / "vggsound.csv", [f"{name},{i},{label},{'test' if test else 'train'}"])
        sound(folder / f"audio/{name}_{i:06d}.wav", k, i)


def librispeech(root: Path) -> None:
    folder = trees.librispeech(root)
    for k, (speaker, chapter), i, _ in each(
        ((60, 121082), (103, 1240))
    ):  # a fifth of a speaker's becomes test
        for n in (i, i + 20):
            sound(
                folder / f"train-clean-100/{speaker}/{chapter}/{speaker}-{chapter}-01{n:02d}.flac",
                k,
                n,
            )


def speech_commands(root: Path, version: str) -> None:
    folder = trees.speech_commands(root, version)
    for k, word, i, test in each(("yes", "stop", "backward", "zero")):
        path = f"{word}/{'beef' if test else 'cafe'}{i:04d}_nohash_0.wav"
        add(folder / "testing_list.txt", [path] * test)
        sound(folder / path, k, i)
    sound(folder / "test_set/_silence_/white_noise_0.wav", 9, 0)


def voxceleb1(root: Path) -> None:
    folder = trees.voxceleb1(root)
    for k, speaker, i, test in each(("id10001", "id10002")):
        for n in (i, i + 20):
            path = f"{speaker}/rehearsal{n:02d}/00001.wav"
            add(folder / "iden_split.txt", [f"{3 if test else 1} {path}"])
            sound(folder / "dev/wav" / path, k, n)


def nsynth(root: Path) -> None:
    folder = trees.nsynth(root)
    for k, family, i, test in each(("guitar", "bass", "vocal")):
        part = folder / f"nsynth-{'test' if test else 'train'}"
        note = {
            "instrument_str": f"{family}_acoustic_{9 if test else 1:03d}",
            "instrument_family_str": family,
        }
        name = f"{note['instrument_str']}-{30 + i:03d}-100"
        entries = json.loads((part / "examples.json").read_text())
        (part / "examples.json").write_text(json.dumps(entries | {name: note}))
        sound(part / f"audio/{name}.wav", k, i)


def musan(root: Path) -> None:
    folder = trees.musan(root)
    for k, (kind, source), i, _ in each(
        (("music", "fma"), ("speech", "us-gov"), ("noise", "sound-bible"))
    ):
        sound(folder / f"{kind}/{source}/{kind}-{source}-1{i:03d}.wav", k, i)


def esc50(root: Path) -> None:
    folder = trees.esc50(root)
    for k, (target, category), i, test in each(((14, "NA"), (2, "dog"), (7, "rain"))):
        fold = 5 if test else 1 + i % 4
        name = f"{fold}-2{k}{i}-A-{target}.wav"
        add(folder / "meta/esc50.csv", [f"{name},{fold},{target},{category},False,2{k}{i},A"])
        sound(folder / "audio" / name, k, i)


SETS = {
    "audioset": audioset,
    "vggsound": vggsound,
    "librispeech": librispeech,
    "voxceleb1": voxceleb1,
    "speech_commands_v1": lambda root: speech_commands(root, "v0.01"),
    "speech_commands_v2": lambda root: speech_commands(root, "v0.02"),
    "nsynth": nsynth,
    "musan": musan,
    "esc50": esc50,
}


def nine_sets(root: Path, without: tuple[str, ...] = ()) -> Path:
    """All sets under `root`, but those named `without`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, make in SETS.items():
        if name not in without:
            make(root)
    return root
