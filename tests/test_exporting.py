"""ONNX: the optional extra; without it one sentence, with it torch's numbers."""

import importlib

import pytest
import torch
from conftest import gen

from asglib import exporting
from asglib.config import Frontend
from asglib.encoder import build


def made():
    f = build("tiny", Frontend(), 3)
    waves = 0.1 * torch.randn(8, 16_000, generator=gen())
    f.standardise(waves)
    f.train()(waves)
    return f.eval()


def extra():
    """onnxruntime, where the optional extra is installed."""
    for name in (*exporting.NEEDED, "onnxruntime"):
        pytest.importorskip(name, reason="the optional extra onnx is not installed")
    return importlib.import_module("onnxruntime")


def test_without_the_extra_it_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(exporting.ExportError, match=r"needs onnx and onnxscript: pip install -e"):
        exporting.export(made(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnx_and_torch_agree_at_any_batch_and_length(tmp_path):
    runtime = extra()
    f, path = made(), tmp_path / "model.onnx"
    exporting.export(f, path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    session = runtime.InferenceSession(str(path))
    for batch, samples in ((1, 48_000), (3, 16_000), (7, 12_345), (2, 80_001), (1, 1_600)):
        waves = 0.1 * torch.randn(batch, samples, generator=gen(samples))
        (found,) = session.run(None, {"waves": waves.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), f(waves).detach(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["audio2vec", "byol_a", "cpc-tiny"])
def test_the_compared_networks_are_written_too(name, tmp_path):
    """Audio2Vec's takes 5,120 samples and more, and no graph could be made for 1,024."""
    runtime, f = extra(), build(name, Frontend(window=400, n_mels=64)).eval()
    exporting.export(f, tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    for batch, samples in ((1, 5_120), (3, 16_001)):
        waves = 0.1 * torch.randn(batch, samples, generator=gen(samples))
        (found,) = session.run(None, {"waves": waves.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), f(waves).detach(), rtol=0, atol=1e-4)


def test_what_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    def refuse(*words, **more):
        raise torch.onnx.OnnxExporterError("a page of text")

    monkeypatch.setattr(exporting, "find_spec", lambda name: True)
    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(exporting.ExportError, match="cannot write 'tiny' as ONNX: use the enc"):
        exporting.export(made(), tmp_path / "model.onnx")
