"""What a notebook shows: figures, tables and sound that survive into the report."""

from __future__ import annotations

import base64
import html
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from IPython.display import HTML, Markdown, display

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
