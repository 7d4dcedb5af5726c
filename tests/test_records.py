"""Records: what is read is what was written, and what is broken is named and stops nothing."""

import json
import math

import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from made_records import record, study

from asglib.study.comparison import choose
from asglib.study.notes import notes
from asglib.study.records import (
    ResultsError,
    evaluations,
    load_records,
    of_variants,
    set_aside,
    write_records,
)

PUBLISHED = ROOT / "reports/records/small.parquet"


def bits(records):
    """As text: types, digits, order of fields, absent or null, all of it."""
    return [json.dumps(one) for one in records]


def test_a_table_holds_one_way_of_evaluating():
    """The same runs linear, and with CPC's hidden layer on one of two tasks."""
    plain = study(ASG=[0.5], CPC=[0.4])
    hidden = [r | {"value": 0.9, "protocol": "hidden 512", "run": r["run"] + "h"} for r in plain]
    hidden = [one for one in hidden if one["task"] == "digit"]
    table = evaluations([*plain, *hidden])
    assert choose(table, "ASG")["value"].tolist() == [0.5, 0.5]
    wanted = {("fsdd/digit", "frozen"): "hidden 512", ("fsdd/speaker", "frozen"): ""}

    def as_wanted(row):
        return "" if row["protocol"] == wanted[row["key"], row["setting"]] else None

    own = of_variants(table, as_wanted)
    assert choose(own, "CPC").set_index("key")["value"].to_dict() == {
        "fsdd/digit": 0.9,
        "fsdd/speaker": 0.4,
    }
    assert set(choose(own, "CPC")["protocol"]) == {"hidden 512", ""}
    both = of_variants(table, lambda row: "wide" if row["protocol"] else "")
    assert choose(both, "CPC")["value"].tolist() == [0.4, 0.4]
    assert choose(both, "CPC@variant=wide")["value"].tolist() == [0.9]
    assert len(of_variants(table, lambda row: None)) == 0
    with pytest.raises(ResultsError, match="recorded 2 times"):
        evaluations([*hidden, hidden[0] | {"run": "again"}])


def test_no_records_say_what_to_do(tmp_path):
    told = "no records at .*nowhere: run `.* reproduce --profile nowhere` and then `.* publish --pr"
    with pytest.raises(ResultsError, match=told):
        load_records(tmp_path / "nowhere")


AWKWARD = [
    {"kind": "evaluation", "run": "a", "value": 0.1 + 0.2, "clips": ["a", "b"], "undefined": None},
    {"run": "b", "kind": "pretraining", "clips": 2, "value": 1.5e-5, "versions": {"torch": "2"}},
    {"kind": "evaluation", "run": "c", "value": None, "labels": [["x"], []], "clips": []},
    {"kind": "pretraining", "run": "d", "value": 0, "versions": {"torch": "2", "numpy": "1"}},
    {"kind": "x", "run": "ä", "big": 2**60, "true": True, "none": [None, 0.5], "deep": {"a": [{}]}},
]


def test_one_table_gives_every_record_back_to_the_bit(tmp_path):
    write_records(AWKWARD, tmp_path / "records.parquet")
    assert bits(load_records(tmp_path / "records.parquet")) == bits(AWKWARD)


def test_every_published_record_comes_back_to_the_bit(tmp_path):
    records = load_records(PUBLISHED)
    assert len(records) == pq.read_metadata(PUBLISHED).num_rows > 400
    assert {r["kind"] for r in records} == {"evaluation", "pretraining", "sensitivity"}
    write_records(records, tmp_path / "again.parquet")
    assert bits(load_records(tmp_path / "again.parquet")) == bits(records)
    assert PUBLISHED.stat().st_size < 1_000 * len(records)


def test_the_table_is_plain_where_it_can_be():
    types = {field.name: str(field.type) for field in pq.read_schema(PUBLISHED)}
    assert types["value"] == "double" and types["method"] == "string"
    assert types["predictions"] == "list<element: int64>"


BROKEN = {
    "nan": record(value=math.nan, run="nan"),
    "percent": record(value=87.9, run="percent"),
    "true": record(value=True, run="true"),
    "short": {"kind": "evaluation", "run": "short"},
    "setting": record(setting="finetuned", run="setting"),
    "clips": record(value=30) | {"clips": ["0.wav"], "run": "clips"},
    "untrue": record(value=30) | {"value": 0.9, "run": "untrue"},
    "marks": record(value=30) | {"correct": [0.5] * 40, "run": "marks"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record_is_named_set_aside_and_missing(name):
    records = [*study(NONE=[0.7, 0.7], ASG=[0.8, 0.8])[:-1], BROKEN[name]]
    table = evaluations(records)
    assert len(table) == 7
    there = set(zip(table["method"], table["key"], table["seed"]))
    assert len(there) == 7 and ("ASG", "fsdd/speaker", 1) not in there
    (told,) = set_aside(records)
    assert name in told and "\n" not in told and told in notes(records)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table"])
def test_a_broken_table_is_named(tmp_path, content):
    path = tmp_path / "small.parquet"
    path.write_bytes(content)
    (told,) = set_aside(load_records(path))
    assert str(path) in told and evaluations(load_records(path)).empty


def test_two_profiles_and_two_records_of_one_run_are_refused():
    records = study(NONE=[0.7])
    told = r"profiles .*NONE-fsdd/digit.* \(small\) and other \(smoke\)"
    with pytest.raises(ResultsError, match=told):
        evaluations([*records, record("ASG", 0.9, profile="smoke", run="other")])
    told = (
        r"NONE \(linear, frozen, pretrained on esc50\) on fsdd/digit, seed 0, is recorded 2 times"
    )
    with pytest.raises(ResultsError, match=told + r", by NONE-fsdd/digit.*, again: keep one"):
        evaluations([*records, record("NONE", 0.9, run="again")])


def test_evaluations_stand_in_the_order_of_the_methods():
    other = [{"kind": "pretraining"}, {"kind": "sensitivity"}]
    rows = evaluations([*other, *study(spectrogram=[0.5], ASG=[0.8], NONE=[0.7])])
    assert list(rows["method"].unique()) == ["NONE", "ASG", "spectrogram"] and len(rows) == 6
    assert evaluations([]).empty


def test_what_is_undefined_is_no_number_and_no_hole():
    rows = evaluations([record(value=None, undefined="no positives"), record("NONE", 0.5)])
    assert math.isnan(rows["value"][1]) and len(rows) == 2
