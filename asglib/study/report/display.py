"""What a notebook shows: figures, tables, sound and a finding that survive into the report."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from IPython.display import HTML, Markdown, display

from asglib.files import write_atomically
from asglib.study.report.progress import duration

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FINDING = "application/vnd.asg.finding+json"
KEY_WIDTH = 960  # pixels at most: as wide as a page
SECONDS = 5.0  # longest clip a page carries: 5 s of FLAC are some 150 kB

# Numbers by caption, so that running a cell again in JupyterLab keeps its figure's number.
_numbers: dict[str, dict[str, int]] = {"Figure": {}, "Table": {}, "Sound": {}}


def caption_line(kind: str, caption: str) -> str:
    """Return "Figure 3: caption", counting the captions of one kind; an empty one is refused."""
    if not caption.strip():
        raise ValueError(f"{kind} without a caption: say in one sentence what it shows.")
    known = _numbers[kind]
    return f"{kind} {known.setdefault(caption, len(known) + 1)}: {caption}"


def need_alt(alt: str, what: str) -> str:
    """Return the alt text, or refuse an empty one."""
    if not alt.strip():
        raise ValueError(f"{what} without alt text: say in one sentence what is seen.")
    return alt


def png(fig: Figure, dpi: float) -> str:
    """Return a Figure as base64 PNG."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()


def figure(fig: Figure, alt: str, caption: str, dpi: float = 100) -> None:
    """Show a Figure as PNG with alt text and a numbered caption below, and close it."""
    from matplotlib import pyplot

    line = caption_line("Figure", caption)
    bundle = {"image/png": png(fig, dpi), "text/plain": need_alt(alt, line)}
    pyplot.close(fig)  # else the inline backend shows it a second time
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}, "caption": line})
    # For JupyterLab; the page has a figcaption.
    display(HTML(f"<em>{html.escape(line)}</em>"), metadata={"caption_of": "image"})


def table(rows: pd.DataFrame, caption: str, digits: int = 3) -> None:
    """Show a DataFrame as a table with numbered caption and header scopes; no default index."""
    import pandas as pd

    line = html.escape(caption_line("Table", caption))
    if rows.empty:
        display(HTML(f"<p><em>{line} None.</em></p>"))
        return
    shown = not isinstance(rows.index, pd.RangeIndex)
    style = {"border": 0, "justify": "left", "na_rep": "–", "index_names": False}
    text = rows.to_html(index=shown, float_format=f"{{:.{digits}f}}".format, **style)
    head, body = text.split("<tbody>")
    for name in rows.index.names if shown else []:
        corner = f"<th>{html.escape(str(name))}</th>" if name else "<td></td>"
        head = head.replace("<th></th>", corner, 1)
    head = re.sub("<th(?=[ >])", '<th scope="col"', head)
    body = re.sub("<th(?=[ >])", '<th scope="row"', body)
    head = head.replace("<thead>", f"<caption><span>{line}</span></caption><thead>")
    label = f'role="region" tabindex="0" aria-label="{line.split(":")[0]}"'
    display(HTML(f'<div class="scroll" {label}>{head}<tbody>{body}</div>'))


def audio(wave: np.ndarray, rate: int, caption: str, description: str) -> None:
    """Show a player for one mono wave [N] in [-1, 1], at most 5 s, at its own level."""
    samples = np.asarray(wave, dtype=np.float32)
    if samples.ndim != 1 or not 0 < samples.size <= SECONDS * rate:
        told = f"Sound of shape {samples.shape} at {rate} Hz"
        raise ValueError(f"{told}: show one channel of at most {SECONDS:g} s.")
    if not (peak := np.abs(samples).max()) <= 1:  # a NaN fails here too
        told = f"Sound with peak {peak:.3g}: samples lie in [-1, 1]"
        raise ValueError(f"{told}; scale it where the reader sees it.")
    buffer = io.BytesIO()
    # FLAC and not MP3: LAME at 16 kHz takes 58 dB off 7.5-8 kHz,
    # where a frequency flip puts the lowest 500 Hz.
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    text = html.escape(need_alt(description, "Sound"))
    line = html.escape(caption_line("Sound", caption))
    player = f'aria-label="{line}" src="data:audio/flac;base64,{data}"'
    player = f'<audio controls preload="none" {player}></audio>'
    told = f"<figcaption>{line}<br><small>{text}</small></figcaption>"
    display(HTML(f'<figure class="sound">{player}{told}</figure>'))


def markdown(text: str) -> None:
    """Show rendered Markdown: the way a number gets into prose. HTML in it is shown, not obeyed."""
    display(Markdown(text))


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
