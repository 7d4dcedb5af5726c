"""Room impulse responses (paper section 2.1): physics, determinism and the folders people have."""

import subprocess
import sys

import numpy as np
import pyroomacoustics
import pytest
import soundfile

from asglib.data import rirs

rirs_settings = rirs.Simulation  # as it is, when a test puts another in its place


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return rirs.bank("simulated", tmp_path_factory.mktemp("cache"))


def t20(response):
    """T60 in seconds from the fall between -5 and -25 dB of Schroeder's backward integral."""
    left = np.cumsum(np.asarray(response, np.float64)[::-1] ** 2)[::-1]
    decibels = 10 * np.log10(left / left[0] + 1e-30)
    first, last = np.argmax(decibels <= -5), np.argmax(decibels <= -25)
    return 60 * (last - first) / 16_000 / (decibels[first] - decibels[last])


def click(path, at=0, rate=16_000, channels=1, length=800, value=0.5):
    """A file whose channel c is largest at `at` + 10 c, with an echo 100 samples later."""
    wave = np.zeros((length, channels))
    for channel in range(channels):
        wave[at + 10 * channel, channel] = value
        wave[at + 10 * channel + 100 + channel, channel] = value / 2
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


# --- simulated rooms ------------------------------------------------------------------------------


def test_bank_is_normalised(simulated):
    assert simulated.shape == (64, 8_000) and simulated.dtype == np.float32
    np.testing.assert_allclose(np.sum(simulated.astype(np.float64) ** 2, axis=1), 1, atol=1e-5)
    assert (np.argmax(np.abs(simulated), axis=1) == 0).all()


def test_decay_follows_sabine(simulated):
    asked = np.array([room.t60 for room in rirs.draw(rirs.Simulation())])
    measured = np.array([t20(response) for response in simulated])
    assert len(asked) == len(measured) == 64
    assert (measured / asked > 0.6).all() and (measured / asked < 1.6).all()
    assert 0.9 < np.median(measured / asked) < 1.15
    ranks = [np.argsort(np.argsort(values)) for values in (asked, measured)]
    assert np.corrcoef(*ranks)[0, 1] > 0.85


def test_longer_t60_decays_slower_in_the_same_room():
    room = rirs.draw(rirs.Simulation())[0]
    times = [
        t20(
            rirs.normalise(
                rirs.simulate(rirs.Room(room.size, t60, room.source, room.microphone), 30), 8_000
            )
        )
        for t60 in (0.25, 0.45, 0.75)
    ]
    assert times[0] < 0.8 * times[1] and times[1] < 0.8 * times[2]


def test_direct_path_takes_the_time_sound_needs():
    room = rirs.Room((6.0, 5.0, 3.0), 0.3, (1.0, 2.5, 1.5), (4.43, 2.5, 1.5))  # 3.43 m apart: 10 ms
    response = rirs.simulate(room, 3)
    fractional_delay_filter = (
        40  # samples: half of pyroomacoustics' 81-tap filter, in front of every reflection
    )
    assert abs(int(np.argmax(np.abs(response))) - (160 + fractional_delay_filter)) <= 1


def test_rooms_keep_their_limits():
    rooms = rirs.draw(rirs.Simulation())
    assert len(rooms) == 64 and rooms == rirs.draw(rirs.Simulation()) != rirs.draw(
        rirs.Simulation(seed=1)
    )
    for room in rooms:
        assert all(
            low <= side <= high for low, side, high in zip((3, 3, 2.5), room.size, (10, 8, 4))
        )
        assert 0.2 <= room.t60 <= 0.8
        for position in (room.source, room.microphone):
            assert all(0.5 <= x <= side - 0.5 for x, side in zip(position, room.size))


def test_same_bytes_in_another_process(simulated, tmp_path):
    code = (
        "import hashlib, sys; from pathlib import Path; from asglib.data import rirs; "
        "bank = rirs.bank('simulated', Path(sys.argv[1])); "
        "print(hashlib.sha256(bank.tobytes()).hexdigest()[:16])"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert rirs.describe("simulated", simulated).endswith(other.stdout.strip())


def test_same_bits_with_any_number_of_threads():
    room, constants = rirs.draw(rirs.Simulation())[0], pyroomacoustics.constants
    before = constants.get("num_threads")
    results = []
    for threads in (2, 3):  # unguarded, these two differ in the last bits
        constants.set("num_threads", threads)
        results.append(rirs.simulate(room, 30).tobytes())
        assert constants.get("num_threads") == threads
    constants.set("num_threads", before)
    assert results[0] == results[1]


def test_cache_is_used_and_keyed(tmp_path, monkeypatch):
    first = rirs.bank("simulated", tmp_path, 500)
    monkeypatch.setattr(rirs, "simulate", lambda *a: pytest.fail("simulated again"))
    np.testing.assert_array_equal(rirs.bank("simulated", tmp_path, 500), first)
    with pytest.raises(pytest.fail.Exception):
        rirs.bank("simulated", tmp_path, 501)
    assert len(list(tmp_path.glob("rirs-*.npy"))) == 1


# --- folders --------------------------------------------------------------------------------------


def test_noises_beside_the_responses_are_none(tmp_path):
    """The layouts of SLR28 and of BUT ReverbDB, in which one name is in every room."""
    top = tmp_path / "RIRS_NOISES"
    real = top / "real_rirs_isotropic_noises"
    wanted = [
        tmp_path / "VUT_FIT_C236/01/RIR/IR_sweep_15s.v00.wav",
        tmp_path / "VUT_FIT_Q301/01/RIR/IR_sweep_15s.v00.wav",
        real / "air_type1_air_binaural_lecture_0_1.wav",
        top / "simulated_rirs/largeroom/Room001/Room001-00001.wav",
        top / "simulated_rirs/smallroom/Room001/Room001-00001.wav",
    ]
    others = [
        tmp_path / "VUT_FIT_C236/01/silence/silence.wav",
        real / "RVB2014_type1_noise_largeroom1_1.wav",
        top / "pointsource_noises/noise-free-sound-0000.wav",
    ]
    for path in wanted + others:
        click(path)
    assert sorted(rirs.recorded(tmp_path)) == sorted(wanted)
    assert rirs.bank(str(tmp_path), tmp_path, 300).shape == (5, 300)


def test_channel_0_trimmed_and_unit_energy(tmp_path):
    click(tmp_path / "binaural.wav", 30, channels=2)
    response = rirs.bank(str(tmp_path), tmp_path, 300)[0]
    expected = np.zeros(300)  # 0.5 and its half 100 samples later, over the root of their energy
    expected[[0, 100]] = np.array([1, 0.5]) / np.sqrt(1.25)
    np.testing.assert_allclose(response, expected, atol=1e-4)


def test_own_folder_is_resampled(tmp_path):
    click(tmp_path / "kitchen/1.wav", 441, rate=44_100, length=4_410)
    click(tmp_path / "hall/1.flac", 30)
    (tmp_path / "hall/empty.wav").touch()
    assert rirs.recorded(tmp_path) == [tmp_path / "hall/1.flac", tmp_path / "kitchen/1.wav"]
    hall, kitchen = rirs.bank(str(tmp_path), tmp_path, 600)
    assert np.argmax(np.abs(kitchen)) == 0
    assert (
        abs(int(np.argmax(np.abs(kitchen[20:]))) + 20 - 36) <= 1
    )  # the echo: 100 samples of 44.1 kHz
    assert np.argmax(np.abs(hall[20:])) + 20 == 100


def test_large_folder_is_a_seeded_choice(tmp_path, monkeypatch):
    for number in range(12):
        click(tmp_path / f"{number:02d}.wav", length=300 + number, value=0.5)
    monkeypatch.setattr(rirs, "LIMIT", 5)
    chosen = rirs.bank(str(tmp_path), tmp_path, 400)
    assert chosen.shape == (5, 400)
    np.testing.assert_array_equal(chosen, rirs.bank(str(tmp_path), tmp_path, 400))
    said = rirs.describe(str(tmp_path), chosen)
    assert said.startswith("recorded responses (12 found): 5 responses of 400 samples")


# --- errors: one sentence each --------------------------------------------------------------------


def test_errors_say_what_and_where(tmp_path):
    with pytest.raises(
        rirs.RirError,
        match=r"nowhere: no such folder of impulse responses; give an existing one or",
    ):
        rirs.bank(str(tmp_path / "nowhere"), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(rirs.RirError, match=r"empty: no impulse responses \(wav or flac\) found"):
        rirs.bank(str(tmp_path / "empty"), tmp_path)
    with pytest.raises(rirs.RirError, match=r"length is 0 samples"):
        rirs.bank("simulated", tmp_path, 0)
    soundfile.write(tmp_path / "empty/silent.wav", np.zeros(100), 16_000)
    with pytest.raises(
        rirs.RirError, match=r"silent.wav: no impulse response can be read \(it is silent"
    ):
        rirs.bank(str(tmp_path / "empty"), tmp_path)
    (tmp_path / "empty/silent.wav").write_bytes(b"not audio")
    with pytest.raises(rirs.RirError, match=r"silent.wav: no impulse response can be read"):
        rirs.bank(str(tmp_path / "empty"), tmp_path)


def test_only_point_source_noises_is_an_error(tmp_path):
    click(tmp_path / "pointsource_noises/noise-free-sound-0000.wav")
    with pytest.raises(rirs.RirError, match="no impulse responses"):
        rirs.recorded(tmp_path)
