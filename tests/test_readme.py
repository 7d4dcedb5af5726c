"""README says what is true: its commands, files and decisions exist."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_its_make_targets_exist():
    targets = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", README, re.M))
    assert {"reproduce", "test", "lab", "bench"} <= targets
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert targets <= known


def test_its_commands_are_known():
    words = set(re.findall(r"python -m asglib ([a-z]+)", README))
    assert len(words) >= 4
    said = subprocess.run(
        [sys.executable, "-m", "asglib", "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert words <= set(re.findall(r"^    ([a-z]+)\b", said, re.M))


def test_its_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    rooms = re.findall(r"`((?:asglib|notebooks|reports|tests|benchmarks)/[\w./-]+)`", README)
    assert len(links) + len(rooms) >= 20
    assert [path for path in links + rooms if not (ROOT / path).exists()] == []


def test_every_decision_is_stated_once_and_referenced_in_the_code():
    stated = re.findall(r"^\*\*(D\d+)\*\*", README, re.M)
    assert len(stated) >= 12 and len(stated) == len(set(stated))
    files = [*(ROOT / "asglib").rglob("*.py"), ROOT / "asglib/data/sets.toml"]
    code = "\n".join(path.read_text() for path in files)
    used = set(re.findall(r"\bD\d+\b", code))
    assert used - set(stated) == set(), "referenced but not stated"
    assert set(stated) - used == set(), "stated but referenced nowhere"


def test_no_address_of_a_package_registry_is_in_the_tree():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    text = [
        path
        for path in tracked
        if path.endswith((".py", ".md", ".toml", ".txt", ".yml", "Makefile", "run"))
    ]
    assert len(text) > 40
    bad = [
        path
        for path in text
        if re.search("index" + r"-url|pypi\." + "org", (ROOT / path).read_text())
    ]
    assert bad == []


def test_the_hours_of_small_are_those_that_were_timed():
    table = pd.read_csv(ROOT / "reports/hours.csv")
    hours = (table["runs"] * table["seconds"]).groupby(table["kind"]).sum() / 3600
    evaluations = table.loc[table["kind"] == "evaluation", "runs"].sum()
    told = f"{hours['pretraining']:.1f} core-hours of pretraining, {hours['evaluation']:.1f} for "
    assert f"{told}{evaluations:,} of its evaluations" in README
