"""The numbers that methods share: those of 3.2 and table 1, all read, impossible ones refused."""

import ast
import dataclasses
import json
from dataclasses import replace

import pytest
from conftest import ROOT

from asglib import config
from asglib.config import (
    FINE_TUNING,
    ConfigError,
    Downstream,
    Evaluation,
    Frontend,
    Positives,
    Pretraining,
)
from asglib.methods import METHODS, asg, supervised
from asglib.methods.contract import change
from asglib.study.profiles import Profile

PAPER = Pretraining("ASG", METHODS["ASG"])
DATACLASSES = (Frontend, Positives, Pretraining, Downstream, Evaluation, Profile)
DATACLASSES += tuple({type(settings) for settings in METHODS.values()})


def test_the_front_end_of_section_3_2():
    found = PAPER.frontend
    assert found.sample_rate == 16_000
    assert found.window / found.sample_rate == 0.032 and found.hop / found.sample_rate == 0.01
    assert found.n_fft == 512 and found.bins == 257 == 512 // 2 + 1 and found.name == "linear"
    assert (found.f_min, found.f_max) == (50, 8_000)


def test_the_pretraining_of_section_3_2():
    assert PAPER.lr == pytest.approx(0.3 * 512 / 256) == pytest.approx(0.6)
    assert (PAPER.optimizer, PAPER.batch, PAPER.weight_decay) == ("lars", 512, 1e-6)
    assert (PAPER.epochs, PAPER.warmup_epochs) == (50, 2)
    assert (PAPER.frames, PAPER.samples) == (300, 48_000)
    assert (PAPER.encoder, PAPER.clips_per_epoch) == ("resnet50", None)
    own = PAPER.settings
    assert (own.min_scroll, own.scroll(PAPER), own.temperature) == (30, 30, 0.1)
    assert own.head == (4096, 256) and own.moves == ("FT", "FF", "SF")


def test_the_positives_of_table_1():
    found = PAPER.settings.positives
    assert (found.rir_probability, found.volume_probability) == (0.5, 1.0)
    assert (found.noise_probability, found.noise_max) == (1.0, 0.03)
    assert found.volume_db == (-10.0, 10.0)


@pytest.mark.parametrize(
    ("how", "epochs", "drop"), [(Downstream(), 100, 50), (FINE_TUNING, 50, 25)]
)
def test_the_downstream_training_of_section_3_2(how, epochs, drop):
    assert (how.epochs, how.drop_epoch, how.batch, how.lr) == (epochs, drop, 64, 1e-3)
    assert (how.hidden, how.overlap, how.aggregate, how.last) == (0, 0, "mean", None)
    assert how.frames(5.0) == 500 and how.frames(12.69) == 1_000


def test_l_ms_is_the_same_share_of_other_inputs():
    mel = replace(PAPER, frontend=Frontend(n_mels=64))
    small = replace(PAPER, frontend=Frontend(window=256, n_fft=256))
    assert mel.settings.scroll(mel) == 7  # 30 / 257 of 64
    assert small.settings.scroll(small) == 15  # of 129
    short = replace(PAPER, frames=100)
    assert PAPER.settings.scroll_time(PAPER) == 30 and short.settings.scroll_time(short) == 10


CHANGED = {
    "method": "FT",
    "settings": change(METHODS["ASG"], temperature=0.2),
    "corpus": "fsdd",
    "seed": 1,
    "frames": 200,
    "encoder": "tiny",
    "batch": 64,
    "epochs": 49,
    "warmup_epochs": 1,
    "optimizer": "adamw",
    "lr_per_256": 0.1,
    "weight_decay": 0.0,
    "momentum": 0.8,
    "clips_per_epoch": 100,
    "precision": "fp32",
    "frontend": Frontend(n_mels=64),
}


def test_every_field_is_part_of_a_runs_identity():
    assert set(CHANGED) == {f.name for f in dataclasses.fields(Pretraining)}
    made = [replace(PAPER, **{name: value}) for name, value in CHANGED.items()]
    assert len({config.digest(each) for each in [PAPER, *made]}) == len(CHANGED) + 1
    for field in dataclasses.fields(asg.Settings):
        assert field.name in config.as_dict(PAPER)["settings"]
    assert config.digest(PAPER) == config.digest(replace(PAPER)) and len(config.digest(1)) == 10
    assert config.digest(PAPER, "data") != config.digest(PAPER, "other data")


def test_seeds_depend_on_every_part():
    seeds = {config.seed_of(*parts) for parts in ((0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 1))}
    assert len(seeds) == 6 and all(0 <= seed < 2**63 for seed in seeds)


def sources():
    """The library's files and the notebooks' cells, those with IPython magic left out."""
    yield from (path.read_text() for path in (ROOT / "asglib").rglob("*.py"))
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = [
            cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"
        ]
        yield from (
            text for text in ("".join(cell["source"]) for cell in cells) if not text.startswith("%")
        )


def loaded_attributes(texts):
    """Names that are read as attributes, but for the checks of __post_init__."""
    found = set()
    for tree in map(ast.parse, texts):
        checks = {
            id(node)
            for f in ast.walk(tree)
            if isinstance(f, ast.FunctionDef) and f.name == "__post_init__"
            for node in ast.walk(f)
        }
        found |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and id(node) not in checks
        }
    return found


def test_every_field_is_read_somewhere():
    read = loaded_attributes(sources())
    fields = {(cls.__name__, f.name) for cls in DATACLASSES for f in dataclasses.fields(cls)}
    assert len(fields) > 50 and "a_field_that_nobody_reads" not in read
    assert not {field for field in fields if field[1] not in read}


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Frontend(hop=600), "frontend.hop is 600; give 1 to 512."),
        (lambda: Frontend(window=1024), "frontend.window is 1024; give 1 to 512."),
        (lambda: Frontend(n_mels=4), "frontend.n_mels is 4; give 8 to 256."),
        (lambda: Frontend(f_max=9_000), "frontend.f_max is 9000; give 1 to 8000."),
        (lambda: Frontend(f_min=8_000.0), "frontend.f_min is 8000.0; give 0 to 7999."),
        (lambda: Frontend(floor=0), "frontend.floor is 0; give 1e-30 or more."),
        (lambda: Positives(rir_probability=2), "positives.rir_probability is 2; give 0 to 1."),
        (lambda: Positives(noise_max=-1), "positives.noise_max is -1; give 0 to 1."),
        (lambda: Positives(volume_db=(3, -3)), "positives.volume_db is 3; give -120 to -3."),
        (lambda: replace(PAPER, optimizer="sgd"), "optimizer 'sgd' is unknown; use lars, adamw"),
        (lambda: replace(PAPER, precision="fp8"), "precision 'fp8' is unknown; use auto, bf16"),
        (lambda: replace(PAPER, batch=1), "batch is 1; give 2 or more."),
        (lambda: replace(PAPER, epochs=1), "warmup_epochs is 2; give 0 to 1."),
        (lambda: replace(PAPER, lr_per_256=0), "lr_per_256 is 0; give 1e-12 or more."),
        (lambda: own(temperature=0), "temperature is 0; give 1e-06 or more."),
        (lambda: own(min_scroll=200), "min_scroll in bins is 200; give 1 to 128."),
        (lambda: own(moves=("ST",), min_scroll=129), "min_scroll in bins is 129; give 1 to 128."),
        (lambda: Downstream(batch=1), "downstream.batch is 1; give 2 or more."),
        (lambda: Downstream(lr=0), "downstream.lr is 0; give 1e-12 or more."),
        (lambda: Downstream(max_clips=1), "downstream.max_clips is 1; give 2 or more."),
        (lambda: Evaluation(PAPER, setting="probed"), "setting 'probed' is unknown; use frozen, f"),
        (lambda: Evaluation(None, setting="fine-tuned"), "the spectrogram cannot be fine-tuned."),
        (lambda: Evaluation(PAPER, frontend=Frontend(n_mels=64)), "on the front end it was pretr"),
        (lambda: change(supervised.Settings(), mask=3), "supervised has no setting mask; it has m"),
    ],
)
def test_what_cannot_be_is_one_sentence(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def own(**values):
    return replace(PAPER, settings=change(METHODS["ASG"], **values))
