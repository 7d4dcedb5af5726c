"""A model card: what an encoder of the study is, made from published records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import pandas as pd

from asglib.config import SETTINGS, need
from asglib.data.index import DATASETS
from asglib.methods import METHODS
from asglib.study import plans, profiles, rows, sentences, tables
from asglib.study.profiles import Profile
from asglib.study.records import evaluations

NO_USE = """\
- Not for decisions about people: who speaks, how they feel, whether they are ill. It was not made
  or tested for that.
- Not for sounds, languages or microphones unlike those it was trained on: nothing was measured
  there.
- Not as the best encoder there is: the study asks whether a training idea helps. Compare with the
  controls in the table before you use it.
- An embedding is no anonymisation: speakers can be told from it."""
USE = """\
    import asglib
    encoder = asglib.load("encoder.safetensors")
    embeddings = encoder(waves)                  # [B, N] at 16 kHz, in [-1, 1] -> [B, D]"""


def card(records: Sequence[dict], method: str) -> str:
    """The Markdown card of a profile's encoder of `method`; ConfigError: its records lack it."""
    need(method in METHODS, f"method {method!r} is unknown; use {', '.join(METHODS)}.")
    names = sorted({record["profile"] for record in records if "profile" in record})
    need(len(names) == 1, "a card is made from the records of one profile; there are none.")
    profile = profiles.profile(names[0])
    table = rows.in_the_way_of(evaluations(list(records)), profile)
    wanted = plans.pretraining(profile, method, 0)
    mine = [
        record
        for record in records
        if (record["kind"], record.get("method")) == ("pretraining", method)
        and (record["corpus"], record["encoder"]) == (wanted.corpus, wanted.encoder)
        and record["frontend"] in (wanted.frontend.name, "waves")
    ]
    need(bool(mine), f"profile {profile.name!r} has no record of a pretraining of {method}.")
    parts = [
        f"# {method}, profile `{profile.name}`: an audio encoder",
        f"Waves at 16 kHz in, one embedding out. {profile.standing}\n\n{USE}",
        "## Data\n\n" + "\n".join(_licences(wanted.corpus)),
        "## Settings\n\n" + "\n".join(_settings(wanted, mine)),
        "## Measured\n\n" + "\n\n".join(_measured(table, profile, method)),
        f"## What it is not for\n\n{NO_USE}",
        "## Licence\n\nMIT for code and weights. The licences of the recordings stand above; some "
        "forbid commercial use: ask whether that binds a network trained on them.",
    ]
    return "\n\n".join(parts) + "\n"


def _licences(corpus: str) -> Iterator[str]:
    yield "Pretrained on the training clips, without test clips, of"
    yield ""
    for name in corpus.split("+"):
        known = DATASETS[name]
        yield f"- **{known.title}**: {known.licence} {known.citation}".rstrip()


def _settings(wanted, mine: list[dict]) -> Iterator[str]:
    """A line a number: of the configuration, and of the runs as they were."""
    one, seeds = mine[0], sorted(record["seed"] for record in mine)
    told = {"encoder": one["encoder"], "seeds": ", ".join(map(str, seeds))}
    told |= {key: one[key] for key in ("epochs", "batch", "steps", "clips", "precision")}
    told |= {"frames of a crop (10 ms each)": wanted.frames}
    told |= {f"front end: {key}": value for key, value in asdict(wanted.frontend).items()}
    told |= {f"method: {key}": value for key, value in asdict(wanted.settings).items()}
    told |= {key: one.get(key) for key in ("rir", "device", "commit", "code")}
    return (f"- {key}: {value}" for key, value in told.items() if value not in (None, ""))


def _measured(table: pd.DataFrame, profile: Profile, method: str) -> Iterator[str]:
    """A table a setting: the encoder beside the controls, with intervals."""
    tested = set(profile.evaluation_tasks + profile.fine_tuned_tasks)
    metrics = sorted(set(table["metric"][table["key"].isin(tested)]), key=str.lower)
    yield (
        f"In percent ± half the 95 % interval (seeds): {', '.join(metrics)}; for comparison "
        "training from scratch (untrained) and, frozen, the spectrogram itself."
    )
    for setting, tasks in zip(SETTINGS, (profile.evaluation_tasks, profile.fine_tuned_tasks)):
        names = dict.fromkeys([*plans.CONTROLS[setting != "frozen" :], method])
        systems = {name: rows.system(profile, name) for name in names}
        cells, _ = tables.scores(table, systems, tasks, setting)
        wide = tables.wide(cells).reset_index(names="")
        yield f"### {setting.capitalize()}\n\n{sentences.in_markdown(wide)}"
