"""A notebook's finding: one sentence, one figure, and where the numbers come from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.display import display

from asglib.files import write_atomically
from asglib.study.report.display import need_alt, png
from asglib.study.report.progress import duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FINDING = "application/vnd.asg.finding+json"
KEY_WIDTH = 960  # pixels at most: as wide as a page


def provenance(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return where records come from: distinct commits, data, devices, versions; seconds in all."""
    records = list(records)
    named = {"commit of the runs": "commit", "data": "data", "device": "device"}
    known = {what: {str(r[key]) for r in records if r.get(key)} for what, key in named.items()}
    versions = [pair for record in records for pair in (record.get("versions") or {}).items()]
    known["versions"] = {f"{name} {number}" for name, number in versions}
    found = {what: sorted(values) for what, values in known.items() if values}
    if records:
        seconds = sum(record.get("seconds") or 0.0 for record in records)
        found |= {"runs": len(records), "time of the runs": duration(seconds)}
    return found


def finding(
    number: int,
    sentence: str,
    figure: Figure | None = None,
    alt: str = "",
    records: Iterable[Mapping[str, Any]] = (),
    verdicts: Mapping[str, int] | None = None,
) -> None:
    """Show a notebook's finding; its page and the index open with it.

    The records behind it fill the provenance at the foot of the page; `verdicts`, a count for
    each word, are the bar at the top of the index. The batch also asks for a file (ASG_STATUS)
    that says this line was reached: papermill marks cells as completed that a dead kernel
    never ran.
    """
    if not sentence.strip():
        told = f"Notebook {number:02d} without a finding"
        raise ValueError(f"{told}: say in one sentence what was seen.")
    bundle = {"number": number, "sentence": sentence, "figure": None, "alt": alt}
    if figure is not None:
        need_alt(alt, f"Key figure of notebook {number:02d}")
        bundle["figure"] = png(figure, min(100, KEY_WIDTH / figure.get_figwidth()))
    bundle["provenance"] = provenance(records)
    bundle["verdicts"] = {word: int(count) for word, count in (verdicts or {}).items()}
    text = {"text/markdown": f"**Finding.** {sentence}", "text/plain": sentence}
    display({**text, FINDING: bundle}, raw=True)
    if status := os.environ.get("ASG_STATUS"):
        told = json.dumps({"number": number})
        write_atomically(Path(status), lambda temporary: temporary.write_text(told))
