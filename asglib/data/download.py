"""Data sets with a stable public address: fetched, verified and unpacked (paper section 3.1).

Sizes and checksums are the publishers' or, where they state none, those that torchaudio, TensorFlow
Datasets, HEAR or VoxCeleb's trainer pin; None means that nobody states one, and the user is told.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asglib.data import index
from asglib.data.fetch import DownloadError, Source, fetch
from asglib.data.unpack import unpack

LISTS_ONLY = ("audioset", "vggsound")  # their sound is on YouTube
_AUDIOSET = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv/"
_COMMANDS = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_"
_SPLIT = "https://raw.githubusercontent.com/s3prl/s3prl/main/s3prl/downstream/speaker_linear_utter_libri/data/"
_NSYNTH = "http://download.magenta.tensorflow.org/datasets/nsynth/nsynth-"

SOURCES = {
    "audioset": tuple(
        Source(f"{_AUDIOSET}{part}_segments.csv", f"audioset/metadata/{part}_segments.csv")
        for part in ("eval", "balanced_train", "unbalanced_train")
    )
    + (
        Source(
            _AUDIOSET + "class_labels_indices.csv",
            "audioset/metadata/class_labels_indices.csv",
            14_675,
            "cdd1049833c4b86127c2773ac0d14a2754b6a6d0d1798002ed5c66e699708429",
        ),
    ),
    "vggsound": (
        Source(
            "https://raw.githubusercontent.com/hche11/VGGSound/master/data/vggsound.csv",
            "vggsound/vggsound.csv",
        ),
    ),
    "librispeech": (
        Source(
            "https://www.openslr.org/resources/12/train-clean-100.tar.gz",
            "LibriSpeech",
            6_387_309_499,
            "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
        ),
        Source(
            _SPLIT + "train_split.txt",
            "LibriSpeech/train_split.txt",
            sha256="c37e1c4831552fad4c9595526166fc0ff0481eed8e02622c3c5d73386cd8b62d",
        ),
        Source(
            _SPLIT + "test_split.txt",
            "LibriSpeech/test_split.txt",
            sha256="a961da3bdcd86ae56ba186e07c36e20ba6e2532f985b2b77811e9df93605770c",
        ),
    ),
    "speech_commands_v1": (
        Source(
            _COMMANDS + "v0.01.tar.gz",
            "speech_commands_v0.01",
            None,
            "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
        ),
        Source(_COMMANDS + "test_set_v0.01.tar.gz", "speech_commands_v0.01/test_set"),
    ),
    "speech_commands_v2": (
        Source(
            _COMMANDS + "v0.02.tar.gz",
            "speech_commands_v0.02",
            2_428_923_189,
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        ),
    ),
    "nsynth": tuple(
        Source(f"{_NSYNTH}{part}.jsonwav.tar.gz", f"nsynth/nsynth-{part}", md5=md5)
        for part, md5 in (
            ("train", "fde6665a93865503ba598b9fac388660"),
            ("valid", "87e94a00a19b6dbc99cf6d4c0c0cae87"),
            ("test", "5e6f8719bf7e16ad0a00d518b78af77d"),
        )
    ),
    "musan": (
        Source(
            "https://www.openslr.org/resources/17/musan.tar.gz",
            "musan",
            md5="0c472d4fc0c5141eca47ad1ffeb2a7df",
        ),
    ),
    # GitHub makes these two on request, not byte for byte the same each time: no checksum holds
    "esc50": (Source("https://github.com/karoldvl/ESC-50/archive/master.zip", "ESC-50-master"),),
    "fsdd": (
        Source(
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
            "free-spoken-digit-dataset",
        ),
    ),
    "slr28": (
        Source(
            "https://www.openslr.org/resources/28/rirs_noises.zip",
            "RIRS_NOISES",
            md5="e6f48e257286e05de56413b4779d8ffb",
        ),
    ),
}


def download(name: str, data_root: Path, echo: Callable[[str], None] = print) -> list[Path]:
    """Fetches and unpacks what a set's publishers offer; what is there already is left alone.

    DownloadError for a set that needs a form, a login or a crawler, with the steps.
    """
    data_set = index.DATASETS.get(name)
    if name not in SOURCES and data_set:
        raise DownloadError(f"{data_set.title}: no stable public address. {data_set.obtain}")
    if name not in SOURCES:
        known = ", ".join(SOURCES)
        raise DownloadError(f"{name}: no such data set; these can be downloaded: {known}.")
    targets = [_obtain(source, Path(data_root), echo) for source in SOURCES[name]]
    if name in LISTS_ONLY:
        echo(f"{data_set.title}: these are the lists only. {data_set.obtain}")
    return targets


def _obtain(source: Source, root: Path, echo: Callable[[str], None]) -> Path:
    """The file or the unpacked folder of a source, fetched unless it is there."""
    target = root / source.target
    if target.exists():
        echo(f"{target}: already there.")
        return target
    suffix = next((end for end in (".tar.gz", ".zip") if source.url.endswith(end)), "")
    if not suffix:
        return fetch(source, target, echo)
    archive = root / "downloads" / f"{source.target.replace('/', '-')}{suffix}"
    unpack(fetch(source, archive, echo), target)
    echo(f"{target}: unpacked; {archive} is no longer needed.")
    return target
