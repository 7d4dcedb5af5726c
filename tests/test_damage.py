"""Damaged audio files: none crashes, hangs or takes memory, and each that is left out has a reason.

ASG_DAMAGED=1000 looks at a thousand of them instead of 200.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from damaged import FORMATS, make

from asglib import audio
from asglib.data.inspection import DEFECTS

COUNT = int(os.environ.get("ASG_DAMAGED", "200"))


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("damaged"))
    script = str(Path(__file__).with_name("damaged.py"))
    root = Path(__file__).parent.parent
    child = subprocess.run(
        [sys.executable, script, folder, "0", str(COUNT)],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        timeout=60 + COUNT,
    )
    assert child.returncode == 0, child.stderr[-2_000:].decode(errors="replace")
    return [json.loads(line) for line in child.stdout.decode().splitlines()]


def test_none_crashes_hangs_or_takes_memory(looked):
    assert len(looked) == COUNT >= 200
    assert max(row["taken"] for row in looked) < 10
    assert looked[-1]["megabytes"] - looked[0]["megabytes"] < 500


def test_each_that_is_left_out_has_a_reason(looked):
    for row in looked:
        assert (row["problem"] == "") == (row["reason"] == ""), row
        assert row["problem"] in ("", *DEFECTS) and "\n" not in row["reason"], row
    left_out = [row for row in looked if row["problem"]]
    assert COUNT / 2 < len(left_out) < COUNT
    assert {row["name"].split(".")[1] for row in left_out} == {suffix for suffix, _ in FORMATS}


def test_no_truncated_file_passes(looked):
    cut = [row for number, row in enumerate(looked) if number // len(FORMATS) % 6 == 0]
    assert len(cut) >= COUNT / 8
    assert [row["name"] for row in cut if row["problem"] == ""] == []


def test_what_passes_is_sound(looked, tmp_path):
    passed = [number for number, row in enumerate(looked) if row["problem"] == ""][:40]
    for number in passed:
        wave = audio.read(make(tmp_path, number))
        assert np.isfinite(wave).all() and np.abs(wave).max() <= 2
