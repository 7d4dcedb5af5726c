"""README says what is true: its commands, files and decisions exist."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from asglib.methods import METHODS
from asglib.study import paper, plans, rows, verdicts
from asglib.study.profiles import PAPER, SMALL
from asglib.study.records import evaluations, load_records

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
    told = f"{hours['pretraining']:.1f} core-hours of pretraining and {hours['evaluation']:.1f} of "
    assert f"{told}{evaluations:,} evaluations" in README
    assert "about twelve hours on two cores" in README and round(hours.sum() / 2) == 12


@pytest.fixture(scope="module")
def published():
    """Of each paper, the published records as its claims are judged on."""
    found = load_records(ROOT / "reports/records/small.parquet")
    scored = evaluations([one for one in found if one.get("after") is None])
    names = {name: "" if name == "asg" else name for name in paper.papers()}
    return {name: rows.in_the_way_of(scored, SMALL, way) for name, way in names.items()}


def words(table: pd.DataFrame, claims: pd.DataFrame) -> dict[str, str]:
    return verdicts.judge(table, claims, SMALL).set_index("id")["verdict"].to_dict()


def decision(number: int) -> str:
    return re.search(rf"^\*\*D{number}\*\*.*?(?=^\*\*D|\Z)", README, re.M | re.S)[0]


def test_d36_names_every_verdict_that_rests_on_the_weakest_task(published):
    changed = set()
    for name, table in published.items():
        claims = paper.read(name).claims
        every = claims[claims["columns"].str.contains(";")]  # each column for itself
        now, other = words(table, every), words(table, every.assign(kind="most"))
        changed |= {(one, other[one], now[one]) for one in now if now[one] != other[one]}
    told = r"`([\w-]+)`(?:\s+would\s+be)?\s+\*([\w ]+)\*\s+instead\s+of\s+\*([\w ]+)\*"
    assert set(re.findall(told, decision(36))) == changed and len(changed) == 4
    assert "four verdicts rest on it" in decision(36)


def test_d63_says_which_verdicts_its_tasks_decided(published):
    claims = paper.read("asg").claims
    claims = claims[claims["id"].str.startswith("data-")]
    every = claims.assign(ours_scope=claims["ours_scope"].str.split("|").str[0] + "|*")
    now, other = words(published["asg"], claims), words(published["asg"], every)
    changed = {one: other[one] for one in now if now[one] != other[one]}
    names = ("data-audioset-frozen", "data-audioset-finetuned")
    assert changed == dict.fromkeys(names, "not reproduced")
    assert "It decides the two verdicts on AudioSet" in decision(63)


def test_d15_and_d47_are_true_of_the_methods():
    supervised = plans.pretraining(PAPER, "Sup.", 0)
    steps = 1_793_632 // supervised.batch * supervised.epochs  # clips: section 3.1
    assert f"{steps:,} steps instead of 52,560" in decision(15)  # 3.4
    unpadded = [name for name, settings in METHODS.items() if not settings.pads]
    told = re.findall(r"too short for\s+(\w+), (\w+) or (\w+) are", decision(47))
    assert told == [tuple(unpadded)]
