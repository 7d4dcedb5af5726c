"""Every kind of file that a study leaves, damaged in every way: never used, and made again.

What cannot be made again from what is there, a converted set, is named with what to do.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fixture_trees
import numpy as np
import pytest
from conftest import QUICK, TINY, asked, essence

from asglib import files, training
from asglib.data import convert, converted, corpus, index, places, rirs, toy
from asglib.data.clips import Clips
from asglib.data.listing import DataError
from asglib.data.prepare import prepare, read_report
from asglib.data.workspace import Workspace
from asglib.study import names, runs
from asglib.study.evaluator import Evaluator

SECONDS = 300  # no case takes as long: who opens a pipe waits for ever
SMALLEST = replace(TINY, batch=4, clips_per_epoch=4)  # two steps
FROZEN = asked(pretraining=SMALLEST, training=replace(QUICK, epochs=1, drop_epoch=1))
TUNED = replace(FROZEN, setting="fine-tuned", training=replace(QUICK, batch=4))

# --- what may become of a file -------------------------------------------------------------------


def written(change):
    """A damage that makes another content of what is in the file."""

    def damage(path):
        path.write_bytes(change(path.read_bytes()))
        os.utime(path, ns=(1, 10**18))  # a coarse clock may give both the same time

    return damage


def flipped(share):
    """One bit, at that share of the length."""

    def change(content):
        at = min(int(share * len(content)), len(content) - 1)
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return written(change)


def replaced(make):
    """A damage that puts something else in the file's place."""

    def damage(path):
        path.unlink(missing_ok=True)  # a lock need not be there
        make(path)

    return damage


def full_folder(path):
    path.mkdir()
    (path / "somebody's file").write_text("text")


IN_PLACE = {
    "empty": written(lambda content: b""),
    "half of it": written(lambda content: content[: len(content) // 2]),
    "all zeros": written(lambda content: bytes(len(content))),
    "a bit flipped in its middle": flipped(0.5),
    "a bit flipped near its end": flipped(0.97),
    "noise": written(lambda content: np.random.default_rng(0).bytes(len(content))),
    "text": written(lambda content: b"this is another file"),
}


def not_to_be_read(path):
    path.touch()  # a lock need not be there
    path.chmod(0)


ELSE = {
    "a folder": replaced(full_folder),
    "a link to nowhere": replaced(lambda path: path.symlink_to("nowhere")),
    "a pipe": replaced(os.mkfifo),
    "not to be read": not_to_be_read,
}
DAMAGES = {"gone": os.unlink} | IN_PLACE | ELSE
OF_A_SUM = ("gone", "noise", "a folder", "not to be read")
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, VERSION_3 = 1, 2, 0x20080522  # <linux/capability.h>


@contextmanager
def no_right_to_read_all():
    """In a container tests run as root, whom no file's mode keeps out: not so here."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, found = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if os.geteuid() or not hasattr(libc, "capget") or libc.capget(header, found):
        yield
        return
    fewer = (ctypes.c_uint32 * 6)(*found)
    fewer[0] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    libc.capset(header, fewer)
    try:
        yield
    finally:
        libc.capset(header, found)


@pytest.fixture(autouse=True)
def as_anybody():
    """Without root's rights, and not for ever."""

    def late(*_):
        raise TimeoutError(errno.ETIMEDOUT, f"not done after {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    with no_right_to_read_all():
        yield
    signal.alarm(0)


# --- a finished study of two steps ---------------------------------------------------------------


class Stopped(Exception):
    pass


class Finished:
    """A workspace with every kind of file, and a copy of it to go back to."""

    def __init__(self, folder):
        self.kept = folder / "kept"
        self.workspace = Workspace(folder / "data", folder / "runs")
        self.runs, self.cache = self.workspace.runs, self.workspace.cache
        fixture_trees.esc50(self.workspace.data)
        self.stopped_at(TUNED, 3, lambda tell: Evaluator(SMALLEST, self.workspace, tell)(TUNED))
        shutil.rmtree(self.folder(SMALLEST))
        self.stopped_at(SMALLEST, 2, lambda tell: runs.trained(SMALLEST, self.workspace, tell))
        self.results = {ask: ask(self) for ask in ASKED}
        shutil.copytree(self.runs, self.kept / "runs")

    def folder(self, config):
        return self.runs / runs.run_name(config, self.workspace)

    def stopped_at(self, config, step, compute):
        """Keeps what a run leaves that is stopped at that step, a checkpoint after each."""

        def tell(row):
            if row.get("step") == step and self.folder(config).name == row["run"]:
                raise Stopped

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
            compute(tell)
        shutil.copytree(self.folder(config), self.kept / config_kind(config))

    def go_back(self, config):
        """The run is again as it was when it was stopped."""
        shutil.rmtree(self.folder(config))
        shutil.copytree(self.kept / config_kind(config), self.folder(config))

    @contextmanager
    def mended(self, file):
        """Leaves a whole study behind: what was made again, or the copy after a failure."""
        whole = False
        try:
            yield
            whole = file != CLIP  # one made again has another time, and waves of its own
        finally:
            if not whole:
                shutil.rmtree(self.runs)
                shutil.copytree(self.kept / "runs", self.runs)
        for aside in self.runs.rglob("*.damaged*"):
            shutil.rmtree(aside) if aside.is_dir() else aside.unlink()

    def waves(self):
        """Those of all clips, of which the pretraining reads half."""
        return max((self.cache / "waves").glob("*.f32"), key=lambda path: path.stat().st_size)


def config_kind(config):
    return "stopped fine-tuning" if config is TUNED else "stopped pretraining"


def trained(study, after=None):
    network, record = runs.trained(SMALLEST, study.workspace, after=after)
    config = (study.folder(SMALLEST) / "config.json").read_text()
    weights = {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}
    return weights, essence(record), config


def after_one(study):
    return trained(study, after=1)


def frozen(study):
    return essence(Evaluator(SMALLEST, study.workspace)(FROZEN))


def tuned(study):
    return essence(Evaluator(SMALLEST, study.workspace)(TUNED))


def prepared(study):
    report = prepare("esc50", study.workspace.data, study.cache, 1, echo=lambda line: None)
    return {key: value for key, value in report.items() if key != "written"}


def reported(study):
    """The report that is there; else the set is checked."""
    report = read_report("esc50", study.cache)
    if report is None:
        return prepared(study)
    return {key: value for key, value in report.items() if key != "written"}


ASKED = (trained, after_one, frozen, tuned, prepared, reported)


def anew(ask):
    """The answer of a process that knows nothing yet."""
    files._known.clear()
    corpus.load.cache_clear()
    names._sound.cache_clear()
    return ask


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "CLIPS", {"train": 4, "test": 4})
        few = rirs.Simulation(rooms=2, max_order=2)
        patch.setattr(rirs, "Simulation", lambda: few)
        anew(None)
        yield Finished(tmp_path_factory.mktemp("finished"))
        anew(None)


def record_gone(config):
    return lambda study: (study.folder(config) / "record.json").unlink()


def nothing(study):
    pass


def in_run(config, name):
    return lambda study: study.folder(config) / name


def in_cache(pattern):
    def place(study):
        return max(study.cache.glob(pattern), key=lambda path: path.stat().st_size)

    return place


CLIP = "clip of the embedded corpus"  # which has no checksum beside it
# file -> where it is, who asks for it, and what is done before, so that it is needed
FILES = {
    "record of a pretraining": (in_run(SMALLEST, "record.json"), trained, nothing),
    "encoder": (in_run(SMALLEST, "encoder.safetensors"), trained, nothing),
    "encoder after an epoch": (in_run(SMALLEST, "encoder-after-1.safetensors"), after_one, nothing),
    "checkpoint of a pretraining": (
        in_run(SMALLEST, "checkpoint.pt"),
        trained,
        lambda study: study.go_back(SMALLEST),
    ),
    "record of an evaluation": (in_run(FROZEN, "record.json"), frozen, nothing),
    "checkpoint of a fine-tuning": (
        in_run(TUNED, "checkpoint.pt"),
        tuned,
        lambda study: study.go_back(TUNED),
    ),
    "decoded waves": (in_cache("waves/*.f32"), frozen, record_gone(FROZEN)),
    "their listing": (
        lambda study: study.waves().with_suffix(".json"),
        frozen,
        record_gone(FROZEN),
    ),
    "impulse responses": (in_cache("rirs-*.npy"), trained, record_gone(SMALLEST)),
    "sums of the embedded corpus": (in_cache("toy-*/toy-a/sums.parquet"), frozen, nothing),
    CLIP: (in_cache("toy-*/toy-a/test/0003.flac"), frozen, nothing),
    "sums of files": (in_cache("content/*.parquet"), frozen, nothing),
    "index": (in_cache("index/esc50-*.parquet"), prepared, nothing),
    "report of a check": (in_cache("prepare/esc50.json"), reported, nothing),
    "table of a check": (in_cache("prepare/esc50.parquet"), prepared, nothing),
}
NOT_READ = {  # written, and read by people only; a lock's content is nothing
    "configuration": (in_run(SMALLEST, "config.json"), trained, record_gone(SMALLEST)),
    "lock": (in_run(SMALLEST, "lock"), trained, record_gone(SMALLEST)),
    "lock of the waves": (
        lambda study: study.waves().with_suffix(".lock"),
        frozen,
        record_gone(FROZEN),
    ),
}


def answers(study, ask, caplog):
    """Asks twice, as two new processes: both answers are right; what the first one warned of."""
    with caplog.at_level(logging.WARNING, "asglib"):
        assert anew(ask)(study) == study.results[ask]
        said = [record.getMessage() for record in caplog.records]
        caplog.clear()
        assert anew(ask)(study) == study.results[ask]
    assert not caplog.records
    return said


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_what_is_damaged_is_named_and_made_again(finished, file, how, caplog):
    find, ask, before = FILES[file]
    path = find(finished)
    with finished.mended(file):
        before(finished)
        DAMAGES[how](path)
        said = answers(finished, ask, caplog)
        assert said or how == "gone"
        assert all(str(path) in each and "\n" not in each for each in said)


@pytest.mark.parametrize("how", OF_A_SUM)
@pytest.mark.parametrize("file", [file for file in FILES if file != CLIP])
def test_a_file_whose_checksum_is_damaged_is_made_again(finished, file, how, caplog):
    find, ask, before = FILES[file]
    path = find(finished)
    with finished.mended(file):
        before(finished)
        DAMAGES[how](path.with_name(f".{path.name}.sha256"))
        assert f"{path} is damaged" in answers(finished, ask, caplog)[-1]


@pytest.mark.parametrize("how", ELSE)
@pytest.mark.parametrize("file", NOT_READ)
def test_what_is_never_read_stops_nothing(finished, file, how, caplog):
    find, ask, before = NOT_READ[file]
    path = find(finished)
    with finished.mended(file):
        before(finished)
        DAMAGES[how](path)
        assert all(str(path) in each for each in answers(finished, ask, caplog))


FOLDERS = {
    "run of a pretraining": (lambda study: study.folder(SMALLEST), trained, nothing),
    "run of an evaluation": (lambda study: study.folder(FROZEN), frozen, nothing),
    "decoded waves": (lambda study: study.cache / "waves", frozen, record_gone(FROZEN)),
    "sums of files": (lambda study: study.cache / "content", prepared, nothing),
    "indexes": (lambda study: study.cache / "index", prepared, nothing),
    "checks": (lambda study: study.cache / "prepare", reported, nothing),
}


@pytest.mark.parametrize("how", ["text", "a link to nowhere", "a pipe"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_in_the_place_of_a_folder_is_set_aside_and_all_in_it_made_again(
    finished, folder, how, caplog
):
    find, ask, before = FOLDERS[folder]
    path = find(finished)
    with finished.mended(folder):
        before(finished)
        shutil.rmtree(path)
        path.touch()
        DAMAGES[how](path)
        said = answers(finished, ask, caplog)
        assert said == [
            f"{path} is no folder: it is set aside as {path.name}.damaged and made again."
        ]


def test_what_cannot_be_set_aside_is_named(tmp_path, caplog):
    path = tmp_path / "a colleague's" / "record.json"
    path.mkdir(parents=True)
    path.parent.chmod(0o555)
    for _ in range(2):
        caplog.clear()
        assert places.load_checked(path, Path.read_text) is None
        assert f"{path} cannot be set aside (" in caplog.text
    path.parent.chmod(0o755)


# --- a converted set, whose originals may be gone ------------------------------------------------


class Converted:
    """A set as a conversion leaves it, beside its originals."""

    def __init__(self, folder):
        self.data, self.fast, self.cache = (folder / each for each in ("data", "fast", "cache"))
        fixture_trees.esc50(self.data)
        self.convert()
        self.folder = self.fast / "esc50"
        self.table, self.waves, _ = self.read()

    def convert(self):
        convert.convert("esc50", self.data, self.cache, self.fast, 1, lambda line: None)

    def read(self):
        """The index, the wave of each clip that can be decoded, and all that is told of others."""
        files._known.clear()
        table = index.load("esc50", self.fast, self.cache)
        listed = table.path.tolist()
        clips = Clips(f"{self.folder}/" + table.path, table.start, table.stop, self.cache)
        waves = {listed[clips.keep[i]]: clips.whole(i).tobytes() for i in range(len(clips))}
        told = [*table.attrs["missing"], *table.attrs["empty"], *map(str, clips.skipped)]
        return table, waves, told

    def is_whole(self):
        table, waves, _ = self.read()
        same = table.equals(self.table) and dict(table.attrs) == dict(self.table.attrs)
        return same and waves == self.waves


@pytest.fixture(scope="module")
def converted_set(tmp_path_factory):
    return Converted(tmp_path_factory.mktemp("converted"))


# of convert.json only the index's sum is read: a bit flipped elsewhere in it changes nothing
OF_ITS_LISTS = [(converted.INDEX, how) for how in DAMAGES]
OF_ITS_LISTS += [(converted.ABOUT, how) for how in DAMAGES if "flipped" not in how]


@pytest.mark.parametrize(("name", "how"), OF_ITS_LISTS)
def test_a_damaged_list_of_a_conversion_is_named_until_it_is_converted_again(
    converted_set, name, how
):
    path = converted_set.folder / name
    DAMAGES[how](path)
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            converted_set.read()
        told = str(caught.value)
        broken_off = f"{path.parent} is a conversion that was broken off: run prepare again."
        assert told == broken_off or (str(path) in told and "convert the set again" in told)
        assert "\n" not in told
    converted_set.convert()
    assert converted_set.is_whole()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_clip_of_a_conversion_is_never_used_and_is_named(converted_set, how):
    name = converted_set.table.path[2]
    path = converted_set.folder / name
    DAMAGES[how](path)
    for _ in range(2):
        _, waves, told = converted_set.read()
        if waves != converted_set.waves:  # what was decoded before may be kept
            others = {each: wave for each, wave in converted_set.waves.items() if each != name}
            assert waves == others and any(name in each for each in told)
    if "flipped" in how:  # a conversion that goes on looks at the ends of what is there
        path.unlink()
    converted_set.convert()
    assert converted_set.is_whole()
