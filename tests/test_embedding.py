"""Embeddings of one's own recordings: evaluation's bits, whatever is killed or broken."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from conftest import CPU, ROOT, broken_files, clips_of, noise, same_bits, tone, write
from test_corruptions import no_right_to_read_all
from torch.backends import cudnn

import asglib
from asglib import evaluation, files, hear, recordings
from asglib.__main__ import main
from asglib.config import ConfigError, Frontend
from asglib.data import index
from asglib.encoder import build, save_encoder
from asglib.recordings import EmbeddingError
from asglib.shortest import shortest

SMALL = Frontend(window=256, n_fft=256)
SECONDS = 0.25
SAMPLES = 4_000


@pytest.fixture(scope="module")
def encoder():
    f = build("tiny", SMALL, 3)
    waves = torch.from_numpy(noise(4 * SAMPLES)).view(4, SAMPLES)
    f.standardise(waves)
    f.train()(waves)
    return f.eval()


@pytest.fixture(scope="module")
def saved(encoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "pretrain-ASG-0123456789" / "encoder.safetensors"
    files.save_checked(path, lambda out: save_encoder(encoder, out))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 files of 0.1 to 2 s, and one that is broken: 157 segments of a quarter of a second."""
    made = tmp_path_factory.mktemp("recordings")
    for number in range(40):
        write(made / f"{number:02d}.wav", noise(1_600 + 780 * number, number))
    (made / "17.wav").write_bytes(b"no sound")
    return made


def numbers(table):
    return torch.from_numpy(table.filter(regex=r"^h\d+$").to_numpy().copy())


def embed(files, f, **how):
    return asglib.embed(files, f, seconds=SECONDS, **how)


def test_segments_are_evaluations_to_the_bit(encoder, folder, tmp_path):
    paths = sorted(folder.iterdir())
    clips = clips_of(paths, tmp_path / "cache")
    expected = evaluation.embed(encoder, clips, SAMPLES, CPU)
    assert len(expected.features) > recordings.BATCH  # more than one part
    table = embed([folder], encoder, segments=True)
    assert torch.equal(numbers(table), expected.features)
    assert table.path.tolist() == [clips.path(i) for i in expected.clip.tolist()]
    one = embed([folder / "31.wav"], encoder, segments=True)  # whatever else is in the list
    assert len(one) > 1
    assert torch.equal(numbers(one), numbers(table[table.path == str(folder / "31.wav")]))


def test_a_clip_is_the_mean_of_its_segments(encoder, folder):
    segments, clips = embed([folder], encoder, segments=True), embed([folder], encoder)
    assert len(clips) == 39 and clips.path.is_unique
    for path, rows in segments.groupby("path"):
        mine = clips[clips.path == path]
        torch.testing.assert_close(numbers(mine)[0], numbers(rows).mean(0))
        assert (mine.start.item(), mine.stop.item()) == (0, soundfile.info(path).duration)


def test_where_segments_lie(encoder, tmp_path):
    """0.6 s is two segments and a rest of 0.1 s, dropped; of 0.15 s, kept; 0.1 s is one (D13)."""
    lengths = {"a.wav": 0.6, "b.wav": 0.65, "c.wav": 0.1}
    for name, seconds in lengths.items():
        write(tmp_path / name, tone(500, seconds))
    table = embed([tmp_path], encoder, segments=True)
    found = [(path[-5:], start, stop) for path, start, stop in table.iloc[:, :3].to_numpy()]
    a, b, c = ([(name, *times) for times in rows] for name, rows in {
        "a.wav": [(0, 0.25), (0.25, 0.5)],
        "b.wav": [(0, 0.25), (0.25, 0.5), (0.5, 0.65)],
        "c.wav": [(0, 0.1)],
    }.items())  # fmt: skip
    assert found == [*a, *b, *c]
    assert embed([tmp_path], encoder).stop.tolist() == list(lengths.values())


def test_any_rate_any_channels_any_format(encoder, tmp_path):
    """The same tone as 16 kHz FLAC, 48 kHz stereo WAV and MP3 is nearly the same embedding."""
    write(tmp_path / "a.flac", tone(700, 1.0), subtype="PCM_16")
    stereo = np.stack([tone(700, 1.0, 48_000)] * 2, 1)
    write(tmp_path / "b.wav", stereo, 48_000, "PCM_16")
    soundfile.write(str(tmp_path / "c.mp3"), tone(700, 1.0, 44_100), 44_100)
    write(tmp_path / "d.wav", noise(16_000))
    one, two, three, other = numbers(embed([tmp_path], encoder))
    assert (one - two).norm() < 0.02 * (one - other).norm()
    assert (one - three).norm() < 0.2 * (one - other).norm()


def test_bad_files_are_listed_with_reasons(encoder, folder, tmp_path):
    bad = [path for path in broken_files(tmp_path / "bad") if path.suffix and not path.is_dir()]
    out = tmp_path / "table.parquet"
    table = embed([folder / "01.wav", *bad, folder / "02.wav"], encoder, out=out)
    assert [path[-6:] for path in table.path] == ["01.wav", "02.wav"]
    assert [file["path"] for file in table.attrs["bad"]] == list(map(str, bad))
    listed = pd.read_csv(tmp_path / "table.parquet.bad.csv")
    assert listed.to_dict("records") == table.attrs["bad"]
    assert listed.reason.str.contains(
        "cannot be decoded|not finite|no samples|is empty|no such file"
    ).all()


def test_a_second_call_finds_the_table(encoder, folder, tmp_path, monkeypatch):
    out = tmp_path / "table.parquet"
    first = embed([folder], encoder, out=out)
    content = out.read_bytes()
    monkeypatch.setattr(evaluation, "embed", lambda *rest, **more: pytest.fail("it is there"))
    again = embed([folder], encoder, out=out)
    assert again.equals(first) and again.attrs == first.attrs and out.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, f"{out.name}.bad.csv"]
    with pytest.raises(EmbeddingError, match=r"table\.parquet exists and is a table of something"):
        embed([folder], encoder, out=out, segments=True)
    assert out.read_bytes() == content


@pytest.mark.parametrize("what", ["text", "parquet", "folder"])
def test_an_output_of_another_kind_is_refused(what, encoder, folder, tmp_path):
    out = tmp_path / "mine"
    if what == "folder":
        out.mkdir()
    else:
        out.write_text("mine") if what == "text" else pd.DataFrame({"a": [1]}).to_parquet(out)
    told = "is a folder; name a file in" if what == "folder" else "exists and is a table of someth"
    with pytest.raises(EmbeddingError, match=f"mine {told}"):
        embed([folder], encoder, out=out)
    assert out.exists() and len(list(tmp_path.iterdir())) == 1


def test_what_is_done_is_not_read_again_and_the_bytes_are_the_same(
    encoder, folder, tmp_path, monkeypatch
):
    embed([folder], encoder, out=tmp_path / "whole", segments=True)
    keep, read, seen = recordings.Recordings._keep, recordings.audio.read, []

    def stopped(self, features):
        keep(self, features)
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(recordings.Recordings, "_keep", stopped)
        embed([folder], encoder, out=tmp_path / "table", segments=True)
    assert not (tmp_path / "table").exists()
    monkeypatch.setattr(recordings.audio, "read", lambda path: seen.append(path) or read(path))
    embed([folder], encoder, out=tmp_path / "table", segments=True)
    assert 0 < len(seen) < 20
    assert (tmp_path / "table").read_bytes() == (tmp_path / "whole").read_bytes()
    bad = [(tmp_path / f"{name}.bad.csv").read_bytes() for name in ("table", "whole")]
    assert bad[0] == bad[1]


def test_a_killed_command_goes_on_to_the_same_bytes(saved, folder, tmp_path):
    many = tmp_path / "many"
    for number in range(12):
        shutil.copytree(folder, many / str(number))
    words = [sys.executable, "-m", "asglib", "embed", str(many), "--encoder", str(saved.parent)]
    words += ["--seconds", "0.25", "--device", "cpu", "--out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("ASG_DATA", None)
    out = tmp_path / "table.parquet"
    killed = subprocess.Popen([*words, str(out)], env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list(tmp_path.glob(".*.parts/0*.npz"))) < 3 and time.monotonic() < until:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not out.exists()
    parts = sorted(tmp_path.glob(".*.parts/0*.npz"))
    assert len(parts) >= 3
    damaged = bytearray(parts[1].read_bytes())
    damaged[len(damaged) // 2] ^= 1  # and one part is not what was written
    parts[1].write_bytes(damaged)
    done = [
        subprocess.run([*words, str(path)], env=environment, capture_output=True, text=True)
        for path in (out, tmp_path / "whole")
    ]
    assert [each.returncode for each in done] == [1, 1]  # there are bad files
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    assert f"{12 * 39} rows in {out}; 12 bad files in {out}.bad.csv" in done[0].stdout
    assert f"{parts[1]} is damaged" in done[0].stderr
    assert not list(tmp_path.glob(".*"))


def test_the_command_takes_a_runs_name(saved, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("ASG_DATA", raising=False)
    monkeypatch.setenv("ASG_RUNS", str(saved.parents[1]))
    monkeypatch.setenv("ASG_DEVICE", "cpu")
    words = ["embed", str(folder / "01.wav"), "--encoder", saved.parent.name, "--seconds", "0.25"]
    assert main([*words, "--out", str(tmp_path / "t.parquet")]) == 0
    assert f"1 row in {tmp_path}" in capsys.readouterr().out
    assert main([*words, "--segments", "--out", str(tmp_path / "t.parquet")]) == 2
    assert "exists and is a table of something else" in capsys.readouterr().err


def test_bad_input_is_one_sentence(encoder, folder, tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("no encoder")
    with pytest.raises(ConfigError, match="text.safetensors: is no whole encoder of asglib"):
        embed([folder], text)
    with pytest.raises(ConfigError, match="safetensors: there is no such file"):
        embed([folder], tmp_path)
    with pytest.raises(EmbeddingError, match="no files are given; name sounds"):
        embed([], encoder)
    with pytest.raises(EmbeddingError, match="no sound is in this folder; .aif, .aiff"):
        embed([tmp_path], encoder)
    with pytest.raises(
        EmbeddingError, match="nothing can be decoded of 2 files; the first: .*gone"
    ):
        embed([tmp_path / "gone.wav", text], encoder)
    for seconds in (0.008, 0, -1, 1e9, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"the length of a segment in seconds is .*; give"):
            asglib.embed([folder], encoder, seconds=seconds)


def test_a_name_that_is_no_utf8_is_a_bad_file(encoder, folder, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b"\xff.wav")
    shutil.copy(folder / "01.wav", odd)
    table = embed([tmp_path, folder / "01.wav"], encoder, out=tmp_path / "t.parquet")
    assert len(table) == 1 and "no UTF-8; rename it" in table.attrs["bad"][0]["reason"]


def test_another_command_on_the_same_table_is_told(encoder, folder, tmp_path, monkeypatch):
    out, seen = tmp_path / "t.parquet", []
    keep = recordings.Recordings._keep

    def second(self, features):
        if not seen:
            seen.append(0)
            with pytest.raises(EmbeddingError, match="another command is making it"):
                embed([folder], encoder, out=out)
        keep(self, features)

    monkeypatch.setattr(recordings.Recordings, "_keep", second)
    assert len(embed([folder], encoder, out=out)) == 39 and seen


def test_a_link_that_leads_nowhere_is_a_bad_file(encoder, tmp_path):
    write(tmp_path / "there.wav", tone(440, 0.5))
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.wav").mkdir()
    table = asglib.embed([tmp_path], encoder)
    assert table.path.tolist() == [str(tmp_path / "there.wav")]
    (bad,) = table.attrs["bad"]
    assert bad["path"] == str(tmp_path / "gone.wav") and "there is no such file" in bad["reason"]


def test_what_is_not_read_is_told_and_not_passed_over(encoder, tmp_path):
    """A phone's recordings beside others: they were passed over, and nothing was said."""
    write(tmp_path / "a.wav", tone(440, 0.5))
    (tmp_path / "b.wav").write_bytes(b"")
    (tmp_path / "memo.M4A").write_bytes(b"\0\0\0\x1cftypM4A ")
    (tmp_path / "notes.txt").write_text("no sound")
    table = asglib.embed([tmp_path], encoder)
    assert table.path.tolist() == [str(tmp_path / "a.wav")]
    empty, memo = (bad["reason"] for bad in table.attrs["bad"])
    assert empty == f"{tmp_path / 'b.wav'}: it is empty; copy it again."
    assert memo == f"{tmp_path / 'memo.M4A'}: .M4A is not read; convert it to wav or flac."


def test_the_shortest_wave_is_what_the_network_takes(folder):
    """Audio2Vec halves 32 frames of 10 ms five times, BYOL-A 8 three times; CPC: 955 samples."""
    mel = Frontend(window=400, n_mels=64)
    known = {"audio2vec": 32 * 160, "byol_a": 8 * 160, "cpc-tiny": 955, "tiny": 257}
    assert {name: shortest(build(name, mel)) for name in known} == known
    with pytest.raises(ConfigError, match="segment in seconds is 0.2; give 0.32 to 7200"):
        asglib.embed([folder / "39.wav"], build("audio2vec", mel), seconds=0.2)
    assert len(asglib.embed([folder / "39.wav"], build("audio2vec", mel), seconds=0.32)) == 1


def test_a_damaged_encoder_is_named_where_its_checksum_lies_beside_it(saved, folder, tmp_path):
    """One bit of a weight: the file opens, and its embeddings would be wrong."""
    run = tmp_path / "run"
    shutil.copytree(saved.parent, run)
    content = bytearray((run / saved.name).read_bytes())
    content[-3] ^= 64
    (run / saved.name).write_bytes(content)
    damaged = str(run / saved.name)
    for call in (
        lambda: asglib.load(damaged),
        lambda: asglib.embed([folder], run),
        lambda: hear.load_model(damaged),
    ):
        with pytest.raises(ConfigError, match="encoder.safetensors is damaged: its checksum"):
            call()
    (run / f".{saved.name}.sha256").unlink()
    assert not same_bits(asglib.load(run / saved.name), asglib.load(saved))


@pytest.mark.parametrize("kind", [str, Path])
def test_one_file_is_that_file_alone(kind, encoder, tmp_path, monkeypatch):
    """A str has characters, "." among them: the folder of all of them."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav"):
        write(tmp_path / name, tone(440, 0.5))
    assert embed(kind("a.wav"), encoder).path.tolist() == ["a.wav"]


def test_a_gpu_rounds_as_in_an_evaluation_and_is_left_as_it_was(encoder, folder):
    """Where these flags differ its bits do; the process is the caller's."""
    used, own = [], copy.deepcopy(encoder)

    def flags():
        return cudnn.enabled, cudnn.deterministic, cudnn.allow_tf32

    own.network.register_forward_hook(lambda *_: used.append(flags()))
    with cudnn.flags(enabled=True, deterministic=False, allow_tf32=True):
        embed([folder / "31.wav"], own)
        assert flags() == (True, False, True)
    assert used and set(used) == {(True, True, False)}


def test_the_encoder_stays_as_it_is(encoder, folder):
    own = copy.deepcopy(encoder).train()
    embed([folder / "00.wav"], own)
    assert own.training and same_bits(own, encoder)


def test_a_table_that_another_command_made_meanwhile_stays(encoder, folder, tmp_path, monkeypatch):
    """Its recordings are others, so that the two share no lock."""
    out, keep = tmp_path / "t.parquet", recordings.Recordings._keep
    first = [folder / "00.wav"]

    def other(self, features):
        monkeypatch.setattr(recordings.Recordings, "_keep", keep)
        embed(first, encoder, out=out)
        keep(self, features)

    monkeypatch.setattr(recordings.Recordings, "_keep", other)
    with pytest.raises(EmbeddingError):
        embed([folder / "01.wav"], encoder, out=out)
    assert pd.read_parquet(out).path.tolist() == [str(first[0])]


def test_a_recording_replaced_by_one_of_its_size_and_time_is_no_longer_the_tables(
    encoder, folder, tmp_path
):
    file, out = tmp_path / "a.wav", tmp_path / "t.parquet"
    shutil.copy(folder / "00.wav", file)
    first, status = embed([file], encoder, out=out), os.stat(file)
    write(tmp_path / "other.wav", noise(1_600, 99))
    os.utime(tmp_path / "other.wav", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(tmp_path / "other.wav", file)
    assert os.stat(file).st_size == status.st_size
    with pytest.raises(EmbeddingError, match="exists and is a table of something else"):
        embed([file], encoder, out=out)
    assert not np.allclose(numbers(embed([file], encoder)), numbers(first))


def test_a_folder_that_cannot_be_written_is_named(encoder, folder, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs").chmod(0o555)
    with no_right_to_read_all(), pytest.raises(PermissionError, match="denied: .*theirs"):
        embed([folder / "00.wav"], encoder, out=tmp_path / "theirs/t.parquet")


def test_only_what_a_killed_command_left_of_this_table_goes(encoder, folder, tmp_path):
    left = tmp_path / ".4711.t[1].parquet"
    mine = [tmp_path / name for name in (".2024-06.t[1].parquet", ".4711.t1.parquet", ".4.a.csv")]
    for path in (left, *mine):
        path.write_text("something")
    embed([folder / "00.wav"], encoder, out=tmp_path / "t[1].parquet")
    assert not left.exists() and all(path.read_text() == "something" for path in mine)


def test_a_folder_has_the_sounds_that_a_check_of_it_finds(encoder, tmp_path):
    """A disk that is linked to is looked into, what is hidden or linked in a circle is not."""
    for place in ("here/b.wav", "here/deep/a.wav", "here/.trash/old.wav", "disk/c.wav"):
        write(tmp_path / place, tone(440, 0.5))
    (tmp_path / "here/music").symlink_to(tmp_path / "disk")
    (tmp_path / "here/deep/up").symlink_to(tmp_path / "here")
    table = embed([tmp_path / "here"], encoder)
    found = [str(Path(path).relative_to(tmp_path / "here")) for path in table.path]
    assert found == ["b.wav", "deep/a.wav", "music/c.wav"]
    assert found == index.load("here", tmp_path, tmp_path / "cache").path.tolist()
