"""What notebooks 01 to 04 look at: first batches, curves, the network's stride."""

import pytest
import torch

from asglib import encoder
from asglib.data.workspace import Workspace
from asglib.study import questions
from asglib.study.cluster import StudyError
from asglib.study.profiles import SMOKE

FRONTEND = SMOKE.pretraining.frontend


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(None, tmp_path_factory.mktemp("runs"), "cpu")


def test_history_is_the_loss_by_step_and_the_geometry_by_epoch():
    record = {
        "method": "ASG",
        "log": {"epoch": [0.5, 1.0, 1.5, 2.0], "loss": [4.0, 3.0, 2.0, 1.0], "rate": [1, 1, 1, 1]},
        "measured": {"epoch": [0, 1, 2], "alignment": [0.5, 0.4, 0.3], "spread": [0.1, 0.2, 0.3]},
    }
    found = questions.history([record], {"loss": "loss", "spread": "how wide"})
    loss, spread = (found[found["column"] == name] for name in ("loss", "how wide"))
    assert set(found["row"]) == {"ASG"} and len(found) == 7
    assert (loss["x"].tolist(), loss["value"].tolist()) == ([0.5, 1, 1.5, 2], [4, 3, 2, 1])
    assert (spread["x"].tolist(), spread["value"].tolist()) == ([0, 1, 2], [0.1, 0.2, 0.3])


def test_step_by_step_is_one_where_nothing_moves(workspace):
    network = encoder.build("tiny", FRONTEND)
    x = torch.randn(5, FRONTEND.bins, 40, generator=torch.Generator().manual_seed(0))
    found = questions.step_by_step({"A": network}, x, {"SF": "up"}, [0, 3], workspace)
    assert found[["row", "column", "x"]].values.tolist() == [["A", "up", 0], ["A", "up", 3]]
    assert found["value"][0] == pytest.approx(1, abs=1e-4) and found["value"][1] < 1


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


def test_with_nothing_to_compute_no_encoder_is_trained(tmp_path):
    """As after `restore`: records are there, weights are not."""
    here = Workspace(None, tmp_path, computes=False)
    with pytest.raises(StudyError, match="lacks the encoders of NONE, ASG, seed 0: "):
        questions.encoders(SMOKE, ("untrained", "NONE", "ASG"), 0, here)
    assert not list(tmp_path.glob("pretrain-*"))
    found, records = questions.encoders(SMOKE, ("untrained",), 0, here)
    assert found["untrained"].dim > 0 and records[0]["steps"] == 0
