"""What moved toy clips are called, and that a question can tell who noticed a move."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from asglib import encoder
from asglib.config import Frontend
from asglib.data import toy
from asglib.data.workspace import Workspace
from asglib.evaluation import SpectrogramControl
from asglib.frontend import LogSpectrogram
from asglib.study import questions
from asglib.study.explorer import Explorer
from asglib.study.profiles import SMOKE
from asglib.study.questions import Question

FRONTEND = SMOKE.pretraining.frontend


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(None, tmp_path_factory.mktemp("runs"), "cpu")


def event_hertz(register, moved):
    """Where a toy event's energy lies, in Hz: the median over frames of the middle of its power."""
    wave = np.mean(
        [
            toy.clip(
                {"pattern": 0, "register": register, "direction": 0, "order": 0},
                np.random.default_rng(n),
            )
            for n in range(3)
        ],
        axis=0,
        dtype=np.float32,
    )
    power = moved(LogSpectrogram(Frontend())(torch.from_numpy(wave)[None])[0].exp())[:, 15:30].sum(
        1
    )
    power[power < power.max() / 100] = 0
    return (power @ torch.arange(257.0) / power.sum()).item() * 31.25


def test_a_time_flip_swaps_direction_and_order_alone():
    ids = np.array([0, 1, 1])
    for factor, wanted in (
        ("direction", [1, 0, 0]),
        ("order", [1, 0, 0]),
        ("register", [0, 1, 1]),
        ("pattern", [0, 1, 1]),
    ):
        assert questions.labels_after(Question("FT", factor, 0), ids, FRONTEND).tolist() == wanted
    assert questions.labels_after(Question("ST", "order", 10), ids, FRONTEND).tolist() == [0, 1, 1]


def test_a_scroll_up_leaves_the_registers_at_the_top():
    ids = np.arange(len(toy.REGISTERS))
    up = Question("SF", "register", 2 * questions.register_step(FRONTEND))
    two = questions.labels_after(up, ids, FRONTEND)
    assert two.tolist() == [*range(2, len(ids)), -1, -1]
    assert (
        questions.labels_after(Question("SF", "direction", 20), ids % 2, FRONTEND).tolist()
        == (ids % 2).tolist()
    )


@pytest.mark.parametrize("kind", ["FF", "SF"])
def test_the_new_register_is_where_the_moved_event_lies(kind):
    """Measured on the clips' own power, not computed from the rule."""
    frontend = Frontend()
    length = questions.register_step(frontend)
    moved = (lambda s: s.flip(0)) if kind == "FF" else (lambda s: s.roll(length, 0))
    ids = np.arange(len(toy.REGISTERS))
    then = questions.labels_after(Question(kind, "register", length), ids, frontend)
    assert (then >= 0).sum() >= 2
    for register in ids[then >= 0]:
        wanted = event_hertz(then[register], lambda s: s)
        assert (
            abs(event_hertz(register, moved) - wanted) < (toy.REGISTERS[1] - toy.REGISTERS[0]) / 2
        )


class Seeing:
    """A system whose embedding is a function of the spectrogram."""

    def __init__(self, embed):
        self.embed = embed


def test_a_system_that_sees_only_the_register_follows_it_and_no_other(workspace):
    profile = replace(SMOKE, frozen=replace(SMOKE.frozen, epochs=8, drop_epoch=6, lr=1e-2))
    length = 2 * questions.register_step(FRONTEND)
    asked = [Question("SF", "register", length), Question("FT", "direction")]
    systems = {
        "where": Seeing(lambda s: s.exp().mean(2).add(1e-3).log()),
        "blind": Seeing(lambda s: s.sort(1).values.mean(2)),
    }
    found = questions.answers(systems, asked, profile, 0, workspace)
    found = found.set_index(["system", "move"])
    assert found.new["where", "SF"] > 0.8 and found.old["where", "SF"] < 0.3
    assert found.before["where", "SF"] > 0.9
    assert found.new["blind", "SF"] < 0.3, "it cannot know where anything is"
    assert abs(found.new["where", "FT"] - found.old["where", "FT"]) < 0.5
    assert found.clips["where", "FT"] == 384


def test_shares_are_of_the_clips_that_have_a_label_after_the_move():
    old, new = np.array([0, 1, 2, 2]), np.array([1, 1, 2, -1])
    found = questions._shares(np.array([0, 1, 0, 2]), np.array([0, 1, 0, 2]), old, new)
    assert found == {"clips": 3, "before": 2 / 3, "new": 1 / 3, "old": 1 / 3}


def test_the_cells_of_the_similarity_matrix():
    kinds = questions.cell_kinds(4)
    assert [(kinds == kind).sum(1).tolist() for kind in range(4)] == [
        [1] * 16,
        [1] * 16,
        [2] * 16,
        [12] * 16,
    ]
    assert (
        kinds[0, 8] == kinds[4, 12] == 1
        and kinds[0, 4] == kinds[0, 12] == 2
        and (kinds == kinds.T).all()
    )


def test_history_is_the_loss_by_step_and_the_geometry_by_epoch():
    record = {
        "log": {"epoch": [0.5, 1.0, 1.5, 2.0], "loss": [4.0, 3.0, 2.0, 1.0], "rate": [1, 1, 1, 1]},
        "measured": {"epoch": [0, 1, 2], "alignment": [0.5, 0.4, 0.3], "spread": [0.1, 0.2, 0.3]},
    }
    assert questions.history(record) == {
        "loss": ([0.5, 1.0, 1.5, 2.0], [4.0, 3.0, 2.0, 1.0]),
        "alignment": ([0, 1, 2], [0.5, 0.4, 0.3]),
        "spread": ([0, 1, 2], [0.1, 0.2, 0.3]),
    }


def test_the_stride_is_that_of_the_last_feature_map():
    for name in ("tiny", "resnet18"):
        network = encoder.build(name, FRONTEND)
        cells = network.network.forward_features(torch.zeros(1, 1, 128, 192)).shape[-2:]
        assert (128 // questions.stride(network), 192 // questions.stride(network)) == tuple(cells)


def test_first_batch_holds_pairs_and_their_moved_pairs(workspace):
    method, first, second = questions.first_batch(SMOKE.pretraining, 3, workspace)
    frames = SMOKE.pretraining.frames
    assert first.shape == second.shape == (6, FRONTEND.bins, frames)
    assert torch.allclose(
        first[:3].flatten(1).sort(1).values, first[3:].flatten(1).sort(1).values
    )  # same cells, moved
    assert not torch.equal(first[:3], first[3:]) and method.encoder.std > 0.5


def test_embedding_in_batches_changes_nothing(workspace):
    x = torch.randn(7, 129, 40, generator=torch.Generator().manual_seed(0))
    control = SpectrogramControl(FRONTEND)
    assert torch.allclose(questions.embed(control, x, workspace, batch=3), control.embed(x))


def test_the_panel_for_jupyter_shows_a_moved_clip(capsys):
    waves = torch.from_numpy(
        np.stack(
            [
                toy.clip(
                    {"pattern": 1, "register": r, "direction": 0, "order": 0},
                    np.random.default_rng(r),
                )
                for r in range(3)
            ]
        )
    )
    rows = pd.DataFrame(
        [
            {
                "pattern": "chirp",
                "register": str(r),
                "direction": "forwards",
                "order": "event first",
            }
            for r in range(3)
        ]
    )
    systems = {"mean": Seeing(lambda s: s.mean(2))}
    explorer = Explorer(waves, rows, systems, LogSpectrogram(FRONTEND))
    clip, kind, share, _ = explorer.panel().children
    names = [name for name, _ in clip.options]
    assert names[2] == "2: chirp, 2, forwards, event first" and kind.value == "FT"
    lengths = [explorer.length(kind, 50) for kind in ("FT", "FF", "SF", "ST")]
    assert lengths == [0, 0, 64, 40]
    explorer.show(1, "FT", 20)
    assert "Markdown" in capsys.readouterr().out
