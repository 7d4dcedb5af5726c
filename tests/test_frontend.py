"""Log-spectrograms (paper section 3.2): librosa, a transform written out as a sum, and physics."""

import librosa
import numpy as np
import pytest
import torch
from conftest import tone

from asglib.config import Frontend
from asglib.frontend import LogSpectrogram

LINEAR, MEL = Frontend(), Frontend(n_mels=64)


def noise(samples=48_000, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples)


def spectrogram(wave, config=LINEAR):
    return LogSpectrogram(config)(torch.from_numpy(np.asarray(wave, np.float32))[None])


def power(wave, config=LINEAR):
    """The power that the logarithm was taken of: [F, T] float64."""
    return spectrogram(wave, config)[0].double().exp().numpy() - config.floor


def librosa_power(wave):
    stft = librosa.stft(
        wave,
        n_fft=512,
        hop_length=160,
        win_length=512,
        window="hann",
        center=True,
        pad_mode="reflect",
    )
    return np.abs(stft[:, : len(wave) // 160]) ** 2


# --- against others ------------------------------------------------------------------------------


def test_the_papers_shape():
    assert spectrogram(noise()).shape == (1, 257, 300)
    assert spectrogram(noise(), MEL).shape == (1, 64, 300)


@pytest.mark.parametrize("samples", [48_000, 4_321])
def test_linear_equals_librosa(samples):
    wave = noise(samples)
    np.testing.assert_allclose(power(wave), librosa_power(wave), rtol=1e-4, atol=LINEAR.floor)


@pytest.mark.parametrize("n_mels, f_min, f_max", [(64, 50, 8000), (40, 0, 4000)])
def test_mel_equals_librosa(n_mels, f_min, f_max):
    wave = noise()
    expected = librosa.feature.melspectrogram(
        S=librosa_power(wave),
        sr=16_000,
        n_fft=512,
        n_mels=n_mels,
        fmin=f_min,
        fmax=f_max,
        htk=False,
        norm="slaney",
    )
    ours = power(wave, Frontend(n_mels=n_mels, f_min=float(f_min), f_max=float(f_max)))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=LINEAR.floor)


@pytest.mark.parametrize("frame", [0, 1, 37, 59])
def test_linear_equals_the_sum(frame):
    """By the definition: 512 samples around sample 160 t, mirrored at the edges, a Hann window."""
    wave = noise(9_600)
    sample = np.abs(np.arange(512) - 256 + 160 * frame)
    sample = np.where(sample > 9_599, 2 * 9_599 - sample, sample)
    n = np.arange(512)
    windowed = wave[sample] * (0.5 - 0.5 * np.cos(2 * np.pi * n / 512))
    transform = np.exp(-2j * np.pi * np.outer(np.arange(257), n) / 512) @ windowed
    np.testing.assert_allclose(
        power(wave)[:, frame], np.abs(transform) ** 2, rtol=1e-4, atol=LINEAR.floor
    )


# --- physics -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [500, 1000, 3125, 7000])
def test_a_tone_peaks_in_its_bin(hertz):
    peaks = spectrogram(tone(hertz, 1.0))[0, :, 3:-3].argmax(0)
    assert (peaks == round(hertz / 31.25)).all()


@pytest.mark.parametrize("band", [20, 40, 60])
def test_a_tone_peaks_in_its_mel_band(band):
    """Equally spaced on Slaney's scale: 200/3 Hz a mel up to 1 kHz, then 27 mels a factor 6.4."""

    def mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    centre = mel(50) + (band + 1) * (mel(8000) - mel(50)) / 65
    hertz = centre * 200 / 3 if centre < 15 else 1000 * 6.4 ** ((centre - 15) / 27)
    assert (spectrogram(tone(hertz, 1.0), MEL)[0, :, 3:-3].argmax(0) == band).all()


def test_twice_the_amplitude_is_log_4():
    louder = spectrogram(2 * noise()) - spectrogram(noise())
    assert louder.median().item() == pytest.approx(np.log(4), abs=1e-4)


@pytest.mark.parametrize("config", [LINEAR, MEL])
def test_silence_is_the_floor(config):
    np.testing.assert_allclose(spectrogram(np.zeros(4_800), config), np.log(1e-6), rtol=1e-6)


def test_one_hop_later_is_one_frame_later():
    wave = noise(16_000)
    whole, later = power(wave), power(wave[160:])
    np.testing.assert_allclose(whole[:, 3:97], later[:, 2:96], rtol=1e-4, atol=LINEAR.floor)


def test_rows_do_not_touch_each_other():
    waves = torch.from_numpy(np.stack([noise(seed=s) for s in range(3)])).float()
    together = LogSpectrogram(LINEAR)(waves)
    for row in range(3):
        torch.testing.assert_close(
            together[row], spectrogram(waves[row].numpy())[0], rtol=0, atol=1e-4
        )


# --- contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "samples, frames", [(257, 1), (1_600, 10), (1_759, 10), (47_999, 299), (48_001, 300)]
)
def test_frames_are_the_whole_hops(samples, frames):
    assert spectrogram(noise(samples)).shape[-1] == frames


@pytest.mark.parametrize("config", [LINEAR, MEL])
def test_float32_under_autocast(config):
    wave = torch.from_numpy(noise()).float()[None]
    with torch.autocast("cpu", torch.bfloat16):
        inside = LogSpectrogram(config)(wave)
        halved = LogSpectrogram(config)(wave.bfloat16())
    assert inside.dtype == halved.dtype == torch.float32
    assert torch.equal(inside, LogSpectrogram(config)(wave))
    assert torch.equal(inside, LogSpectrogram(config)(wave.double()))


def test_too_short_a_wave_is_refused_with_the_limit():
    with pytest.raises(
        ValueError, match="a wave of 256 samples is too short; more than 256 are needed"
    ):
        spectrogram(noise(256))


def test_smaller_windows():
    """The smoke profile's front end: a tone in the bin of a 256-point transform, 62.5 Hz apart."""
    small = Frontend(window=256, n_fft=256)
    found = spectrogram(tone(3125, 1.0), small)
    assert found.shape == (1, 129, 100) and (found[0, :, 2:-2].argmax(0) == 50).all()
