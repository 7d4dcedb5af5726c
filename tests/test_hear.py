"""The HEAR API and torch.hub: a saved encoder as others load it."""

import pytest
import torch
from conftest import ROOT, gen, same_bits

import asglib
from asglib import hear
from asglib.config import ConfigError, Frontend
from asglib.encoder import build, save_encoder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "encoder.safetensors"
    save_encoder(build("tiny", Frontend(window=256, n_fft=256), 3), path)
    return path


def test_scenes_and_timestamps_are_the_encoders(saved):
    model = hear.load_model(str(saved))
    assert (model.sample_rate, model.scene_embedding_size) == (16_000, 128)
    assert model.timestamp_embedding_size == 128
    f, waves = asglib.load(saved), 0.1 * torch.randn(2, 100_000, generator=gen())
    parts = [f(waves[:, i : i + 48_000]).detach() for i in (0, 48_000)]  # the rest is dropped, D13
    scenes = hear.get_scene_embeddings(waves, model)
    torch.testing.assert_close(scenes, torch.stack(parts).mean(0), rtol=1e-4, atol=1e-6)
    found, times = hear.get_timestamp_embeddings(waves[:, :40_000], model)
    assert found.shape == (2, 51, 128) and times.shape == (2, 51)
    assert times[0].tolist() == [50.0 * i for i in range(51)]  # ms
    around = f(waves[:, 16_000 - 8_000 : 16_000 + 8_000]).detach()  # 1 s, the 20th
    torch.testing.assert_close(found[:, 20], around, rtol=1e-4, atol=1e-6)
    short, _ = hear.get_timestamp_embeddings(waves[:1, :300], model)
    assert short.shape == (1, 1, 128) and short.isfinite().all()


def test_an_encoder_must_be_named():
    with pytest.raises(ConfigError, match="there is no such file; give an encoder.safetensors"):
        hear.load_model()


def test_torch_hub_loads_it(saved):
    model = torch.hub.load(str(ROOT), "asg", source="local", path=str(saved.parent))
    waves = torch.randn(2, 16_000, generator=gen())
    assert torch.equal(model(waves), asglib.load(saved)(waves)) and not model.training


def test_a_run_is_named_by_its_folder_everywhere(saved, tmp_path):
    assert same_bits(asglib.load(saved.parent), asglib.load(saved))
    with pytest.raises(ConfigError, match="encoder.safetensors: there is no such file"):
        asglib.load(tmp_path)
