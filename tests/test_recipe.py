"""Sets cut again from their sources: a repository and a package that are made here."""

import shutil
import subprocess
import zipfile

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import tone, write

from asglib import audio
from asglib.data import download, index, recipe
from asglib.data.fetch import DownloadError


def git(folder, *words):
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", folder, *named, *words], capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path):
    """(folder, an older commit, in which the sound is not yet replaced)."""
    folder = tmp_path / "host/somebody/sounds"
    ramp = np.concatenate([tone(300, 1.0, 44_100), tone(900, 1.0, 44_100)])
    write(folder / "a b/*.wav", ramp, 44_100)
    write(folder / "other.wav", tone(100))
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    commit = git(folder, "rev-parse", "HEAD")
    write(folder / "a b/*.wav", tone(5_000, 2.0), 44_100)
    git(folder, "commit", "-qam", "second")
    return folder, commit


@pytest.fixture
def package(tmp_path):
    """A .deb with a file, and another inside of an archive."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("there is no dpkg-deb")
    tree = tmp_path / "tree"
    write(tree / "usr/share/game/loud.wav", 3 * tone(440, 1.0))
    write(tmp_path / "inner.wav", tone(700, 1.0))
    with zipfile.ZipFile(tree / "usr/share/game/public.pk3", "w") as packed:
        packed.write(tmp_path / "inner.wav", "sound/inner.wav")
    (tree / "DEBIAN").mkdir()
    control = "Package: game\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: a\nDescription: a\n"
    (tree / "DEBIAN/control").write_text(control)
    (tmp_path / "root/downloads").mkdir(parents=True)
    deb = tmp_path / "root/downloads/game_1%3a2.0-1_all.deb"
    subprocess.run(["dpkg-deb", "-b", tree, deb], capture_output=True, check=True)
    return deb


def table(tmp_path, monkeypatch, *rows):
    """A recipe of the pool: path, source, version, source_path, offset, seconds, split."""
    names = ["path", "source", "version", "source_path", "offset", "seconds", "split"]
    found = pd.DataFrame(rows, columns=names)
    found = found.assign(set="open-pool", kind="music", group=found.path)
    found.to_csv(tmp_path / "recipes.csv.gz", index=False)
    monkeypatch.setattr(recipe, "RECIPES", tmp_path / "recipes.csv.gz")


def loudest(wave):
    """Hertz of the largest bin."""
    return np.argmax(np.abs(np.fft.rfft(wave))) / len(wave) * audio.RATE


def test_clips_are_cut_from_a_commit_and_from_a_package(tmp_path, monkeypatch, repository, package):
    _, commit = repository
    sounds, game = ("git:somebody/sounds", commit), ("deb:game", "1:2.0-1")
    table(
        tmp_path,
        monkeypatch,
        ("s/0.ogg", *sounds, "a b/*.wav", 0.0, 0.9, "train"),
        ("s/1.ogg", *sounds, "a b/*.wav", 1.1, 0.5, "test"),
        ("g/2.ogg", *game, "usr/share/game/gone.wav", 0.0, 1.0, "train"),
        ("g/0.ogg", *game, "usr/share/game/loud.wav", 0.0, 1.0, "train"),
        ("g/1.ogg", *game, "sound/inner.wav", 0.2, 0.4, "train"),
        ("x/0.ogg", "deb:absent", "3", "a.wav", 0.0, 1.0, "train"),
    )
    said, host = [], f"file://{tmp_path}/host/{{}}"
    root = tmp_path / "root"
    folder = recipe.make("open-pool", root, said.append, host)
    assert said[-1] == f"{folder}: 4 of 6 clips are there."
    assert f"left out, absent: put its Debian package, 3, into {root}/downloads" in "\n".join(said)
    expected = {"s/0": (0.9, 300), "s/1": (0.5, 900), "g/0": (1.0, 440), "g/1": (0.4, 700)}
    for name, (seconds, hertz) in expected.items():
        header = soundfile.info(folder / f"{name}.ogg")
        assert (header.samplerate, header.channels, header.subtype) == (16_000, 1, "VORBIS")
        wave = audio.read(folder / f"{name}.ogg")
        assert len(wave) == round(seconds * 16_000)
        assert loudest(wave) == pytest.approx(hertz, abs=3)
    assert np.abs(audio.read(folder / "g/0.ogg")).max() == pytest.approx(0.95, abs=0.05)
    assert not (root / "downloads/somebody-sounds/other.wav").exists()
    rows = index.load("open-pool", root, tmp_path / "cache")
    assert rows.split.tolist() == ["train", "train", "train", "test"]
    assert rows.attrs["missing"] == ["g/2.ogg", "x/0.ogg"]
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.ogg")}
    recipe.make("open-pool", root, said.append, "file:///nowhere/{}")  # of which nothing is asked
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.ogg")} == times


def test_what_cannot_be_had_is_one_sentence_each(tmp_path, monkeypatch, repository):
    folder, _ = repository
    missing = "0" * 40
    table(
        tmp_path,
        monkeypatch,
        ("a.ogg", "git:somebody/sounds", missing, "other.wav", 0.0, 1.0, "train"),
    )
    said, host = [], f"file://{tmp_path}/host/{{}}"
    with pytest.raises(DownloadError, match="open-pool: none of its 1 clips could be made"):
        recipe.make("open-pool", tmp_path / "root", said.append, host)
    assert said[-1].startswith(f"left out, file://{folder} at {missing}: git says: ")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DownloadError):
        recipe.make("open-pool", tmp_path / "root", said.append, host)
    assert said[-1].endswith("the program git is needed; install it.")


@pytest.fixture
def decoder(tmp_path, monkeypatch):
    """In the place of ffmpeg: whatever it is given, it writes a second of a tone."""
    write(tmp_path / "real.wav", tone(440, 1.0))
    program = tmp_path / "bin/ffmpeg"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncp {tmp_path}/real.wav "$6"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_telephone_sound_is_decoded_by_ffmpeg(tmp_path, decoder):
    recipe.cut(tmp_path / "a.g722", tmp_path / "out/a.ogg", 0.25, 0.5)
    assert len(audio.read(tmp_path / "out/a.ogg")) == 8_000


def test_the_recipes_are_those_of_the_sets(tmp_path):
    rows = pd.read_csv(recipe.RECIPES, dtype=str, keep_default_na=False)
    assert recipe.RECIPES.stat().st_size < 300_000 and set(rows.set) == set(recipe.SETS)
    assert rows.source.str.fullmatch(r"git:[\w.-]+/[\w.-]+|deb:[a-z0-9.+-]+").all()
    assert rows.version[rows.source.str.startswith("git:")].str.fullmatch("[0-9a-f]{40}").all()
    assert not rows.path.duplicated().any() and (rows.seconds.astype(float) <= 10.05).all()
    for name, part in rows.groupby("set"):
        counts = index.DATASETS[name].counts
        assert {
            split: counts[split] for split in ("train", "test")
        } == part.split.value_counts().to_dict()


def test_download_makes_them(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(recipe, "make", lambda *words: asked.append(words) or tmp_path)
    assert download.download("ravdess", tmp_path, print) == [tmp_path]
    assert asked == [("ravdess", tmp_path, print)]


def test_half_a_recording_is_no_clip(tmp_path, decoder):
    """What a killed decoder leaves is not taken for the whole; a short file is named, not cut."""
    write(tmp_path / "a.part.wav", tone(440, 0.1))
    recipe.cut(tmp_path / "a.g722", tmp_path / "out/a.ogg", 0.0, 1.0)
    assert (tmp_path / "a.wav").exists() and not (tmp_path / "a.part.wav").exists()
    with pytest.raises(DownloadError, match=r"a.wav: has 0.50 s from 0.50 s on, 2.00 belong there"):
        recipe.cut(tmp_path / "a.g722", tmp_path / "out/b.ogg", 0.5, 2.0)
    assert not (tmp_path / "out/b.ogg").exists()


def test_a_package_of_another_version_is_not_taken(tmp_path):
    for name in ("game_12.0-1_all.deb", "game_1%3a12.0-1_all.deb", "game_1%3a2.0-10_all.deb"):
        (tmp_path / name).touch()
    with pytest.raises(DownloadError, match="game: put its Debian package, 1:2.0-1, into"):
        recipe._package("game", "1:2.0-1", [], tmp_path)
    for name in ("game_2.0-1_all.deb", "game_1%3a2.0-1_all.deb"):  # with the epoch or without it
        (tmp_path / name.removesuffix(".deb")).mkdir()
        (tmp_path / name).touch()
        assert recipe._package("game", "1:2.0-1", [], tmp_path).name == name[:-4]
        (tmp_path / name).unlink()
