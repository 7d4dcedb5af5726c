"""The paper profile's rehearsal on the command line: its sets, ResNet-50, two steps a run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rehearsal_trees
from bs4 import BeautifulSoup

from asglib.data import index as datasets
from asglib.study import beside

ROOT = Path(__file__).parents[1]
ABSENT = (
    "vggsound",
    "esc50",
)  # the first no run of notebook 08 asks for, the second is a column of its tables
OURS = {
    "frozen": ["spectrogram", "untrained", "NONE", "Sup.", "ASG"],
    "fine-tuned": ["untrained", "NONE", "Sup.", "ASG"],
}


def asglib(root, *words):
    """The command line on the sets in root/data; (status, what it said)."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ASG_")}
    done = subprocess.run(
        [sys.executable, "-m", "asglib", *words, "--data", root / "data", "--runs", root / "runs"],
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=ROOT,
        env=clean | {"PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """(root, what the command said, the page of notebook 08, the evaluations' records)."""
    root = tmp_path_factory.mktemp("rehearsal")
    data = rehearsal_trees.nine_sets(root / "data", ABSENT)
    commands = data / "speech_commands_v0.01/stop"
    for path in commands.glob("cafe000[0-4]*.wav"):  # what a copy cut short leaves behind
        path.write_bytes(path.read_bytes()[:20])
    next(commands.glob("cafe0005*.wav")).write_bytes(b"")
    status, said = asglib(
        root, "reproduce", "--profile", "rehearsal", "--only", "08", "--out", str(root / "html")
    )
    assert status == 0, said
    page = BeautifulSoup((root / "html/08_evaluation.html").read_text(), "html.parser")
    records = [
        json.loads(path.read_text()) for path in (root / "runs").glob("evaluate-*/record.json")
    ]
    yield root, said, page, records
    shutil.rmtree(root)  # hundreds of megabytes of encoders


def table_of(page, caption):
    """{row: {column: text}} of the table whose caption says so."""
    found = next(tag for tag in page.find_all("table") if caption in tag.caption.text)
    rows = found.tbody.find_all("tr")
    cells = {line.th.text: [cell.text for cell in line.find_all("td")] for line in rows}
    width = len(next(iter(cells.values())))  # the corner may be a heading or empty
    columns = [tag.text for tag in found.thead.find_all("th")][-width:]
    return {name: dict(zip(columns, texts, strict=True)) for name, texts in cells.items()}


def test_every_row_of_tables_2_and_3_is_a_number_or_says_why_not(rehearsed):
    _, _, page, records = rehearsed
    for setting, systems in OURS.items():
        table = table_of(page, f"Tables 2 and 3, {setting}")
        assert [row for row in table if row.startswith("ours")] == [
            f"ours: {name}" for name in systems
        ]
        assert list(table["ours: ASG"]) == list(beside.COLUMNS)
        for name, (task, _) in beside.COLUMNS.items():
            for system in systems:
                text = table[f"ours: {system}"][name]
                values = [
                    r["value"]
                    for r in records
                    if (f"{r['data_set']}/{r['task']}", r["setting"], r["method"])
                    == (task, setting, system)
                ]
                if name == "ESC":
                    assert text == "not tested" and not values
                else:
                    assert (
                        text.startswith(
                            f"{100 * values[0]:.1f} (1, no interval)"
                            if name == "AS"
                            else f"{100 * values[0]:.1f} ± "
                        )
                        and len(values) == 1
                    ), text


def test_what_is_absent_is_named_with_the_way_to_get_it(rehearsed):
    root, said, page, _ = rehearsed
    way = datasets.DATASETS["esc50"].obtain
    assert way in said and way in page.get_text() and "vggsound" not in said
    assert "rehearsal run: not evidence" in page.find(class_="banner").text
    status, plan = asglib(root, "reproduce", "--profile", "rehearsal", "--only", "08", "--dry-run")
    assert status == 0 and " done, 0 can run" in plan and "left out for want of esc50, " in plan


def test_records_carry_the_counts(rehearsed):
    root, _, page, records = rehearsed
    assert {r["encoder"] for r in records} > {"", "resnet50", "cpc", "audio2vec"}
    records = [r for r in records if r["method"] in OURS["frozen"]]
    assert len(records) == 7 * 9 and {r["encoder"] for r in records} == {"", "resnet50"}
    for r in records:
        counts = r["counts"]
        assert 0 < counts["train"] <= 4 and 0 < counts["test"] <= 4 and counts["missing"] >= 1
        assert r["epochs"] == (0 if r["method"] in ("untrained", "spectrogram") else 1)
    cut = next(r for r in records if r["data_set"] == "speech_commands_v1")["counts"]
    lost = datasets.load("speech_commands_v1", root / "data", root / "index").attrs
    assert [len(lost[kind]) for kind in ("missing", "empty")] == [
        1,
        2,
    ]  # the tree's own of each, and the one emptied here
    assert any(name.startswith("stop/cafe0005") for name in lost["empty"])
    assert cut["missing"] == 3 and cut["skipped"]  # some are cut short
    assert all("cannot be decoded" in clip["reason"] for clip in cut["skipped"])
    assert Path(cut["skipped"][0]["path"]).name in page.get_text()
