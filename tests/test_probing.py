"""What moved toy clips are called, who is whose neighbour, and that a question can tell who noticed a move."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from asglib import config, evaluation
from asglib.config import Frontend
from asglib.data import toy
from asglib.data.workspace import Workspace
from asglib.frontend import LogSpectrogram
from asglib.study import neighbours
from asglib.study import questions as probing

FRONTEND = config.SMOKE.pretraining.frontend


@pytest.fixture(scope="module")
def place(tmp_path_factory):
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
        assert probing.labels_after("FT", 0, factor, ids, FRONTEND).tolist() == wanted
    assert probing.labels_after("ST", 10, "order", ids, FRONTEND).tolist() == [0, 1, 1]


def test_a_scroll_up_leaves_the_registers_at_the_top():
    ids = np.arange(len(toy.REGISTERS))
    two = probing.labels_after("SF", 2 * probing.register_step(FRONTEND), "register", ids, FRONTEND)
    assert two.tolist() == [*range(2, len(ids)), -1, -1]
    assert (
        probing.labels_after("SF", 20, "direction", ids % 2, FRONTEND).tolist()
        == (ids % 2).tolist()
    )


@pytest.mark.parametrize("kind", ["FF", "SF"])
def test_the_new_register_is_where_the_moved_event_lies(kind):
    """Measured on the clips' own power, not computed from the rule."""
    frontend = Frontend()
    length = probing.register_step(frontend)
    moved = (lambda s: s.flip(0)) if kind == "FF" else (lambda s: s.roll(length, 0))
    ids = np.arange(len(toy.REGISTERS))
    then = probing.labels_after(kind, length, "register", ids, frontend)
    assert (then >= 0).sum() >= 2
    for register in ids[then >= 0]:
        wanted = event_hertz(then[register], lambda s: s)
        assert (
            abs(event_hertz(register, moved) - wanted) < (toy.REGISTERS[1] - toy.REGISTERS[0]) / 2
        )


def test_a_system_that_sees_only_the_register_follows_it_and_no_other(place):
    profile = replace(
        config.SMOKE, frozen=replace(config.SMOKE.frozen, epochs=8, drop_epoch=6, lr=1e-2)
    )
    length = 2 * probing.register_step(FRONTEND)
    questions = [probing.Question("SF", "register", length), probing.Question("FT", "direction")]
    systems = {
        "where": lambda s: s.exp().mean(2).add(1e-3).log(),
        "blind": lambda s: s.sort(1).values.mean(2),
    }
    found = probing.answers(systems, questions, profile, 0, place).set_index(["system", "move"])
    assert (
        found.new["where", "SF"] > 0.8 > 0.3 > found.old["where", "SF"]
        and found.before["where", "SF"] > 0.9
    )
    assert found.new["blind", "SF"] < 0.3  # it cannot know where anything is
    assert (
        abs(found.new["where", "FT"] - found.old["where", "FT"]) < 0.5
        and found.clips["where", "FT"] == 384
    )


def test_the_cells_of_the_similarity_matrix():
    kinds = probing.cell_kinds(4)
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


def test_history_begins_before_the_first_step_and_leaves_out_the_steps_between():
    record = {
        "before": {"alignment": 0.5},
        "log": {
            "epoch": [0.5, 1.0, 1.5, 2.0],
            "loss": [4.0, 3.0, 2.0, 1.0],
            "alignment": [None, 0.4, None, 0.3],
        },
    }
    assert probing.history(record) == {
        "loss": ([0.5, 1.0, 1.5, 2.0], [4.0, 3.0, 2.0, 1.0]),
        "alignment": ([0.0, 1.0, 2.0], [0.5, 0.4, 0.3]),
    }


def test_the_stride_is_that_of_the_last_feature_map():
    for name in ("tiny", "resnet18"):
        network = probing.experiment.encoder.build(name)
        cells = network.network.forward_features(torch.zeros(1, 1, 128, 192)).shape[-2:]
        assert (128 // probing.stride(network), 192 // probing.stride(network)) == tuple(cells)


def test_first_batch_holds_pairs_and_their_moved_pairs(place):
    method, first, second = probing.first_batch(config.SMOKE.pretraining, 3, place)
    frames = config.SMOKE.pretraining.frames
    assert first.shape == second.shape == (6, FRONTEND.bins, frames)
    assert torch.allclose(
        first[:3].flatten(1).sort(1).values, first[3:].flatten(1).sort(1).values
    )  # same cells, moved
    assert not torch.equal(first[:3], first[3:]) and method.encoder.std > 0.5


def test_embedding_in_batches_changes_nothing(place):
    x = torch.randn(7, 129, 40, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(probing.embed(evaluation.blocks, x, place, batch=3), evaluation.blocks(x))


def test_neighbours_by_hand():
    rows = pd.DataFrame({"digit": ["1", "1", "2", "2"], "speaker": ["a", "b", "a", "b"]})
    found = neighbours.Neighbours(
        "set", rows, ("digit", "speaker"), {"ASG": np.array([1, 0, 0, 2])}
    )
    assert found.agreement() == {"ASG": {"digit": 0.75, "speaker": 0.25}}
    assert found.chance() == {"digit": 4 / 12, "speaker": 4 / 12}
    assert found.table([3]).iloc[0].tolist() == ["2, b", "2, a"]


def test_neighbours_of_a_system_that_sees_the_register(place):
    found = neighbours.neighbours(
        {"where": lambda s: s.exp().mean(2).add(1e-3).log()}, config.SMOKE, place, limit=128
    )
    near = found.nearest["where"]
    assert found.name == "toy" and len(near) == 128 and not (near == np.arange(128)).any()
    assert found.agreement()["where"]["register"] > 0.7 > 2 * found.chance()["register"]
    assert abs(found.agreement()["where"]["order"] - found.chance()["order"]) < 0.25


def test_the_panel_for_jupyter_shows_a_moved_clip(capsys):
    from asglib.study import explorer

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
    systems = {"mean": lambda s: s.mean(2)}
    panel = explorer.panel(waves, rows, systems, LogSpectrogram(FRONTEND))
    clip, kind, share, _ = panel.children
    assert [name for name, _ in clip.options][
        2
    ] == "2: chirp, 2, forwards, event first" and kind.value == "FT"
    spectrograms = LogSpectrogram(FRONTEND)(waves)
    assert [explorer.length_of(kind, 50, spectrograms) for kind in ("FT", "FF", "SF", "ST")] == [
        0,
        0,
        64,
        40,
    ]
    explorer.show(waves, spectrograms, systems, LogSpectrogram(FRONTEND), "cpu", 1, "FT", 20)
    assert "Markdown" in capsys.readouterr().out
