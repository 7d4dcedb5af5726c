"""Which pages stay: a change of anything that a page is made from makes it again."""

import json

import pytest
from test_build import PARAMETERS, finding, notebook

from asglib.data.workspace import Workspace
from asglib.study import build, current, needed, plans
from asglib.study.profiles import SMOKE

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
    last = current.inputs(source, **MADE)
    assert len(found | {last}) == 4
    (library / "__pycache__").mkdir()
    (library / "__pycache__/b.pyc").write_text("compiled")
    current._files.cache_clear()
    assert current.inputs(source, **MADE) == last
    current._files.cache_clear()  # of the true library again


def test_a_page_is_current_while_it_is_whole_and_its_entry_says_so(tmp_path):
    (tmp_path / "entries").mkdir()
    page, entry = tmp_path / "01_a.html", tmp_path / "entries/01_a.json"
    page.write_text("a page")
    made = {"name": "01_a", "title": "A", "status": "ok", "inputs": "x"}
    made |= {"page_sum": current.page_sum(tmp_path, "01_a")}

    def is_current(**changes) -> bool:
        entry.write_text(json.dumps(made | changes))
        return current.is_current(tmp_path, "01_a", "x")

    assert is_current()
    assert not is_current(inputs="y") and not is_current(status="failed")
    entry.write_text("{")
    assert not current.is_current(tmp_path, "01_a", "x")
    page.write_text("a pag")
    assert not is_current()
    page.unlink()
    assert not is_current() and not is_current(page_sum="")


def test_a_second_batch_executes_what_is_not_current_or_asked_for(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    for number in (1, 2):
        code = finding(number)
        notebook(tmp_path / "notebooks", f"0{number}_good", code, parameters=PARAMETERS)
    monkeypatch.setenv("ASG_RUNS", str(tmp_path / "runs"))
    records = {}
    monkeypatch.setattr(needed, "with_runs", lambda *_: (records, {}, {}))
    monkeypatch.setattr(needed, "needs", lambda *_: list(records))

    def reproduced(**asked) -> list[str]:
        lines = []
        asked |= {"workspace": Workspace(), "echo": lines.append}
        assert build.reproduce("smoke", tmp_path / "notebooks", tmp_path / "html", **asked) == 0
        assert "2 of 2 notebooks done" in lines[-1]
        return [line.split(" is up")[0] for line in lines if "up to date" in line]

    assert reproduced() == []
    executed = []
    monkeypatch.setattr(build, "execute", lambda batch, orders, *_: executed.append([*orders]) or 0)
    (tmp_path / "html/index.html").unlink()
    assert reproduced() == ["01_good", "02_good"] and (tmp_path / "html/index.html").exists()
    with open(tmp_path / "html/02_good.html", "a") as page:
        page.write(" ")
    assert reproduced() == ["01_good"]
    assert reproduced(again=True) == [] == reproduced(parameters={"RATE": 2.0})
    (e,) = plans.evaluations(SMOKE, "spectrogram", ("toy/order",))[:1]
    records[e] = RECORD
    assert reproduced() == []
    assert [len(each) for each in executed] == [0, 1, 2, 2, 2]


def test_an_encoder_that_was_trained_again_is_told_to_its_pages(monkeypatch):
    """Pages show what a training saw too: its record counts like that of an evaluation."""
    e = plans.evaluations(SMOKE, "NONE", ("toy/order",))[0]
    trained = {"run": "pretrain-NONE-1", "finished": "2026-11-26T06:00:00+00:00"}
    monkeypatch.setattr(needed, "record_of", lambda run, workspace: trained)
    assert needed.recorded([e], {e: RECORD}, Workspace()) == [RECORD, trained]
    assert needed.recorded([e], {}, Workspace()) == []
