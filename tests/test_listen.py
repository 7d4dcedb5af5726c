"""The sound of a move has the moved spectrogram."""

import numpy as np
import pytest
import torch
from conftest import gen, tone

from asglib.adversaries import move
from asglib.config import ConfigError, Frontend
from asglib.frontend import LogSpectrogram
from asglib.study import listen

FRONTENDS = [Frontend(), Frontend(window=256, n_fft=256)]


def noise(frames=40, frontend=FRONTENDS[0]):
    """Noise that dies away: unlike itself in either direction of time and frequency."""
    wave = torch.randn(frames * frontend.hop, generator=gen(1))
    return torch.nn.functional.conv1d(
        wave[None, None], torch.tensor([[[0.2, 0.5, 0.3]]]), padding=1
    )[0, 0] * torch.linspace(0.5, 0.05, len(wave))


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize("kind, length", [("FT", 0), ("FF", 0), ("ST", 7)])
def test_flips_and_time_scrolls_are_exact_but_for_the_edges(kind, length, frontend):
    wave, spectrogram = noise(frontend=frontend), LogSpectrogram(frontend)
    heard = spectrogram(listen.moved(wave, kind, length, frontend)[None])[0]
    wanted = move(spectrogram(wave[None])[0], kind, length)
    inside = [
        t for t in range(3, 37) if kind != "ST" or abs(t - length) > 3
    ]  # the seam is cut from other samples
    assert torch.allclose(heard[:, inside], wanted[:, inside], atol=0.02)
    assert not torch.allclose(heard[:, inside], spectrogram(wave[None])[0][:, inside], atol=1)


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize("length", [10, 16, 37])
def test_a_tone_scrolled_along_frequency_is_the_tone_that_many_bins_higher(length, frontend):
    hertz = frontend.sample_rate / frontend.n_fft
    wave = torch.from_numpy(tone(20 * hertz)).float()
    heard = listen.scrolled(wave, length, frontend)[2000:-2000]
    power = torch.fft.rfft(heard * torch.hann_window(len(heard))).abs().square()
    peak = power.argmax().item() * frontend.sample_rate / len(heard)
    assert abs(peak - (20 + length) * hertz) < frontend.sample_rate / len(heard)
    assert (
        power[power > power.max() * 1e-3].sum() / power.sum() > 0.99
    )  # frames that fit: one line, no sidebands
    assert torch.isclose(heard.square().mean(), wave.square().mean(), rtol=0.02)


def test_what_leaves_at_the_top_enters_at_the_bottom():
    frontend = Frontend()
    wave = torch.from_numpy(tone(200 * 31.25)).float()
    heard = listen.scrolled(wave, 100, frontend)[2000:-2000]
    peak = np.abs(np.fft.rfft(heard)).argmax() * 16_000 / len(heard)
    assert abs(peak - (200 + 100 - 257) * 31.25) < 3


def test_a_scroll_of_no_length_is_the_wave():
    wave = noise()
    for kind in ("SF", "ST"):
        assert torch.allclose(listen.moved(wave, kind, 0, Frontend()), wave, atol=1e-5)


def test_playable_keeps_the_ratio_of_levels():
    loud, soft = listen.playable(torch.tensor([0.0, -2.0]), torch.tensor([0.5, 0.0]))
    assert loud.tolist() == [0, -1] and soft.tolist() == [0.25, 0]
    assert listen.playable(torch.tensor([0.3]))[0].item() == pytest.approx(0.3)


def test_an_unknown_move_is_refused():
    with pytest.raises(ConfigError, match="'XX' is unknown; use FT, FF, SF, ST"):
        listen.moved(noise(), "XX", 0, Frontend())
