"""Encoders that a pretraining keeps on its way: which, whether the right ones, their names."""

from dataclasses import replace

import pytest
from conftest import TINY, asked, essence

from asglib import sensitivity
from asglib.config import ConfigError, kept
from asglib.data.corpus import load
from asglib.study import runs
from asglib.study.evaluator import Evaluator


def test_powers_of_two_before_the_end_are_kept():
    assert [kept(n) for n in (0, 1, 2, 3, 8, 9)] == [[], [], [1], [1, 2], [1, 2, 4], [1, 2, 4, 8]]


def spread_of(network, study):
    corpus = load(TINY.corpus, study)
    clips = corpus.clips(corpus.rows[corpus.rows.split == "train"])
    return sensitivity.spread(network(sensitivity.centres(clips, TINY.samples)))


def test_the_encoder_after_an_epoch_is_the_one_that_was_measured_then(study):
    """The log measured it in training; a file of another epoch would have another spread."""
    last, record = runs.trained(TINY, study)
    first, _ = runs.trained(TINY, study, after=1)
    seen = record["measured"]["spread"]
    assert spread_of(first, study) == pytest.approx(seen[1], rel=1e-5)
    assert spread_of(last, study) == pytest.approx(seen[2], rel=1e-5)
    assert seen[1] != pytest.approx(seen[2], rel=1e-3)


def test_an_evaluation_of_it_has_its_own_name_value_and_number_of_epochs(study):
    evaluator = Evaluator(TINY, study)
    early, late = evaluator(asked(after=1)), evaluator(asked())
    assert (early["epochs"], late["epochs"]) == (1, TINY.epochs)
    assert early["run"] != late["run"] and early["pretraining"] == late["pretraining"]
    alone = Evaluator(TINY, study)._evaluate(asked(after=1), study.runs / "again")
    assert essence(alone) == essence(early) | {"run": "again"}


def test_where_it_is_lost_the_pretraining_gives_the_same_again(study):
    folder = study.runs / runs.run_name(TINY, study)
    file = folder / "encoder-after-1.safetensors"
    runs.trained(TINY, study)
    before = file.read_bytes()
    file.write_bytes(before[: len(before) // 2])
    network, _ = runs.trained(TINY, study, after=1)
    assert file.read_bytes() == before
    assert network.state_dict().keys() == runs.trained(TINY, study)[0].state_dict().keys()


@pytest.mark.parametrize("after", [0, 2, 3])
def test_other_epochs_are_refused_with_those_that_are_there(after):
    with pytest.raises(ConfigError, match=f"after {after} epochs of 2 .* those are: 1"):
        asked(after=after)
    with pytest.raises(ConfigError, match="those are: none"):
        replace(asked(), pretraining=None, setting="frozen", after=after)
