"""Published records are the runs' own numbers, and README's table is made from nothing else."""

import json
import re
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from made_records import study
from scipy import stats

from asglib.data.places import locked
from asglib.data.workspace import Workspace
from asglib.study import paper, plans, pool, profiles, publish, runs, systems
from asglib.study.publish import ScorecardError
from asglib.study.records import load_records, write_records
from asglib.study.report.checks import parse

SMALL, SMOKE = profiles.profile("small"), profiles.profile("smoke")
MAIN = SMALL.pretraining.corpus
BETTER = {"NONE": [0.70, 0.71, 0.72], "FT": [0.75, 0.765, 0.765], "ST": [0.70, 0.72, 0.71]}
WORDS = "reproduced|partly|inconclusive|not tested|not reproduced"


def records(**changes):
    """Of the small profile's main corpus: ft-none can be judged on two tasks and three seeds."""
    return [r | {"corpus": MAIN} | changes for r in study(**BETTER)]


def table(path, found=None):
    write_records(records() if found is None else found, path)
    return path


def line(text, claim):
    return next(row for row in text.splitlines() if f"| {claim}" in row)


# README


def test_the_table_shows_claim_paper_ours_and_verdict(tmp_path):
    text = publish.readme(table(tmp_path / "small.parquet"))
    found = line(text, "FT - NONE = 2.2").split(" | ")
    assert found[0].startswith("| FT, SF, FF outperforms NONE by 2.2%")
    # differences 5, 5.5, 4.5; t = 4.303
    assert found[2:] == ["FT - NONE: +5.0 [+3.8, +6.2], 3 seeds", "reproduced |"]
    assert line(text, "ST - NONE < 0 (SCV1").endswith(" | inconclusive |")
    # no supervised run among the records: counted below, not shown as a row
    assert "ASG - Sup. >= 0" not in text
    everything = plans.everything(SMALL)
    planned = len({*everything, *(e.pretraining for e in everything if e.pretraining)})
    assert f"3 pretraining seeds, 18 of {planned:,} runs. **Not whole yet**" in text
    assert SMALL.differs in text


def test_a_larger_encoder_of_a_compared_system_does_not_stand_in_its_way(tmp_path):
    """ASG is 10 points above every other, judged on the encoders that all tables show."""
    own = {"frontend": "mel", "encoder": "audio2vec"}
    found = [r | own for r in study(**{name: [0.6, 0.6] for name in systems.CONTEXT})]
    larger = {"encoder": "audio2vec-large", "value": 0.9}
    found += [r | larger | {"run": f"{r['run']} large"} for r in found]
    found += [r | {"frontend": "mel"} for r in study(**{"COLA": [0.6, 0.6], "BYOL-A": [0.6, 0.6]})]
    found += study(ASG=[0.7, 0.7])
    found = [r | {"corpus": MAIN, "profile": "small-gpu"} for r in found]
    text = publish.readme(table(tmp_path / "small-gpu.parquet", found))
    assert "ASG (linear) - " in (row := line(text, "our ASG achieves best or comparable"))
    assert "+10.0 [+10.0, +10.0], 2 seeds" in row


def test_the_finding_and_the_controls_stand_above_the_table(tmp_path):
    """The mean of all tasks within a seed, then over seeds."""
    found = study(SMALL.tasks, spectrogram=[0.8, 0.8, 0.8], ASG=[0.6, 0.6, 0.6])
    found = [r | {"corpus": "" if r["method"] == "spectrogram" else MAIN} for r in found]
    lines = publish.readme(table(tmp_path / "small.parquet", found[:-1])).splitlines()
    assert lines[0].startswith("In points on the mean of 8")
    beside = "ASG is below a linear classifier on the spectrogram itself: -20.0 [-20.0, -20.0], 2 "
    assert beside in lines[0]
    assert "spectrogram 80.0 ± 0.0 (3), untrained not tested" in lines[2]
    assert "NONE x2 not tested" in lines[2] and lines[2].endswith("ASG 60.0 ± 0.0 (2 of 3).")
    assert lines.index("| claim | paper | ours, points [95 % interval], n | verdict |") > 4


def test_every_claim_is_in_the_table_or_counted_below_it(tmp_path):
    text = publish.readme(table(tmp_path / "small.parquet"))
    claims = paper.read("asg").claims
    rows = sum(row.startswith("| ") for row in text.splitlines()) - 1
    counts = {word: int(n) for n, word in re.findall(rf"(\d+) ({WORDS})[,.]", text)}
    assert f"Of all {len(claims)} claims: " in text and sum(counts.values()) == len(claims)
    assert rows == len(claims) - counts["not tested"] >= 3 and "reproduced" in counts


def test_one_changed_record_changes_the_table(tmp_path):
    found = records()
    before = publish.readme(table(tmp_path / "small.parquet", found))
    assert publish.readme(table(tmp_path / "small.parquet", found)) == before
    one = next(r for r in found if r["method"] == "FT")
    one["value"] -= 0.06
    after = publish.readme(table(tmp_path / "small.parquet", found))
    assert line(before, "FT - NONE = 2.2") != line(after, "FT - NONE = 2.2")


def test_a_smoke_table_says_that_it_is_no_evidence(tmp_path):
    found = records(profile="smoke", corpus="toy")
    text = publish.readme(table(tmp_path / "smoke.parquet", found))
    assert text.count("No evidence") == 1
    row = line(text, "FT - NONE = 2.2")
    assert row.endswith("| FT - NONE: +5.0 [+3.8, +6.2], 3 seeds | not tested |")
    assert re.search(r"Of all \d+ claims: \d+ not tested\.", text)


def test_a_broken_record_is_told_and_stops_nothing(tmp_path):
    found = records()
    text = publish.readme(table(tmp_path / "small.parquet", [*found, {"kind": "evaluation"}]))
    assert "Record ? lacks run, profile" in text and "reproduced |" in text


def readme_file(path, inside="old 12.3"):
    path.write_text(f"# Title\n\n<!-- scorecard -->\n{inside}\n<!-- /scorecard -->\n\nThe end.\n")
    return path


def test_the_readme_is_changed_between_its_marks_only(tmp_path):
    path, found = readme_file(tmp_path / "README.md"), table(tmp_path / "small.parquet")
    publish.write_readme(path, found)
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- scorecard -->\nIn points on the mean")
    assert text.endswith("<!-- /scorecard -->\n\nThe end.\n")
    assert "old 12.3" not in text and publish.readme(found) in text
    publish.write_readme(path, found)
    assert path.read_text() == text, "twice is once"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: table(path, []),
        lambda path: table(path, [{"kind": "pretraining", "run": "p"}]),
        lambda path: path.write_bytes(b"PAR1"),
    ],
)
def test_without_records_the_old_numbers_go_and_a_sentence_says_what_is_missing(tmp_path, make):
    path, found = readme_file(tmp_path / "README.md"), tmp_path / "small.parquet"
    make(found)
    told = "no published records in .*small.*: run `python -m asglib reproduce --profile small`"
    with pytest.raises(ScorecardError, match=told):
        publish.write_readme(path, found)
    text = path.read_text()
    assert "12.3" not in text
    assert "There is no scorecard. There are no published records" in text


@pytest.mark.parametrize(
    "text",
    ["no marks", "<!-- scorecard --> only one", "<!-- scorecard -->\n" * 2 + "<!-- /scorecard -->"],
)
def test_a_readme_without_its_marks_is_left_alone(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ScorecardError, match="needs the line <!-- scorecard -->"):
        publish.write_readme(tmp_path / "README.md", table(tmp_path / "small.parquet"))
    assert (tmp_path / "README.md").read_text() == text


def test_every_report_behind_a_claim_is_a_notebook():
    pages = publish.pages()
    for one in paper.papers().values():
        assert set(one.reports.values()) <= set(pages)
    notebooks = [(publish.NOTEBOOKS / page).with_suffix(".ipynb") for page in pages.values()]
    assert len(notebooks) >= 9 and all(path.is_file() for path in notebooks)
    judged = pd.DataFrame({"source": ["ASG", "ASG", "Audio2Vec"], "table": ["2/4", "", "5"]})
    assert publish.behind(judged).fillna("none").tolist() == ["05", "none", "11"]


# publishing


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Two planned evaluations and their pretraining; one evaluation is not finished."""
    one, other = plans.evaluations(SMOKE, "NONE", SMOKE.tasks)[:2]
    finished = {
        one: {"kind": "x", "run": "evaluate-NONE-1", "value": 0.1 + 0.2, "a": 1.5e-5},
        one.pretraining: {"kind": "pretraining", "run": "pretrain-NONE-1", "loss": None},
    }
    monkeypatch.setattr(plans, "everything", lambda profile: [one, other])
    monkeypatch.setattr(pool, "available", lambda evaluations, workspace: (evaluations, {}))
    monkeypatch.setattr(publish, "record_of", lambda config, workspace: finished.get(config))
    workspace = Workspace(None, tmp_path / "runs")
    return workspace, finished


def test_records_are_published_to_the_bit_with_their_profile(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet", records()[:2])  # what was there before goes
    workspace, finished = workspace
    assert publish.publish(SMOKE, workspace, path) == 2
    expected = [{"profile": "smoke"} | r for r in reversed(finished.values())]
    assert json.dumps(load_records(path)) == json.dumps(expected)


def test_fewer_records_replace_no_more(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet")
    before = path.read_bytes()
    with pytest.raises(ScorecardError, match=r"holds 18 records, here are 2: restore them"):
        publish.publish(SMOKE, workspace[0], path)
    assert path.read_bytes() == before


def test_a_profile_is_published_with_its_own_seeds(workspace, tmp_path):
    """README's count of planned runs is that of the profile as it is."""
    with pytest.raises(ScorecardError, match="publish takes smoke with its own seeds"):
        publish.publish(replace(SMOKE, seeds=(0,)), workspace[0], tmp_path / "smoke.parquet")


def test_the_readme_says_what_the_published_records_say():
    block = (ROOT / "README.md").read_text().split(publish.MARKS[0])[1].split(publish.MARKS[1])[0]
    assert block.strip() == publish.readme(ROOT / "reports/records/small.parquet")


def test_the_front_page_says_what_the_page_of_small_says():
    front, page = ROOT / "reports/html/index.html", ROOT / "reports/html/small/index.html"
    said = [parse(path.read_text()).select_one(".lead").get_text() for path in (front, page)]
    assert said[0] == said[1] and "claims" in said[0]


def test_without_a_finished_run_nothing_is_published_and_nothing_removed(workspace, tmp_path):
    path = table(tmp_path / "smoke.parquet")
    workspace, finished = workspace
    finished.clear()
    told = "no finished run of the profile: run `python -m asglib reproduce --profile smoke`"
    with pytest.raises(ScorecardError, match=told):
        publish.publish(SMOKE, workspace, path)
    assert len(load_records(path)) == 18


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Two planned runs' records in a table, beside that of a run that nobody plans."""
    one = plans.evaluations(SMOKE, "NONE", SMOKE.tasks)[0]
    monkeypatch.setattr(plans, "everything", lambda profile: [one])
    workspace = Workspace(None, tmp_path / "runs")
    names = [runs.run_name(run, workspace) for run in (one.pretraining, one)]
    found = [
        {"profile": "smoke", "kind": "pretraining", "run": names[0], "loss": None},
        {"profile": "smoke", "kind": "evaluation", "run": names[1], "value": 0.1 + 0.2},
        {"profile": "smoke", "kind": "evaluation", "run": "evaluate-NONE-of-other-code"},
    ]
    return one, workspace, found, table(tmp_path / "smoke.parquet", found)


def test_a_study_goes_on_from_published_records(published, tmp_path):
    one, workspace, found, path = published
    assert publish.restore(SMOKE, workspace, path) == (2, 2)
    done, missing = pool.computed([one], replace(workspace, computes=False))
    assert done == {one: {"kind": "evaluation", "run": found[1]["run"], "value": 0.1 + 0.2}}
    assert not missing and not (workspace.runs / "evaluate-NONE-of-other-code").exists()
    assert publish.publish(SMOKE, workspace, again := tmp_path / "again.parquet") == 2
    assert json.dumps(load_records(again)) == json.dumps(found[:2])
    # its weights are not published: what needs them trains them again
    assert runs.record_of(one.pretraining, workspace)
    assert not runs.is_trained(one.pretraining, workspace)


def test_a_record_that_is_there_is_not_replaced_by_a_published_one(published):
    one, workspace, found, path = published
    own = {"kind": "evaluation", "run": found[1]["run"], "value": 0.5}
    (workspace.runs / own["run"]).mkdir(parents=True)
    (workspace.runs / own["run"] / "checkpoint.pt").touch()
    runs.keep_record(workspace.runs / own["run"], one, own)
    assert publish.restore(SMOKE, workspace, path) == (1, 2)
    assert runs.record_of(one, workspace) == own
    assert (workspace.runs / own["run"] / "checkpoint.pt").exists()
    assert publish.restore(SMOKE, workspace, path) == (0, 2)


def test_nothing_is_restored_from_what_is_no_table(published):
    _, workspace, _, path = published
    path.write_bytes(b"PAR1")
    with pytest.raises(ScorecardError, match="smoke.parquet is not a table of records"):
        publish.restore(SMOKE, workspace, path)


def test_the_readmes_difference_at_equal_work_is_that_of_the_records():
    """By hand from the published records: means over tasks, differences of seeds, Student's t."""
    table = pq.read_table(ROOT / "reports/records/small.parquet").to_pandas()
    mine = table[(table.kind == "evaluation") & (table.setting == "frozen") & table.after.isna()]
    mine = mine[(mine.corpus == "open-pool") & (mine.frontend == "linear")]
    mine = mine[mine.method.isin(["ASG", "NONE x2"])]
    by_seed = mine.groupby(["method", "seed"])["value"].agg(["mean", "size"])
    assert (by_seed["size"] == 8).all()
    points = 100 * (by_seed["mean"]["ASG"] - by_seed["mean"]["NONE x2"]).dropna()
    low, high = stats.t.interval(0.95, len(points) - 1, points.mean(), stats.sem(points))
    ours = f"{points.mean():+.1f} [{low:+.1f}, {high:+.1f}], {len(points)} seeds"
    told = f"At equal work (NONE for twice the epochs) ASG is below NONE: {ours}."
    assert told in (ROOT / "README.md").read_text()


def test_a_run_that_is_being_computed_is_left_alone(published):
    one, workspace, found, path = published
    with locked(workspace.runs / found[1]["run"] / "lock"):
        assert publish.restore(SMOKE, workspace, path) == (1, 2)
    assert runs.record_of(one, workspace) is None
    assert publish.restore(SMOKE, workspace, path) == (1, 2)


def test_rows_on_other_data_than_the_papers_are_counted(tmp_path):
    """Three seeds on fsdd alone: of the paper's sets none is there."""
    text = publish.readme(table(tmp_path / "small.parquet"))
    rows = sum(row.startswith("| ") for row in text.splitlines()) - 1
    assert f"In {rows} of the {rows} rows below other tasks stand in for the paper's data" in text
    rows = pd.DataFrame({"limits": ["x; fsdd/digit stands in for scv1", "the interval", ""]})
    assert publish._stand_ins(rows).startswith("In 1 of the 3 rows")


def test_claims_that_a_ceiling_decides_are_counted():
    full = "COLA has 99.0 %, which leaves 1.0 points: the stated 5.0 cannot be reached here"
    lines = [("not reproduced", full), ("not reproduced", ""), ("reproduced", full)]
    rows = pd.DataFrame(lines, columns=["verdict", "limits"])
    assert publish._no_room(rows).startswith(" 1 of the 2 rows that are *not reproduced*")
    assert publish._no_room(rows[1:]) == ""
