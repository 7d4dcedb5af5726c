"""Open sets cut again from their sources: git repositories at a commit, Debian packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from asglib import audio
from asglib.counting import counted
from asglib.data.fetch import DownloadError
from asglib.data.sets import DATASETS
from asglib.data.sound import write_sound
from asglib.files import write_atomically

RECIPES = Path(__file__).with_name("recipes.csv.gz")  # set, path, source, version, offset, ...
SETS = ("open-pool", "ravdess", "wake-words")
HOST = "https://github.com/{}"
SHORT = 0.1  # seconds that a clip may lack, as decoders round
PEAK = 0.95  # louder clips are scaled down to it
SMALLEST = 1.0  # libsndfile's compression level: Vorbis quality 0, about 3 kB/s


def make(name: str, root: Path, echo: Callable[[str], None] = print, host: str = HOST) -> Path:
    """Makes a set's folder below `root`: what is there is kept, what cannot be had is named.

    Repositories are cloned to root/downloads, where the Debian packages must lie. The clips are
    those of the recipe, though another encoder may write other bytes. DownloadError: none is there.
    """
    rows = pd.read_csv(RECIPES, dtype=str, keep_default_na=False)
    rows = rows[rows.set == name].drop(columns="set")
    folder = root / DATASETS[name].folders[0]
    for (source, version), part in rows.groupby(["source", "version"], sort=False):
        wanted = part[[not (folder / path).exists() for path in part.path]]
        if len(wanted):
            _add(source, version, wanted, folder, root / "downloads", host, echo)
    there = sum((folder / path).exists() for path in rows.path)
    if not there:
        raise DownloadError(f"{folder}: none of its {len(rows):,} clips could be made.")
    if not (folder / "index.csv").exists():
        listed = rows.loc[:, (rows != "").any()]
        write_atomically(folder / "index.csv", lambda out: listed.to_csv(out, index=False))
    echo(f"{folder}: {there:,} of {len(rows):,} clips are there.")
    return folder


def _add(
    source: str,
    version: str,
    wanted: pd.DataFrame,
    folder: Path,
    downloads: Path,
    host: str,
    echo: Callable[[str], None],
) -> None:
    """Cuts the clips of one source, or says why they cannot be had."""
    kind, _, home = source.partition(":")
    paths = list(wanted.source_path.unique())
    echo(f"{source}, {version}: {counted(len(wanted), 'clip')}")
    try:
        if kind == "git":
            files = _clone(host.format(home), version, paths, downloads / home.replace("/", "-"))
        else:
            files = _package(home, version, paths, downloads)
    except DownloadError as error:
        echo(f"left out, {error}")
        return
    for row in wanted.itertuples():
        target, part = folder / row.path, (float(row.offset), float(row.seconds))
        try:
            cut(files / row.source_path, target, *part)
        except (DownloadError, audio.AudioError) as error:
            echo(f"left out, {error}")


def _run(command: list[str], what: str, given: str = "") -> None:
    """DownloadError with the last line of what a program says when it fails."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True)
    except FileNotFoundError:
        raise DownloadError(f"{what}: the program {command[0]} is needed; install it.") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise DownloadError(f"{what}: {command[0]} says: {said[-1]}")


def _clone(url: str, commit: str, paths: Iterable[str], folder: Path) -> Path:
    """The files `paths` of a repository at a commit, without its history."""
    git, what = ["git", "--literal-pathspecs", "-C", str(folder)], f"{url} at {commit}"
    folder.mkdir(parents=True, exist_ok=True)
    _run([*git, "init", "-q"], what)
    _run([*git, "config", "remote.origin.url", url], what)
    _run([*git, "fetch", "-q", "--depth", "1", "--filter=blob:none", "origin", commit], what)
    listed = ["--pathspec-from-file=-", "--pathspec-file-nul"]
    _run([*git, "checkout", "-q", commit, *listed], what, "\0".join(paths))
    return folder


def _package(name: str, version: str, paths: Iterable[str], downloads: Path) -> Path:
    """The unpacked files of a Debian package that lies in `downloads`, and of archives in it."""
    plain, whole = version.rpartition(":")[2], version.replace(":", "%3a")  # as apt-get writes it
    packages = sorted(path for v in {whole, plain} for path in downloads.glob(f"{name}_{v}_*.deb"))
    if not packages:
        raise DownloadError(
            f"{name}: put its Debian package, {version}, into {downloads} "
            f"(apt-get download {name}={version}, or from snapshot.debian.org)."
        )
    folder = downloads / packages[0].stem
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}.unpacking")
        shutil.rmtree(temporary, ignore_errors=True)
        _run(["dpkg-deb", "-x", str(packages[0]), str(temporary)], str(packages[0]))
        for archive in (*temporary.rglob("*.zip"), *temporary.rglob("*.pk3")):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(temporary, set(paths) & set(packed.namelist()))
        os.replace(temporary, folder)
    return folder


def cut(source: Path, target: Path, offset: float, seconds: float) -> None:
    """Writes `seconds` of a recording from `offset` on as Vorbis, mono, 16 kHz; AudioError."""
    if source.suffix == ".g722":  # which libsndfile does not read
        decoded, part = source.with_suffix(".wav"), source.with_suffix(".part.wav")
        if not decoded.exists():
            _run(["ffmpeg", "-v", "error", "-y", "-i", str(source), str(part)], str(source))
            os.replace(part, decoded)
        source = decoded
    wave = audio.read(source, offset, offset + seconds)
    if len(wave) < (seconds - SHORT) * audio.RATE:
        there = f"{len(wave) / audio.RATE:.2f} s from {offset:.2f} s on"
        raise DownloadError(f"{source}: has {there}, {seconds:.2f} belong there; fetch it again.")
    wave = wave * np.float32(min(1, PEAK / max(np.abs(wave).max(), 1e-9)))
    write_sound(target, wave, format="OGG", subtype="VORBIS", compression_level=SMALLEST)
