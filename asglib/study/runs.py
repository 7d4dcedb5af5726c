"""Runs: folders named by the hash of everything that decides their result.

A run is its complete configuration, its data's fingerprint and the code it goes through. What has a record.json is
done; what has not is resumed; two processes that ask for the same run do not do it twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import torch

from asglib.config import Evaluation, Frontend, Pretraining, as_dict, digest
from asglib.data import rirs
from asglib.data.corpus import load
from asglib.data.workspace import Workspace
from asglib.files import write_atomically
from asglib.study import provenance


def run_name(config: Pretraining | Evaluation, place: Workspace) -> str:
    """kind-method-hash: of the complete configuration, the data's fingerprint and the code version."""
    if isinstance(config, Pretraining):
        parts = (
            config,
            load(config.corpus, place).fingerprint,
            _sound(config.positives.rir_bank, place),
            code_of(config),
        )
        return f"pretrain-{config.method.rstrip('.')}-{digest(*parts)}"
    method = config.pretraining.method.rstrip(".") if config.pretraining else "spectrogram"
    before = run_name(config.pretraining, place) if config.pretraining else None
    data = load(config.data_set, place).fingerprint
    return f"evaluate-{method}-{digest(config, before, data, code_of(config))}"


def code_of(config: Pretraining | Evaluation) -> str:
    """The version of the rooms that this run goes through."""
    if isinstance(config, Evaluation):
        return provenance.code_version(provenance.EVALUATION)
    return provenance.code_version(
        provenance.SUPERVISED if config.method == "Sup." else provenance.CONTRASTIVE
    )


@cache
def _sound(bank: str, place: Workspace) -> str:
    """What the impulse responses are, not where they lie."""
    return hashlib.sha256(rirs.bank(bank, place.cache).tobytes()).hexdigest()[:16]


def record_of(config: Pretraining | Evaluation, place: Workspace) -> dict | None:
    """The record of a finished run, or None."""
    path = place.runs / run_name(config, place) / "record.json"
    return json.loads(path.read_text()) if path.exists() else None


def made_by(frontend: Frontend, device: torch.device, began: float) -> dict:
    return {
        "frontend": frontend.name,
        "commit": provenance.commit(),
        "device": provenance.device_name(device),
        "threads": torch.get_num_threads(),
        "seconds": round(time.monotonic() - began, 2),
        "versions": provenance.versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def finish(folder: Path, config, record: dict) -> None:
    """Writes config.json and environment.json, then record.json, whose presence means done."""
    environment = {
        key: record[key] for key in ("commit", "code", "device", "threads", "versions", "finished")
    }
    for name, content in (
        ("config", as_dict(config)),
        ("environment", environment),
        ("record", record),
    ):
        text = json.dumps(content, indent=1 if name != "record" else None, allow_nan=False)
        write_atomically(folder / f"{name}.json", lambda out: out.write_text(text))
