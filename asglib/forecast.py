"""What a study would run, before it runs: clips, steps, hours and disk (paper section 3.2)."""

from __future__ import annotations

import pandas as pd

from asglib import datasets
from asglib.config import Evaluation, Pretraining, Profile
from asglib.corpus import Place, load
from asglib.plans import everything
from asglib.runs import record_of

BYTES_PER_WEIGHT = {"resnet50": 94e6, "resnet18": 45e6, "tiny": 1.3e6}  # of one saved encoder, float32


def training_clips(corpus: str, place: Place) -> tuple[int, bool]:
    """(training clips, all of it present): the index's where the set is there, else the published count."""
    try:
        return int((load(corpus, place).frame.split == "train").sum()), True
    except datasets.DataError:
        return sum(_published(name) for name in corpus.split("+")), False


def _published(name: str) -> int:
    counts = datasets.DATASETS[name].counts
    return counts.get("train", counts.get("clips", max(counts.values(), default=0)))


def forecast(profile: Profile, place: Place, views_per_second: float) -> pd.DataFrame:
    """One row a run of the profile: what, corpus or set, clips, present, done, steps, hours, megabytes.

    Hours count every spectrogram through the encoder, forward and backward, at `views_per_second` spectrograms of
    the paper's size (257 x 300) a second; the loader is taken to keep up.
    """
    evaluations = everything(profile)
    pretrainings = dict.fromkeys(e.pretraining for e in evaluations if e.pretraining)
    return pd.DataFrame([_pretraining(p, place, views_per_second) for p in pretrainings]
                        + [_evaluation(e, place, views_per_second) for e in evaluations])


def _pretraining(p: Pretraining, place: Place, rate: float) -> dict:
    clips, present = training_clips(p.corpus, place)
    steps = (p.clips_per_epoch or clips) // p.batch * p.epochs
    views = steps * p.batch * (1 if p.method == "Sup." else 2 if p.method in ("NONE", "untrained") else 4)
    size = p.frames * p.frontend.bins / (257 * 300)
    return {"run": f"pretrain {p.method} {p.frontend.name}, seed {p.seed}", "data": p.corpus, "clips": clips,
            "present": present, "done": present and record_of(p, place) is not None, "steps": steps,
            "hours": views * size / rate / 3600, "megabytes": BYTES_PER_WEIGHT.get(p.encoder, 0) / 1e6}


def _evaluation(e: Evaluation, place: Place, rate: float) -> dict:
    clips, present = training_clips(e.data_set, place)
    present = present and (e.pretraining is None or training_clips(e.pretraining.corpus, place)[1])
    method = e.pretraining.method if e.pretraining else "spectrogram"
    frames = 100 * datasets.DATASETS[e.data_set].seconds  # of a whole clip, in however many segments
    passes = e.training.epochs if e.setting == "fine-tuned" else 1 / 3  # frozen: one forward pass
    size = frames * e.frontend.bins / (257 * 300)
    return {"run": f"{e.setting} {method} {e.frontend.name}, seed {e.seed}", "data": f"{e.data_set}/{e.task}",
            "clips": clips, "present": present, "done": present and record_of(e, place) is not None,
            "steps": clips // e.training.batch * e.training.epochs, "hours": clips * passes * size / rate / 3600,
            "megabytes": 0.5}


def summary(table: pd.DataFrame) -> str:
    """One paragraph: how many runs, what can run with the data present, and what is left out."""
    able, left = table[table.present], table[~table.present]
    text = (f"{len(table)} runs: {int(table.done.sum())} done, {len(able) - int(able.done.sum())} can run on the data "
            f"present (about {able[~able.done].hours.sum():.1f} hours, {able.megabytes.sum() / 1e3:.1f} GB), "
            f"{len(left)} left out")
    return text + (f" for want of {', '.join(sorted(set(left.data)))}." if len(left) else ".")
