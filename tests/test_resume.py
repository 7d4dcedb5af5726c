"""A training that is stopped or killed, or whose checkpoint is damaged: the same bits then."""

import random

import pytest
import ranks
from conftest import run_small, same_bits, small

from asglib.config import ConfigError


class Interrupted(Exception):
    pass


def interrupt_at(step):
    def tell(row):
        if row["step"] == step:
            raise Interrupted

    return tell


@pytest.fixture(scope="module")
def uninterrupted(tones, tmp_path_factory):
    """(method, log) of the small run: 2 epochs of 3 steps."""
    return run_small(tones, tmp_path_factory.mktemp("run"))


def resumed(paths, folder, config=None):
    """The run goes on: (method, log, the steps that were done)."""
    steps = []
    method, log = run_small(paths, folder, config, lambda row: steps.append(row["step"]))
    return method, log, steps


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_stopped_run_goes_on_as_if_it_had_not(uninterrupted, tones, tmp_path, step, always_saved):
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path, tell=interrupt_at(step))
    assert (tmp_path / "checkpoint.pt").exists() == (step > 1)
    method, log, steps = resumed(tones, tmp_path)
    assert steps == list(range(step, 7))  # only what had not been saved is done again
    assert same_bits(method, uninterrupted[0]) and log == uninterrupted[1]


@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
def test_the_optimisers_memory_is_resumed(tones, tmp_path, optimizer, always_saved):
    config = small("FT", optimizer=optimizer)
    whole, log = run_small(tones, tmp_path / "whole", config)
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path / "cut", config, interrupt_at(5))
    again, log_again, steps = resumed(tones, tmp_path / "cut", config)
    assert steps == [5, 6]
    assert same_bits(whole, again) and log == log_again


def test_a_killed_process_is_resumed_to_the_bit(tones, tmp_path):
    """SIGKILL at a random step of a run that saves after every one."""
    kill_at, config = random.SystemRandom().randint(2, 11), small(epochs=4)
    ranks.killed_at(kill_at, ranks.small_run, tones, tmp_path / "cut", config)
    method, log, steps = resumed(tones, tmp_path / "cut", config)
    assert kill_at <= steps[0] < 13, f"killed at {kill_at}"
    whole, log_whole = run_small(tones, tmp_path / "whole", config)
    assert same_bits(method, whole) and log == log_whole, f"killed at {kill_at}"


def test_a_checkpoint_of_another_configuration_is_refused(tones, tmp_path, always_saved):
    with pytest.raises(Interrupted):
        run_small(tones, tmp_path, tell=interrupt_at(3))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is a checkpoint of another config"):
        run_small(tones, tmp_path, small(temperature=0.2))
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
