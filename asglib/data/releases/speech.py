"""Speech (paper section 3.1): LibriSpeech, Speech Commands, VoxCeleb1; digits and languages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from asglib import audio as sound
from asglib.data import lists
from asglib.data.listing import DataError, audio, held_out, index, need

SUBSET = "train-clean-100"
UTTERANCE = re.compile(r"\d+-\d+-\d+")
TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
NOISE = "_background_noise_"
COMMAND = re.compile(r"(\w+)/(\w+)_nohash_\d+\.wav")
COMMAND_COLUMNS = ("path", "word", "split", "group", "start", "stop")
TEST_ARCHIVES = ("test_set", "speech_commands_test_set_v0.01")
IDENTIFICATION = re.compile(r"([123]) ((id\d{5})/([\w-]{11})/\d{5}\.wav)")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGIT = re.compile(rf"([0-9])_({'|'.join(SPEAKERS)})_(\d+)\.wav")
FRAGMENT = re.compile(
    r"(en|de|es)_[mf]_([0-9a-f]{32})\.fragment\d+(\.(?:speed|pitch|noise)\d+)?\.flac"
)


def librispeech(folder: Path) -> pd.DataFrame:
    """Speaker identification in train-clean-100, below LibriSpeech/ or `folder` itself."""
    base = folder if folder.name == SUBSET else need(folder / SUBSET)
    ids = {Path(path).stem for path in audio(base)}
    for transcript in base.glob("*/*/*.trans.txt"):
        ids |= {line.split(" ", 1)[0] for line in lists.lines(transcript)}
    ids = set(filter(UTTERANCE.fullmatch, ids))
    published = {split: folder / f"{split}_split.txt" for split in ("train", "test")}
    if any(path.exists() for path in published.values()):  # one without the other is an error
        splits = lists.parts(published, ids, UTTERANCE)
    else:  # D23: no official split; ours holds a fifth of each speaker's utterances out
        test = held_out(ids, (name.split("-")[0] for name in ids), 0.2)
        splits = {name: "test" if name in test else "train" for name in ids}
    prefix = "" if base == folder else f"{SUBSET}/"
    rows = []
    for name, split in splits.items():
        speaker, chapter, _ = name.split("-")
        rows.append((f"{prefix}{speaker}/{chapter}/{name}.flac", speaker, split))
    return index(folder, rows, ("path", "speaker", "split"))


def _commands(folder: Path, words: tuple[str, ...] = ()) -> list[tuple]:
    """Rows of the clips of `words` (none: all in the lists); what no list names is train."""
    paths = set(filter(COMMAND.fullmatch, audio(folder)))
    published = {"valid": folder / "validation_list.txt", "test": folder / "testing_list.txt"}
    splits = lists.parts(published, paths, COMMAND)
    words = words or {path.split("/")[0] for path in splits}
    matches = map(COMMAND.fullmatch, paths | splits.keys())
    return [
        (match[0], match[1], splits.get(match[0], "train"), match[2], np.nan, np.nan)
        for match in matches
        if match[1] in words
    ]


def _windows(path: Path) -> np.ndarray:
    """Starts of 1 s windows, every 0.5 s; NaN, the whole file, for one that has no header."""
    try:
        frames, rate, _ = sound.info(path)
    except sound.AudioError:
        return np.array([np.nan])
    return np.arange(0, max(frames / rate - 1, 0) + 1e-9, 0.5)


def speech_commands_v1(folder: Path) -> pd.DataFrame:
    """Ten commands and the background noises as an eleventh class, "silence" (D24).

    D25: noise files are cut into 1 s windows every 0.5 s; running_tap is valid, the others train
    (the recipe of TensorFlow Datasets and HEAR); test windows come from the separate test archive,
    when it is in test_set/. Group: the speaker, or the noise file.
    """
    rows = _commands(folder, TEN)
    for path in audio(need(folder / NOISE)):
        split = "valid" if path.startswith("running_tap") else "train"
        for start in _windows(folder / NOISE / path):
            rows.append((f"{NOISE}/{path}", "silence", split, path, start, start + 1))
    for silence in (f"{archive}/_silence_" for archive in TEST_ARCHIVES):
        files = audio(folder / silence) if (folder / silence).is_dir() else []
        rows += [(f"{silence}/{file}", "silence", "test", "", np.nan, np.nan) for file in files]
    return index(folder, rows, COMMAND_COLUMNS)


def speech_commands_v2(folder: Path) -> pd.DataFrame:
    """The 35 words; background noises are no clips. Group: the speaker."""
    return index(folder, _commands(folder), COMMAND_COLUMNS)


def voxceleb1(folder: Path) -> pd.DataFrame:
    """Speakers by iden_split.txt, below wav/ as torchaudio has them or dev/wav/ and test/wav/.

    Group: the video.
    """
    bases = [path for path in (folder / "wav", *sorted(folder.glob("*/wav"))) if path.is_dir()]
    where = {
        entry.name: base.relative_to(folder).as_posix()
        for base in reversed(bases)
        for entry in base.iterdir()
    }
    path = folder / "iden_split.txt"
    rows = []
    for number, line in lists.numbered(path):
        match = IDENTIFICATION.fullmatch(line)
        if match is None:
            form = "1 id10006/<video>/00003.wav"
            raise DataError(f"{path}, line {number} is no '{form}': {lists.BACK}")
        code, file, speaker, video = match.groups()
        split = {"1": "train", "2": "valid", "3": "test"}[code]
        rows.append((f"{where.get(speaker, 'wav')}/{file}", speaker, split, f"{speaker}/{video}"))
    return index(folder, rows, ("path", "speaker", "split", "group"))


def fsdd(folder: Path) -> pd.DataFrame:
    """Recordings named digit_speaker_number.wav; official split: 0 to 4 are test.

    Missing: gaps below number 50 of the speakers that are there.
    """
    files = set(audio(need(folder / "recordings")))
    there = {match[2] for match in map(DIGIT.fullmatch, files) if match}
    files |= {f"{digit}_{name}_{i}.wav" for digit in range(10) for name in there for i in range(50)}
    rows = [
        (f"recordings/{match[0]}", match[1], match[2], "test" if int(match[3]) < 5 else "train")
        for match in map(DIGIT.fullmatch, files)
        if match
    ]
    return index(folder, rows, ("path", "digit", "speaker", "split"))


def spoken_language(folder: Path) -> pd.DataFrame:
    """Fragments under train/ and test/ at any depth; group: the recording.

    D30: there is no valid part; of each language the tenth of train recordings whose hash comes
    first is ours, without the augmented copies of what is held out, which are no recordings.
    """
    clips = []
    for path in audio(folder):
        *folders, name = path.split("/")
        match, split = FRAGMENT.fullmatch(name), "train" if "train" in folders else "test"
        if match and split in folders:
            clips.append((path, split, match))
    train = {match[2]: match[1] for _, split, match in clips if split == "train"}
    valid = held_out(train, train.values(), 0.1)
    rows = []
    for path, split, match in clips:
        language, recording, augmented = match.groups()
        split = "valid" if split == "train" and recording in valid else split
        if split == "train" or not augmented:
            rows.append((path, language, split, recording))
    return index(folder, rows, ("path", "language", "split", "group"))
