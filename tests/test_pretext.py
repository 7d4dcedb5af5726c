"""A method's own task on held-out clips: which clips, in which mode, and the mean over batches."""

from dataclasses import replace

import pytest
from conftest import CPU, TINY
from torch import nn

from asglib.batches import BatchError
from asglib.data.corpus import load
from asglib.methods import METHODS
from asglib.study import runs
from asglib.study.pretext import held_out
from asglib.study.records import pretext


class Counts(nn.Module):
    """A method that sees which clips it is shown."""

    def __init__(self):
        super().__init__()
        self.shown, self.modes, self.seen = [], [], {"mean": -1.0}

    def forward(self, batch, generator):
        self.shown.append(batch.clips.tolist())
        self.modes.append(self.training)
        self.seen = {"mean": float(batch.clips.float().mean())}


def test_every_held_out_clip_is_shown_once_in_evaluation_mode(study):
    corpus = load("toy-a", study)
    count = (corpus.rows.split != "train").sum()
    method = Counts()
    found = held_out(method, replace(TINY, batch=16), corpus, CPU)
    shown = sum(method.shown, [])
    assert sorted(shown) == list(range(count)) and count % 16 == 0
    assert not any(method.modes)
    assert found == {"mean": pytest.approx((count - 1) / 2)}  # of 0, 1, ..., in batches alike


def test_what_sees_nothing_or_has_too_few_clips_has_no_value(study):
    corpus = load("toy-a", study)
    silent = Counts()
    silent.seen = {}
    assert held_out(silent, TINY, corpus, CPU) == {} and not silent.shown
    few = replace(corpus, rows=corpus.rows[corpus.rows.split == "train"])
    assert held_out(Counts(), TINY, few, CPU) == {}


def test_a_run_of_cpc_has_it_beside_the_one_of_training(study):
    config = replace(
        TINY, method="CPC", settings=METHODS["CPC"], encoder="cpc-tiny", frames=80, epochs=1
    )
    _, record = runs.trained(replace(config, optimizer="adam", weight_decay=0.0), study)
    assert 0 <= record["held_out"]["ranked"] <= 1
    rows = pretext([record]).set_index("key")["value"]
    assert rows.to_dict() == {
        "pretext/ranked": record["seen"]["ranked"],
        "pretext/held-out ranked": record["held_out"]["ranked"],
    }
    assert runs.trained(TINY, study)[1]["held_out"] == {}


class Broken(Counts):
    """A method whose second batch has hardly a clip that can be decoded."""

    def forward(self, batch, generator):
        super().forward(batch, generator)
        if len(self.shown) == 2:
            raise BatchError("fewer than two clips of a batch can be decoded")


def test_a_batch_that_cannot_be_made_is_left_out_and_loses_no_run(study):
    corpus = load("toy-a", study)
    method = Broken()
    found = held_out(method, replace(TINY, batch=16), corpus, CPU)
    means = [sum(shown) / len(shown) for shown in method.shown]
    del means[1]
    assert len(means) > 1 and found == {"mean": pytest.approx(sum(means) / len(means))}
