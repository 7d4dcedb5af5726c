"""The machine and all data sets at a glance."""

import os
import shutil

import pytest
import soundfile
from esc50_tree import esc50, tone

from asglib.data import doctor, index
from asglib.data.prepare import prepare


def test_doctor_shows_every_set_and_the_machine(tmp_path):
    tree = esc50(tmp_path / "data")
    said = []
    root, cache = tmp_path / "data", tmp_path / "cache"
    table = doctor.doctor(root, cache, said.append)
    sets = [name for name, data_set in index.DATASETS.items() if not data_set.embedded]
    assert table.index.tolist() == sets and len(table) >= 16
    assert not list(root.glob("toy*"))
    assert table.index[table.state != "absent"].tolist() == ["esc50"]
    row = table.loc["esc50"]
    assert (row.state, row.found, row.published) == ("found", 15, 2_000)
    assert row.GB > 15 * 88_000 / 1e9
    prepare("esc50", root, cache, 2, echo=said.append)
    again = doctor.doctor(root, cache, said.append).loc["esc50"]
    assert again.state == "prepared" and again.hours == pytest.approx(15 / 3600, rel=0.01)
    text = "\n".join(said)
    for word in ("python: ", "torch: ", "cuda: ", "cores: ", "memory: ", "disk: "):
        assert word in text, word
    assert f"cores: {len(os.sched_getaffinity(0))} of {os.cpu_count()}" in said
    assert index.DATASETS["voxceleb1"].obtain in text
    soundfile.write(tree / "audio/1-1001-A-0.wav", tone(2.0), 44_100)
    stale = doctor.doctor(root, cache, said.append).loc["esc50"]
    assert stale.state == "changed" and "prepare it again" in stale.advice
    assert set(doctor.doctor(None, cache, said.append).state) == {"absent"}
    with pytest.raises(index.DataError, match="nowhere is no folder"):
        doctor.doctor(tmp_path / "nowhere", cache, said.append)


def test_a_broken_set_hides_no_other(tmp_path, monkeypatch):
    esc50(tmp_path / "data")
    (tmp_path / "data/DESED").mkdir()
    (tmp_path / "data/birds2018").mkdir()
    load = index.load

    def broken(name, *where):
        if name == "desed":
            raise PermissionError(13, "Permission denied", "DESED/audio")
        return {}["species"] if name == "birds2018" else load(name, *where)

    monkeypatch.setattr(index, "load", broken)
    said = []
    table = doctor.doctor(tmp_path / "data", tmp_path / "cache", said.append)
    assert (table.state[["desed", "birds2018", "esc50"]] == ["unusable", "unusable", "found"]).all()
    assert f"desed: {tmp_path}/data/DESED: PermissionError" in "\n".join(said)
    assert f"birds2018: {tmp_path}/data/birds2018: KeyError('species')" in said


def test_sets_that_broke_it_are_shown_beside_the_others(cases, tmp_path):
    root = tmp_path / "data"
    esc50(root)
    for tree in ("sets/ns_key/nsynth", "sets/dc_short/dcase2013", "sets/ls_stray/LibriSpeech"):
        shutil.copytree(cases / tree, root / tree.split("/")[-1], symlinks=True)
    shutil.copytree(cases / "names_latin1/musan", root / "musan", symlinks=True)
    said = []
    table = doctor.doctor(root, tmp_path / "cache", said.append)
    there = table[table.state != "absent"]
    assert set(there.index) == {"esc50", "nsynth", "dcase2013", "librispeech", "musan"}
    assert table.state["esc50"] == "found"
    unusable = there[there.state == "unusable"]
    assert {"nsynth", "musan"} <= set(unusable.index)
    assert all(str(root) in advice for advice in unusable.advice)
