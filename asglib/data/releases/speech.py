"""Spoken words and speakers (paper section 3.1): LibriSpeech, Speech Commands V1 and V2, VoxCeleb1."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from asglib import audio as sound
from asglib.data.listing import audio, held_out, index, lines, need
from asglib.data.sets import DataError, DataSet, Task

SUBSET = "train-clean-100"
TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
WORDS = (
    "backward",
    "bed",
    "bird",
    "cat",
    "dog",
    "down",
    "eight",
    "five",
    "follow",
    "forward",
    "four",
    "go",
    "happy",
    "house",
    "learn",
    "left",
    "marvin",
    "nine",
    "no",
    "off",
    "on",
    "one",
    "right",
    "seven",
    "sheila",
    "six",
    "stop",
    "three",
    "tree",
    "two",
    "up",
    "visual",
    "wow",
    "yes",
    "zero",
)
NOISE = "_background_noise_"
TEST_ARCHIVES = ("test_set", "speech_commands_test_set_v0.01")
IDENTIFICATION = re.compile(r"([123]) ((id\d{5})/([\w-]{11})/\d{5}\.wav)")


def _librispeech(folder: Path) -> tuple[Path, str]:
    """(folder of the subset, its path in `folder`): LibriSpeech/ or train-clean-100/ itself may be the folder."""
    return (folder, "") if folder.name == SUBSET else (need(folder / SUBSET), f"{SUBSET}/")


def speakers(folder: Path) -> tuple[str, ...]:
    """The subset's speaker ids in numeric order, from SPEAKERS.TXT, else from the folders' names."""
    base, _ = _librispeech(folder)
    listing = base.parent / "SPEAKERS.TXT"
    if not listing.exists():
        return tuple(
            sorted((entry.name for entry in base.iterdir() if entry.name.isdigit()), key=int)
        )
    fields = (
        line.split("|", 4) for line in lines(listing) if not line.startswith(";")
    )  # names may hold pipes
    return tuple(sorted((row[0].strip() for row in fields if row[2].strip() == SUBSET), key=int))


def librispeech(folder: Path) -> pd.DataFrame:
    """Speaker identification in train-clean-100; attrs["unlisted"]: utterances that the given split lists leave out."""
    base, prefix = _librispeech(folder)
    ids = {Path(path).stem for path in audio(base)}
    for transcript in base.glob("*/*/*.trans.txt"):
        ids.update(line.split(" ", 1)[0] for line in lines(transcript))
    lists = {split: folder / f"{split}_split.txt" for split in ("train", "test")}
    if any(
        path.exists() for path in lists.values()
    ):  # one without the other is an error, no reason for our rule
        splits = {name: split for split, path in lists.items() for name in lines(path)}
    else:  # D23: no official split; ours holds a fifth of each speaker's utterances out
        test = held_out(ids, (name.split("-")[0] for name in ids), 0.2)
        splits = {name: "test" if name in test else "train" for name in ids}
    rows = [
        {
            "path": f"{prefix}{name.split('-')[0]}/{name.split('-')[1]}/{name}.flac",
            "speaker": name.split("-")[0],
            "split": split,
        }
        for name, split in splits.items()
    ]
    return index(folder, rows, ("speaker",), unlisted=len(ids - set(splits)))


def _commands(folder: Path, words: tuple[str, ...]) -> list[dict]:
    """Rows of the word clips: what the two lists name is valid and test, the rest is train; group: the speaker."""
    lists = {"valid": "validation_list.txt", "test": "testing_list.txt"}
    splits = {path: split for split, name in lists.items() for path in lines(folder / name)}
    paths = {
        f"{word}/{path}"
        for word in words
        if (folder / word).is_dir()
        for path in audio(folder / word)
    }
    paths.update(path for path in splits if path.split("/")[0] in words)
    return [
        {
            "path": path,
            "word": path.split("/")[0],
            "split": splits.get(path, "train"),
            "group": path.split("/")[1].split("_nohash_")[0],
        }
        for path in paths
        if "_nohash_" in path
    ]


def _windows(path: Path) -> np.ndarray:
    """Where 1 s windows start, every 0.5 s; of a file without a header NaN, the whole file, which is then skipped."""
    try:
        frames, rate, _ = sound.info(path)
    except sound.AudioError:
        return np.array([np.nan])
    return np.arange(0, max(frames / rate - 1, 0) + 1e-9, 0.5)


def speech_commands_v1(folder: Path) -> pd.DataFrame:
    """Ten commands and the background noises as an eleventh class, "silence" (D24).

    D25: noise files are cut into 1 s windows every 0.5 s; running_tap is valid, the others train (the recipe of
    TensorFlow Datasets and HEAR); test windows come from the separate test archive, when it is in test_set/.
    """
    rows = _commands(folder, TEN)
    for path in audio(need(folder / NOISE)):
        rows += [
            {
                "path": f"{NOISE}/{path}",
                "word": "silence",
                "group": path,
                "start": start,
                "stop": start + 1.0,
                "split": "valid" if path.startswith("running_tap") else "train",
            }
            for start in _windows(folder / NOISE / path)
        ]
    for archive in TEST_ARCHIVES:
        silence = folder / archive / "_silence_"
        rows += [
            {"path": f"{archive}/_silence_/{path}", "word": "silence", "split": "test"}
            for path in (audio(silence) if silence.is_dir() else ())
        ]
    return index(
        folder, [{"start": np.nan, "stop": np.nan, "group": "", **row} for row in rows], ("word",)
    )


def speech_commands_v2(folder: Path) -> pd.DataFrame:
    """The 35 words; background noises are no clips."""
    return index(folder, _commands(folder, WORDS), ("word",))


def voxceleb1(folder: Path) -> pd.DataFrame:
    """Speaker identification by iden_split.txt, laid out as torchaudio does (wav/) or a folder a zip (dev/, test/)."""
    bases = [path for path in (folder / "wav", *sorted(folder.glob("*/wav"))) if path.is_dir()]
    where = {
        entry.name: f"{base.relative_to(folder).as_posix()}/"
        for base in reversed(bases)
        for entry in base.iterdir()
    }
    rows = []
    for number, line in enumerate(lines(folder / "iden_split.txt"), 1):
        match = IDENTIFICATION.fullmatch(line)
        if match is None:
            raise DataError(
                f"{folder / 'iden_split.txt'}, line {number} is no '1 id10006/<video>/00003.wav': "
                "download the list again."
            )
        code, path, speaker, video = match.groups()
        rows.append(
            {
                "path": where.get(speaker, "wav/") + path,
                "speaker": speaker,
                "group": f"{speaker}/{video}",
                "split": {"1": "train", "2": "valid", "3": "test"}[code],
            }
        )
    return index(folder, rows, ("speaker",))


LIBRISPEECH = DataSet(
    name="librispeech",
    title="LibriSpeech 100 h, speakers (LS)",
    folders=("LibriSpeech", "librispeech", SUBSET),
    build=librispeech,
    tasks={"speaker": Task("speaker", speakers)},
    seconds=12.69,  # 100.59 h / 28,539 utterances
    split_rule="The CPC lists, when train_split.txt and test_split.txt are in the folder; else in each speaker the "
    "20 % of utterances whose id's SHA-256 comes first are the test part. Either way chapters are in both "
    "parts, so that near-perfect scores are expected. The paper's 33,862 recordings are more than the "
    "28,539 of train-clean-100, which is the part that its 251 speakers read.",
    split_source="CPC lists, published with s3prl (speaker_linear_utter_libri); the paper gives none",
    licence="CC BY 4.0",
    citation="Panayotov et al., Librispeech: An ASR corpus based on public domain audio books, "
    "ICASSP 2015",
    obtain="extract http://www.openslr.org/resources/12/train-clean-100.tar.gz under the data root, and for the "
    "published split put train_split.txt and test_split.txt into LibriSpeech/.",
    counts={
        "train": 22_830,
        "test": 5_708,
        "clips": 28_539,
        "classes": 251,
        "clips by the paper": 33_862,
    },
)

_COMMANDS = "Warden, Speech Commands: A dataset for limited-vocabulary speech recognition, arXiv 1804.03209, 2018"
SPEECH_COMMANDS_V1 = DataSet(
    name="speech_commands_v1",
    title="Speech Commands V1, ten commands and noise (SCV1)",
    folders=("speech_commands_v0.01", "SpeechCommands/speech_commands_v0.01", "speech_commands_v1"),
    build=speech_commands_v1,
    tasks={"words": Task("word", (*TEN, "silence"))},
    seconds=1.0,
    split_rule="Words by the official lists, the rest is train; noise windows: running_tap valid, other files train, "
    "test from the test archive. The paper says 'ten basic commands ... with the background noises as a new "
    "class', 11 classes; others read V1 as all 30 words (BYOL-A's code, EVAR), as 12 classes with the other "
    "words as 'unknown' (SUPERB, DeLoRes), as 11 that COLA does not list, or as 31 (LAPE).",
    split_source="validation_list.txt and testing_list.txt; the recipe of TensorFlow Datasets for the noise",
    licence="CC BY 4.0",
    citation=_COMMANDS,
    obtain="extract http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz into <data root>/"
    "speech_commands_v0.01, and speech_commands_test_set_v0.01.tar.gz into its test_set/ for the noise class.",
    counts={
        "classes": 11,
        "clips of all 30 words": 64_721,
        "valid of all 30 words": 6_798,
        "test of all 30 words": 6_835,
    },
)

SPEECH_COMMANDS_V2 = DataSet(
    name="speech_commands_v2",
    title="Speech Commands V2, 35 words (SCV2)",
    folders=("speech_commands_v0.02", "SpeechCommands/speech_commands_v0.02", "speech_commands_v2"),
    build=speech_commands_v2,
    tasks={"words": Task("word", WORDS)},
    seconds=1.0,
    split_rule="validation_list.txt is valid, testing_list.txt is test, the rest is train; no speaker crosses.",
    split_source="the official lists",
    licence="CC BY 4.0",
    citation=_COMMANDS,
    obtain="extract http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz into <data root>/"
    "speech_commands_v0.02.",
    counts={"train": 84_843, "valid": 9_981, "test": 11_005, "clips": 105_829, "classes": 35},
)

VOXCELEB1 = DataSet(
    name="voxceleb1",
    title="VoxCeleb1, speakers (VC)",
    folders=("voxceleb1", "VoxCeleb1", "voxceleb"),
    build=voxceleb1,
    tasks={"speaker": Task("speaker")},
    seconds=8.2,
    # D26: the classes are the speakers that are there.
    split_rule="iden_split.txt: 1 train, 2 valid, 3 test. With both zips 1,251 speakers, with the dev zip alone the "
    "1,211 that the paper names beside the 153,516 clips of both.",
    split_source="the official identification split",
    licence="CC BY 4.0 (research; ask the authors for access)",
    citation="Nagrani et al., VoxCeleb: A large-scale speaker identification dataset, Interspeech 2017",
    obtain="extract vox1_dev_wav.zip and vox1_test_wav.zip under <data root>/voxceleb1 and put iden_split.txt from "
    "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/iden_split.txt there.",
    counts={
        "train": 138_361,
        "valid": 6_904,
        "test": 8_251,
        "clips": 153_516,
        "classes": 1_251,
        "classes by the paper": 1_211,
    },
)
