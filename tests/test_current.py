"""Which pages stay: a change of anything that a page is made from makes it again."""

import json

import pytest
from test_build import PARAMETERS, finding, notebook

from asglib.data.workspace import Workspace
from asglib.study import build, current, needed

RECORD = {"run": "evaluate-ASG-1", "finished": "2026-11-26T06:00:00+00:00"}
MADE = {"order": {"RATE": 0.5}, "about": {"commit": "abc"}, "records": [RECORD]}
CHANGES = [
    {"order": {"RATE": 0.6}},
    {"about": {"commit": "abd"}},
    {"records": []},
    {"records": [RECORD, RECORD | {"run": "evaluate-ASG-2"}]},
    {"records": [RECORD | {"finished": "2026-11-26T06:00:01+00:00"}]},
]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "01_a.ipynb"
    path.write_text("a notebook")
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_page_is_made_from_is_in_its_hash(source, change):
    known = current.inputs(source, **MADE)
    assert current.inputs(source, **MADE) == known != current.inputs(source, **MADE | change)


def test_a_recording_that_a_parameter_names_is_in_its_hash(source, tmp_path):
    sound = tmp_path / "own.wav"
    known = set()
    for content in ("one", "two", None):
        sound.write_text(content) if content else sound.unlink()
        known.add(current.inputs(source, **MADE | {"order": {"CLIP": str(sound), "N": 3}}))
    assert len(known) == 3


def test_a_changed_notebook_or_library_changes_the_hash(source, tmp_path, monkeypatch):
    library = tmp_path / "library"
    (library / "sub").mkdir(parents=True)
    (library / "sub/table.csv").write_text("1")
    monkeypatch.setattr(current, "LIBRARY", library)
    found = set()
    for path, text in ((source, "another"), (library / "sub/table.csv", "2"), (library / "b", "")):
        current._files.cache_clear()
        found.add(current.inputs(source, **MADE))
        path.write_text(text)
    current._files.cache_clear()
    assert len(found | {current.inputs(source, **MADE)}) == 4
    (library / "__pycache__").mkdir()
    (library / "__pycache__/b.pyc").write_text("compiled")
    current._files.cache_clear()
    assert current.inputs(source, **MADE) in found | {current.inputs(source, **MADE)}
    current._files.cache_clear()  # of the true library again


def test_a_page_stays_until_it_is_damaged_or_asked_for(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    notebook(tmp_path / "notebooks", "01_good", finding(1), parameters=PARAMETERS)
    monkeypatch.setenv("ASG_RUNS", str(tmp_path / "runs"))
    records = {}
    monkeypatch.setattr(needed, "with_runs", lambda *_: (records, {}, {}))
    monkeypatch.setattr(needed, "needs", lambda *_: list(records))
    page, entry = tmp_path / "html/01_good.html", tmp_path / "html/entries/01_good.json"

    def executed(**asked) -> bool:
        lines = []
        asked |= {"workspace": Workspace(), "echo": lines.append}
        assert build.reproduce("smoke", tmp_path / "notebooks", tmp_path / "html", **asked) == 0
        assert "1 of 1 notebooks done" in lines[-1]
        return "01_good is up to date" not in lines

    assert executed() and not executed()
    whole = page.read_bytes()
    (tmp_path / "html/index.html").unlink()
    assert not executed() and (tmp_path / "html/index.html").exists()
    page.write_bytes(whole[:-1])
    assert executed() and page.read_bytes()[-20:] == whole[-20:]
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"status": "failed"}))
    assert executed() and not executed() and executed(again=True)
    records["an evaluation"] = RECORD
    assert executed() and not executed()
