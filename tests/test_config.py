"""The study's numbers: those of section 3.2 and table 1, every one of them read, and impossible ones refused."""

import ast
import dataclasses
import json
from dataclasses import replace

import pytest
from conftest import ROOT

from asglib import config
from asglib.config import (
    FINE_TUNING,
    PAPER,
    SMALL,
    SMOKE,
    ConfigError,
    Downstream,
    Evaluation,
    Frontend,
    Positives,
    Pretraining,
    Profile,
)
from asglib.study import plans

DATACLASSES = (Frontend, Positives, Pretraining, Downstream, Evaluation, Profile)


# --- the paper's numbers -------------------------------------------------------------------------


def test_the_front_end_of_section_3_2():
    found = PAPER.pretraining.frontend
    assert found.sample_rate == 16_000
    assert found.window / found.sample_rate == 0.032 and found.hop / found.sample_rate == 0.01
    assert found.n_fft == 512 and found.bins == 257 == 512 // 2 + 1 and found.name == "linear"
    assert (found.f_min, found.f_max) == (50, 8_000)


def test_the_pretraining_of_section_3_2():
    found = PAPER.pretraining
    assert found.lr == pytest.approx(0.3 * 512 / 256) == pytest.approx(0.6)
    assert (found.optimizer, found.batch, found.weight_decay) == ("lars", 512, 1e-6)
    assert (found.epochs, found.warmup_epochs) == (50, 2)
    assert (found.frames, found.samples) == (300, 48_000)
    assert (found.min_scroll, found.scroll, found.temperature) == (30, 30, 0.1)
    assert (found.encoder, found.head, found.clips_per_epoch) == ("resnet50", (4096, 256), None)
    assert found == Pretraining()  # the defaults are the paper


def test_the_positives_of_table_1():
    found = PAPER.pretraining.positives
    assert (found.rir_probability, found.volume_probability, found.noise_probability) == (
        0.5,
        1.0,
        1.0,
    )
    assert (found.volume_db, found.noise_max) == ((-10.0, 10.0), 0.03)


@pytest.mark.parametrize(
    "how, epochs, drop",
    [
        (PAPER.frozen, 100, 50),
        (PAPER.fine_tuning, 50, 25),
        (Downstream(), 100, 50),
        (FINE_TUNING, 50, 25),
    ],
)
def test_the_downstream_training_of_section_3_2(how, epochs, drop):
    assert (how.epochs, how.drop_epoch, how.batch, how.lr) == (epochs, drop, 64, 1e-3)


def test_the_supervised_model_of_section_3_4():
    """LARS at 0.4, batch 1024, 52,560 steps: with 3.1's 1,793,632 clips that is 30 epochs."""
    run = plans.pretraining(PAPER, "Sup.", 0)
    assert (
        run.lr == pytest.approx(0.4)
        and run.batch == 1_024
        and run.optimizer == "lars"
        and run.warmup_epochs == 0
    )
    assert run.epochs * (1_793_632 / run.batch) == pytest.approx(52_560, rel=1e-3)


def test_the_tables_rows():
    """Table 4 is on LS, SCV1, SCV2, VC, NS; tables 2 and 3 on those with MS, AS, ESC; table 6 on AS and VS."""
    sets = [task.split("/")[0] for task in PAPER.tasks]
    assert sets == [
        "librispeech",
        "speech_commands_v1",
        "speech_commands_v2",
        "voxceleb1",
        "nsynth",
    ]
    assert {task.split("/")[0] for task in PAPER.evaluation_tasks} == {
        *sets,
        "musan",
        "audioset",
        "esc50",
    }
    assert PAPER.corpora == ("audioset", "vggsound") and PAPER.pretraining.corpus == "audioset"
    assert config.ABLATION == ("NONE", "ST", "FT", "SF", "FF", "ASG")


def test_l_ms_is_the_same_share_of_other_inputs():
    assert Pretraining(frontend=Frontend(n_mels=64)).scroll == 7  # 30 / 257 of 64
    assert Pretraining(frontend=Frontend(window=256, n_fft=256)).scroll == 15  # of 129
    assert Pretraining().scroll_time == 30 and Pretraining(frames=100).scroll_time == 10


# --- profiles and plans --------------------------------------------------------------------------


def test_a_profile_is_a_value():
    assert [config.profile(name) for name in ("smoke", "small", "paper")] == [SMOKE, SMALL, PAPER]
    assert all(config.profile(name).name == name for name in config.PROFILES)
    assert [name for name, profile in config.PROFILES.items() if not profile.evidence] == [
        "smoke",
        "rehearsal",
    ]
    assert [name for name, profile in config.PROFILES.items() if not profile.differs] == ["paper"]
    with pytest.raises(ConfigError, match="profile 'big' is unknown; use smoke, small, .*paper"):
        config.profile("big")


@pytest.mark.parametrize("profile", config.PROFILES.values(), ids=config.PROFILES)
def test_compared_runs_differ_in_their_method_only(profile):
    """In the ablation the same seeds, data and training for every method."""
    found = [
        e for e in plans.ablation(profile) if e.pretraining and e.pretraining.method != "untrained"
    ]
    seeds = profile.seeds + profile.more_seeds
    assert len(found) == 6 * len(seeds) * len(profile.tasks) == len(set(found))
    kinds = {replace(e, pretraining=replace(e.pretraining, method="NONE")) for e in found}
    assert len(kinds) == len(found) / 6
    assert {e.setting for e in found} == {"frozen"} and {e.seed for e in found} == set(seeds)
    assert all(e.seed == e.pretraining.seed for e in found)


@pytest.mark.parametrize("profile", config.PROFILES.values(), ids=config.PROFILES)
def test_every_plan_can_be_made(profile):
    everything = plans.everything(profile)
    assert len(everything) == len(set(everything)) > 100
    assert set(everything) == {e for plan in plans.PLANS.values() for e in plan(profile)}
    assert all(
        e.pretraining.epochs == 0
        for e in everything
        if e.pretraining and e.pretraining.method == "untrained"
    )
    mel = [e for e in plans.spectrogram_type(profile) if e.frontend.n_mels]
    assert len(mel) * 2 == len(plans.spectrogram_type(profile)) and {
        e.frontend.name for e in mel
    } == {"mel"}
    trained = [
        e
        for e in plans.pretraining_data(profile)
        if e.pretraining and e.pretraining.method != "untrained"
    ]
    assert {e.pretraining.corpus for e in trained} == set(profile.corpora)
    for plan in plans.PLANS.values():
        frozen = {
            e.pretraining.method if e.pretraining else "spectrogram"
            for e in plan(profile)
            if e.setting == "frozen"
        }
        assert set(plans.CONTROLS) < frozen, "the same controls in every table"
    systems = {
        e.pretraining.method if e.pretraining else "spectrogram" for e in plans.evaluation(profile)
    }
    assert systems == {"spectrogram", "untrained", "NONE", "Sup.", "ASG"}


# --- identity ------------------------------------------------------------------------------------

CHANGED = {
    "corpus": "fsdd",
    "seed": 1,
    "frames": 200,
    "method": "NONE",
    "min_scroll": 31,
    "temperature": 0.2,
    "encoder": "tiny",
    "head": (64, 32),
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
    "positives": Positives(noise_max=0.02),
}


def test_every_field_is_part_of_a_runs_identity():
    assert set(CHANGED) == {f.name for f in dataclasses.fields(Pretraining)}
    digests = {
        config.digest(replace(Pretraining(), **{name: value})) for name, value in CHANGED.items()
    }
    assert len(digests | {config.digest(Pretraining())}) == len(CHANGED) + 1
    assert (
        config.digest(Pretraining()) == config.digest(Pretraining(head=(4096, 256)))
        and len(config.digest(1)) == 10
    )
    assert config.digest(Pretraining(), "data") != config.digest(Pretraining(), "other data")


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
    "make, message",
    [
        (lambda: Frontend(hop=600), "0 < hop <= window <= n_fft"),
        (lambda: Frontend(window=1024), "0 < hop <= window <= n_fft"),
        (lambda: Frontend(n_mels=4), "n_mels is 4; use None or 8 to 256"),
        (lambda: Frontend(f_max=9_000.0), "f_max <= 8000 Hz needed, got 50 and 9000"),
        (lambda: Frontend(f_min=8_000.0), "f_min < f_max"),
        (lambda: Frontend(floor=0.0), "floor is 0.0; it must be above 0"),
        (
            lambda: Positives(rir_probability=1.5),
            r"rir_probability is 1.5; a probability lies in \[0, 1\]",
        ),
        (lambda: Positives(volume_probability=-0.1), "volume_probability is -0.1"),
        (lambda: Positives(noise_probability=2), "noise_probability is 2"),
        (
            lambda: Positives(volume_db=(10.0, -10.0)),
            r"volume_db is \(10.0, -10.0\); give \(low, high\) in dB",
        ),
        (lambda: Positives(noise_max=3.0), "noise_max is 3.0; .* give 0 to 1"),
        (
            lambda: Pretraining(method="asg"),
            "method 'asg' is unknown; the study has NONE, ST, FT, SF, FF, ASG",
        ),
        (lambda: Pretraining(optimizer="sgd"), "optimizer 'sgd' is unknown; use 'lars' or 'adamw'"),
        (lambda: Pretraining(precision="fp16"), "precision 'fp16': use 'auto', 'bf16' or 'fp32'"),
        (lambda: Pretraining(batch=1), "batch is 1; .* at least 2 clips"),
        (lambda: Pretraining(temperature=0.0), "temperature is 0.0; it must be above 0"),
        (lambda: Pretraining(warmup_epochs=51), "warmup_epochs is 51; give 0 to 50"),
        (lambda: Pretraining(min_scroll=129), "min_scroll is 129 of 257 bins; give 1 to 128"),
        (lambda: Pretraining(min_scroll=0), "min_scroll is 0 of 257 bins; give 1 to 128"),
        (
            lambda: Pretraining(method="ST", min_scroll=128, frames=101),
            None,
        ),  # 43 of 101 frames can be
        (lambda: Pretraining(lr_per_256=0.0), "the learning rate must be above 0"),
        (lambda: Pretraining(epochs=-1, warmup_epochs=-1), "give 0 to -1|epochs 0 or more"),
        (lambda: Downstream(epochs=0), "epochs >= 1 and batch >= 2"),
        (lambda: Downstream(lr=-1.0), "lr is -1.0; it must be above 0"),
        (lambda: Downstream(optimizer="lars"), "optimizer 'lars' is unknown; use 'adam'"),
        (
            lambda: Evaluation(Pretraining(), setting="tuned"),
            "setting 'tuned' is unknown; use frozen or fine-tuned",
        ),
        (
            lambda: Evaluation(None, setting="fine-tuned"),
            "the spectrogram has no encoder to fine-tune",
        ),
        (
            lambda: Evaluation(Pretraining(), frontend=Frontend(n_mels=64)),
            "on the front end it was pretrained with",
        ),
    ],
)
def test_impossible_values_are_refused_with_the_limit(make, message):
    if message is None:
        assert make()
    else:
        with pytest.raises(ConfigError, match=message) as error:
            make()
        assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_an_unknown_parameter_is_refused():
    with pytest.raises(TypeError, match="learning_rate"):
        replace(Pretraining(), learning_rate=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Pretraining().batch = 3
