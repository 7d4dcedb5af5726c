"""What pages 09 to 11 find, from the published records, against the same by pandas and scipy."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from scipy import stats

from asglib.study import profiles, report
from asglib.study.compared import Compared
from asglib.study.records import evaluations, load_records
from asglib.study.rows import in_the_way_of

ROOT = Path(__file__).parents[1]
SMALL = profiles.profile("small")
FIRST = {"cpc": "CPC", "augmented": "COLA"}


@pytest.fixture(scope="module")
def records():
    return load_records(ROOT / "reports/records/small.parquet")


@pytest.fixture
def page(records, request):
    paper = request.param
    trained = [one | {"multiply_adds": 1.0} for one in records if one["kind"] == "pretraining"]
    table = in_the_way_of(evaluations(records), SMALL, paper)
    judged = pd.DataFrame({"verdict": ["partly", "inconclusive", "partly"]})
    parts = {"profile": SMALL, "paper": paper, "table": table, "worked": trained}
    return Compared(SimpleNamespace(**parts, judged=lambda name: judged))


def averages(records, method):
    """By seed: the mean over the tasks of table 4, frozen, as the method is trained in small."""
    rows = [r for r in records if r["kind"] == "evaluation" and r["method"] == method]
    rows = [r for r in rows if r["setting"] == "frozen" and not r.get("after")]
    rows = [r for r in rows if r["corpus"] == "open-pool" and not r.get("protocol")]
    frontend = "linear" if method in ("NONE", "ASG") else rows[0]["frontend"]
    found = pd.DataFrame([r for r in rows if r["frontend"] == frontend])
    found["key"] = found["data_set"] + "/" + found["task"]
    found = found[found["key"].isin(SMALL.tasks)].pivot(index="seed", columns="key", values="value")
    assert found.shape[1] == 8 and found.notna().all(axis=None)
    return 100 * found.mean(axis=1)


def heap(points):
    """Where the t interval over seeds lies, and the mean."""
    half = stats.t.ppf(0.975, len(points) - 1) * stats.sem(points)
    low, high = points.mean() - half, points.mean() + half
    return "above" if low > 0 else "below" if high < 0 else "not told apart", points.mean()


@pytest.mark.parametrize("page", FIRST, indirect=True)
def test_what_a_papers_changes_add_to_its_first_system(page, records):
    first, *others = SMALL.compared[page.runs.paper]
    assert first == FIRST[page.runs.paper]
    plain = averages(records, first)
    heaps = {name: heap((averages(records, name) - plain).dropna()) for name in others}
    told = page.beside_first()
    assert told.startswith(f"Against plain {first} (points, average of 8 tasks) – ")
    parts = dict(part.split(": ") for part in told.partition(" – ")[2].rstrip(". ").split("; "))
    for where in ("above", "below"):
        expected = [f"{name} {mean:+.1f}" for name, (here, mean) in heaps.items() if here == where]
        assert parts.get(where, "").split(", ") == (expected or [""])
    apart = [name for name, (here, _) in heaps.items() if here == "not told apart"]
    assert parts["not told apart"].split(", ") == apart and len(apart) >= 4


@pytest.mark.parametrize("page", ["cpc", "augmented", "audio2vec"], indirect=True)
def test_the_finding_has_the_levels_the_collapsed_and_the_verdicts(page, records):
    sentence, figure, alt = page.finding("First this. ")
    own = {name: averages(records, name).mean() for name in SMALL.compared[page.runs.paper]}
    low, high = min(own, key=own.get), max(own, key=own.get)
    levels = f"In percent from {own[low]:.1f} ({low}) to {own[high]:.1f} ({high}); spectrogram 79.5"
    assert sentence.startswith("First this. Against the same network untrained") and alt
    assert levels in sentence and "NONE" not in sentence.split("\n\n")[0]
    lost = "CPC local in 3 of 3 seeds" in sentence
    assert lost == (page.runs.paper == "cpc") and "2 partly, 1 inconclusive." in sentence
    assert len(figure.axes) == 1


@pytest.mark.parametrize("page", ["cpc", "augmented"], indirect=True)
def test_a_column_of_which_no_method_knows_anything_is_not_shown(page, monkeypatch):
    """Only CPC ranks positives."""
    shown = []
    monkeypatch.setattr(report, "table", lambda table, caption: shown.append((table, caption)))
    monkeypatch.setattr(report, "markdown", lambda text: None)
    page.pretrained()
    ((table, caption),) = shown
    ranks = {"ranked first", "on held-out clips"}
    assert ranks & set(table.columns) == (ranks if page.runs.paper == "cpc" else set())
    assert {"loss", "collapsed", "too short"} <= set(table.columns)
    assert "the loss of the last batch" in caption
