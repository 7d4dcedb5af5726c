"""README's finding, levels and scorecard are made from the published records and nothing else."""

import re

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from made_records import CORPUS, small_records, study, table
from scipy import stats

from asglib.study import paper, plans, profiles, scorecard, systems
from asglib.study.records import ResultsError

SMALL = profiles.profile("small")
WORDS = "reproduced|partly|inconclusive|not tested|not reproduced"


def line(text, claim):
    return next(row for row in text.splitlines() if f"| {claim}" in row)


def claims_of(text):
    """How many rows the table of the claims has."""
    below = text.split("one by one</summary>")[1]
    return sum(row.startswith("| ") for row in below.splitlines()) - 2


def test_the_table_shows_claim_paper_ours_and_verdict(tmp_path):
    text = scorecard.scorecard(table(tmp_path / "small.parquet"))
    found = line(text, "FT - NONE = 2.2").split(" | ")
    # differences 5, 5.5, 4.5; t = 4.303
    assert found[:2] == ["| reproduced", "FT - NONE: +5.0 [+3.8, +6.2], 3 seeds"]
    assert found[2].startswith("FT, SF, FF outperforms NONE by 2.2%")
    assert line(text, "ST - NONE < 0 (SCV1").startswith("| inconclusive | ")
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
    found = [r | {"corpus": CORPUS, "profile": "small-gpu"} for r in found]
    text = scorecard.scorecard(table(tmp_path / "small-gpu.parquet", found))
    assert "ASG (linear) - " in (row := line(text, "our ASG achieves best or comparable"))
    assert "+10.0 [+10.0, +10.0], 2 seeds" in row


def test_the_finding_and_the_controls_stand_above_the_table(tmp_path):
    """The mean of all tasks within a seed, then over seeds."""
    found = study(SMALL.tasks, spectrogram=[0.8, 0.8, 0.8], ASG=[0.6, 0.6, 0.6])
    found = [r | {"corpus": "" if r["method"] == "spectrogram" else CORPUS} for r in found]
    lines = scorecard.scorecard(table(tmp_path / "small.parquet", found[:-1])).splitlines()
    assert lines[0].startswith("In points on the mean of 8")
    beside = "ASG is below a linear classifier on the spectrogram itself: -20.0 [-20.0, -20.0], 2 "
    assert beside in lines[0]
    assert lines[4] == "| spectrogram | untrained | NONE | NONE x2 | Sup. | ASG |"
    absent = " | ".join(4 * ["not tested"])
    assert lines[6] == f"| 80.0 ± 0.0 (3) | {absent} | 60.0 ± 0.0 (2 of 3) |"
    assert lines.index("| verdict | ours, points [95 % interval], n | claim | paper |") > 10


def test_every_claim_is_in_the_table_or_counted_below_it(tmp_path):
    text = scorecard.scorecard(table(tmp_path / "small.parquet"))
    claims = paper.read("asg").claims
    rows = claims_of(text)
    assert f"The {rows} measured claims, one by one" in text
    counts = {word: int(n) for n, word in re.findall(rf"(\d+) ({WORDS})[,.]", text)}
    assert f"Of all {len(claims)} claims: " in text and sum(counts.values()) == len(claims)
    assert rows == len(claims) - counts["not tested"] >= 3 and "reproduced" in counts


def test_verdicts_are_counted_by_the_papers_tables():
    judged = pd.DataFrame(
        [("4", "partly"), ("2/4", "partly"), ("4", "reproduced"), ("", "not tested")],
        columns=["table", "verdict"],
    )
    counts = scorecard._by_table(judged).set_index("claims on table")
    assert counts.loc["4", ["reproduced", "partly", "not tested"]].tolist() == [1, 1, 0]
    assert counts.loc["2 and 4", "partly"] == counts.loc["none", "not tested"] == 1
    assert counts.to_numpy().sum() == len(judged)


def test_one_changed_record_changes_the_table(tmp_path):
    found = small_records()
    before = scorecard.scorecard(table(tmp_path / "small.parquet", found))
    assert scorecard.scorecard(table(tmp_path / "small.parquet", found)) == before
    one = next(r for r in found if r["method"] == "FT")
    one["value"] -= 0.06
    after = scorecard.scorecard(table(tmp_path / "small.parquet", found))
    assert line(before, "FT - NONE = 2.2") != line(after, "FT - NONE = 2.2")


def test_a_smoke_table_says_that_it_is_no_evidence(tmp_path):
    found = small_records(profile="smoke", corpus="toy")
    text = scorecard.scorecard(table(tmp_path / "smoke.parquet", found))
    assert text.count("No evidence") == 1
    row = line(text, "FT - NONE = 2.2")
    assert row.startswith("| not tested | FT - NONE: +5.0 [+3.8, +6.2], 3 seeds | ")
    assert re.search(r"Of all \d+ claims: \d+ not tested\.", text)


def test_a_broken_record_is_told_and_stops_nothing(tmp_path):
    found = small_records()
    text = scorecard.scorecard(table(tmp_path / "small.parquet", [*found, {"kind": "evaluation"}]))
    assert "Record ? lacks run, profile" in text and "| reproduced |" in text


def readme_file(path, inside="old 12.3"):
    path.write_text(f"# Title\n\n<!-- scorecard -->\n{inside}\n<!-- /scorecard -->\n\nThe end.\n")
    return path


def test_the_readme_is_changed_between_its_marks_only(tmp_path):
    path, found = readme_file(tmp_path / "README.md"), table(tmp_path / "small.parquet")
    scorecard.write_readme(path, found)
    text = path.read_text()
    assert text.startswith("# Title\n\n<!-- scorecard -->\nIn points on the mean")
    assert text.endswith("<!-- /scorecard -->\n\nThe end.\n")
    assert "old 12.3" not in text and scorecard.scorecard(found) in text
    scorecard.write_readme(path, found)
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
    with pytest.raises(ResultsError, match=told):
        scorecard.write_readme(path, found)
    text = path.read_text()
    assert "12.3" not in text
    assert "There is no scorecard. There are no published records" in text


@pytest.mark.parametrize(
    "text",
    ["no marks", "<!-- scorecard --> only one", "<!-- scorecard -->\n" * 2 + "<!-- /scorecard -->"],
)
def test_a_readme_without_its_marks_is_left_alone(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ResultsError, match="needs the line <!-- scorecard -->"):
        scorecard.write_readme(tmp_path / "README.md", table(tmp_path / "small.parquet"))
    assert (tmp_path / "README.md").read_text() == text


def test_the_readme_says_what_the_published_records_say():
    begin, end = scorecard.MARKS
    block = (ROOT / "README.md").read_text().split(begin)[1].split(end)[0]
    assert block.strip() == scorecard.scorecard(ROOT / "reports/records/small.parquet")


def test_the_readmes_difference_at_equal_work_is_that_of_the_small_records():
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


def test_rows_on_other_data_than_the_papers_are_counted(tmp_path):
    """Three seeds on fsdd alone: of the paper's sets none is there."""
    text = scorecard.scorecard(table(tmp_path / "small.parquet"))
    rows = claims_of(text)
    assert f"In {rows} of the {rows} rows below other tasks stand in for the paper's data" in text
    rows = pd.DataFrame({"limits": ["x; fsdd/digit stands in for scv1", "the interval", ""]})
    assert scorecard._stand_ins(rows).startswith("In 1 of the 3 rows")


def test_the_embedded_corpus_takes_no_part_in_the_claims_of_another_profile(tmp_path):
    """D70: its records stand beside the others, and change the number of runs alone."""
    tasks = ["toy/direction", "toy/order", "toy/register", "toy/pattern"]
    own = {"NONE": [0.5, 0.52], "FT": [0.7, 0.71], "FF": [0.4, 0.4], "SF": [0.5, 0.53]}
    own = study(tasks, **own, **{"NONE x2": [0.8, 0.8]})
    own = [r | {"corpus": "toy"} for r in own]
    text = scorecard.scorecard(table(tmp_path / "small.parquet"))
    more = scorecard.scorecard(table(tmp_path / "small.parquet", [*small_records(), *own]))
    as_before = text.replace(" 18 of ", f" {18 + len(own)} of ").splitlines()
    (line,) = set(more.splitlines()) - set(as_before)
    assert line.startswith("What the hypothesis predicts for the embedded corpus, 2 pretraining ")
    # FT: 20 and 19 points, t = 12.7, so [13.1, 25.9]: more than 5 where nothing was to be gained
    assert "as predicted: FT helps direction (+19.5 [+13.1, +25.9]), FT helps order (" in line
    assert "; opposite: FT not needed for pattern (+19.5 [+13.1, +25.9]). Beside NONE" in line
    # -10, -9; -40, -40; -30, -27
    assert line.endswith(" factors – below: FT -9.5, FF -40.0, SF -28.5.")
    smoke = pd.DataFrame({"data_set": ["toy", "toy-a"]})
    assert len(scorecard._of_claims(smoke, profiles.profile("smoke"))) == 2


def test_claims_that_a_ceiling_decides_are_counted():
    full = "COLA has 99.0 %, which leaves 1.0 points: the stated 5.0 cannot be reached here"
    lines = [("not reproduced", full), ("not reproduced", ""), ("reproduced", full)]
    rows = pd.DataFrame(lines, columns=["verdict", "limits"])
    assert scorecard._no_room(rows).startswith(" 1 of the 2 rows that are *not reproduced*")
    assert scorecard._no_room(rows[1:]) == ""
