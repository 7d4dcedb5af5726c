"""The plan of a study before it runs: what can run, what is left out and for want of what."""

import pytest
import rehearsal_trees

from asglib import config
from asglib.data.workspace import Workspace
from asglib.study import forecast, plans, pool


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """ESC-50 and a few clips of AudioSet, of which no batch of 512 can be made."""
    root = tmp_path_factory.mktemp("plan")
    for name in ("esc50", "audioset"):
        rehearsal_trees.SETS[name](root / "data")
    return Workspace(root / "data", root / "runs")


def test_what_is_left_out_is_left_out_for_want_of_something(place):
    table = forecast.forecast(plans.evaluation(config.PAPER), place)
    rows = table[table.data == "esc50/sound"].set_index("run")
    assert (
        rows.state["frozen spectrogram linear, seed 0"]
        == rows.state["frozen untrained linear, seed 0"]
        == "to run"
    )
    assert rows.loc["frozen ASG linear, seed 0", "for want of"] == "audioset, 512 clips"
    musan = table[table.data == "musan/kind"].set_index("run")["for want of"]
    assert musan["frozen Sup. linear, seed 0"] == "musan; audioset, 1024 clips"
    assert musan["frozen spectrogram linear, seed 0"] == "musan"
    said = forecast.summary(table).splitlines()
    assert said[0].startswith(
        f"{len(table)} runs: 0 done, {sum(table.state == 'to run')} can run on the data present"
    )
    assert any(
        "audioset has 17 training clips here, fewer than one batch of 512: add to it." in line
        for line in said
    )
    assert "08       " in forecast.states({"08": table}) and "nsynth" in forecast.states(
        {"08": table}
    )
    able, reasons = pool.available(plans.evaluation(config.PAPER), place)
    assert len(able) == 6 and reasons.keys() >= {
        "musan",
        "audioset, 512 clips",
    }  # 4 untrained, 2 spectrograms


def test_a_rehearsal_takes_two_steps_of_few_clips(place):
    table = forecast.forecast(plans.evaluation(config.REHEARSAL), place)
    trained = table[table.run.str.match("pretrain (NONE|Sup.|ASG)")]
    assert (trained.steps == 2).all() and (trained.state == "to run").all()
    tested = table[table.data == "esc50/sound"]
    assert (tested.clips == config.REHEARSAL.frozen.max_clips).all() and (tested.steps == 2).all()


def test_a_notebook_about_encoders_says_what_they_want(tmp_path):
    ensure = pool.Ensurer(config.REHEARSAL, Workspace(None, tmp_path), [], None, None)
    with pytest.raises(
        pool.StudyError, match="nothing to show without pretrained encoders, and audioset: no data"
    ):
        ensure("01_positional_sensitivity")
    ensure("08_evaluation")  # which shows its rows as not tested
