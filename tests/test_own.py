"""One's own recording in notebook 01."""

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT, noise, tone, write

from asglib.adversaries import KINDS, move
from asglib.audio import AudioError
from asglib.config import Frontend
from asglib.data.workspace import Workspace
from asglib.encoder import build
from asglib.frontend import LogSpectrogram
from asglib.study import figures, listen, own, questions, report

CELLS = [
    cell.source
    for cell in nbformat.read(ROOT / "notebooks/01_positional_sensitivity.ipynb", 4).cells
    if cell.source.startswith("if OWN:")
]


def test_its_middle_is_taken(tmp_path):
    wave = noise(10 * 16_000)
    found = own.clip(write(tmp_path / "long.wav", wave))
    assert np.array_equal(found.numpy(), wave[56_000:104_000])
    short = own.clip(write(tmp_path / "short.wav", wave[:200])).numpy()
    assert len(short) == 1_600 and np.array_equal(short[700:900], wave[:200])
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be decoded"):
        own.clip(tmp_path / "gone.wav")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(None, tmp_path_factory.mktemp("runs"))


def test_a_clip_of_the_corpus_is_nearest_to_itself(workspace):
    waves, rows = questions.toy_clips(workspace, "test")
    encoder = build("tiny", Frontend(window=256, n_fft=256), 3).eval()
    found = own.nearest(waves[7], encoder, workspace)
    assert len(found) == 5 and found["clip"][0] == 7 and found.cosine[0] == pytest.approx(1)
    assert found.cosine.is_monotonic_decreasing
    assert found.pattern[0] == rows.pattern[7] and found.order[0] == rows.order[7]


@pytest.mark.parametrize("given", [True, False])
def test_the_notebooks_cells_show_it_or_nothing(given, workspace, tmp_path, monkeypatch):
    shown = []
    for name in ("figure", "audio", "table"):
        monkeypatch.setattr(report, name, lambda *rest, name=name: shown.append((name, rest)))
    path = write(tmp_path / "mine.wav", tone(440, 1.0, 48_000), 48_000)
    frontend = LogSpectrogram(Frontend(window=256, n_fft=256))
    names = {"OWN": str(path) if given else None, "frontend": frontend, "rate": 16_000}
    names |= {"length": {"FT": 0, "FF": 0, "SF": 32, "ST": 15}, "titles": {k: k for k in KINDS}}
    names |= {"seen": "One clip", "made": ["as it is", *KINDS], "workspace": workspace}
    names |= {"encoders": {"ASG": build("tiny", frontend.config, 3).eval()}, "zip": zip}
    names |= {"own": own, "move": move, "KINDS": KINDS, "figures": figures}
    names |= {"listen": listen, "report": report}
    assert len(CELLS) == 3
    for source in CELLS:
        exec(source, names)
    kinds = [name for name, _ in shown]
    assert kinds == (["figure", *["audio"] * 5, "table"] if given else [])
    if given:
        assert torch.is_tensor(names["mine"]) and len(names["mine"]) == 16_000
