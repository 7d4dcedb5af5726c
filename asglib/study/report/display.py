"""What a notebook shows: figures, tables, sound and progress that survive into the report."""

from __future__ import annotations

import base64
import html
import io
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from IPython import get_ipython
from IPython.display import HTML, Markdown, display

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SECONDS = 5.0  # longest clip a page carries: 5 s of FLAC are some 150 kB

# Numbers by caption, so that running a cell again in JupyterLab keeps its figure's number.
_numbers: dict[str, dict[str, int]] = {"Figure": {}, "Table": {}, "Sound": {}}


def caption_line(kind: str, caption: str) -> str:
    """Return "Figure 3: caption", counting the captions of one kind in this kernel; an empty caption is refused."""
    if not caption.strip():
        raise ValueError(f"{kind} without a caption: say in one sentence what it shows.")
    known = _numbers[kind]
    return f"{kind} {known.setdefault(caption, len(known) + 1)}: {caption}"


def need_alt(alt: str, what: str) -> str:
    """Return the alt text, or refuse an empty one."""
    if not alt.strip():
        raise ValueError(
            f"{what} without alt text: say in one sentence what is seen, for people who do not see it."
        )
    return alt


def png(fig: Figure, dpi: float) -> str:
    """Return a Figure as base64 PNG."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()


def figure(fig: Figure, alt: str, caption: str, dpi: float = 100) -> None:
    """Show a matplotlib Figure as PNG with alt text and a numbered caption below, and close it."""
    from matplotlib import pyplot

    line = caption_line("Figure", caption)
    bundle = {"image/png": png(fig, dpi), "text/plain": need_alt(alt, line)}
    pyplot.close(fig)  # else the inline backend shows it a second time
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}, "caption": line})
    display(
        Markdown(f"*{line}*"), metadata={"caption_of": "image"}
    )  # for JupyterLab; the page has a figcaption


def table(
    frame: pd.DataFrame,
    caption: str,
    index: bool | None = None,
    digits: int = 3,
    links: Mapping[str, str] | None = None,
) -> None:
    """Show a DataFrame as an HTML table with numbered caption and header scopes; a default index is left out.

    A cell whose whole text is a key of `links` becomes a link to that page.
    """
    import pandas as pd

    line = html.escape(caption_line("Table", caption))
    shown = index if index is not None else not isinstance(frame.index, pd.RangeIndex)
    text = frame.to_html(
        index=shown,
        index_names=False,
        border=0,
        justify="left",
        na_rep="–",
        float_format=f"{{:.{digits}f}}".format,
    )
    head, body = text.split("</thead>", 1)
    opening, head = head.split(">", 1)
    for name in (
        frame.index.names if shown else ()
    ):  # pandas leaves the corner empty; an empty <th> names nothing
        head = head.replace(
            "<th></th>", "<td></td>" if name is None else f"<th>{html.escape(str(name))}</th>", 1
        )
    head = re.sub(r"<th(?=[ >])", '<th scope="col"', head.replace("<th></th>", "<td></td>"))
    body = re.sub(r"<th(?=[ >])", '<th scope="row"', body)
    for label, address in (links or {}).items():
        label = html.escape(label, quote=False)  # as pandas writes it
        body = body.replace(
            f"<td>{label}</td>", f'<td><a href="{html.escape(address)}">{label}</a></td>'
        )
    display(
        HTML(
            f'<div class="scroll" role="region" tabindex="0" aria-label="{line.split(":")[0]}">'
            f"{opening}><caption><span>{line}</span></caption>{head}</thead>{body}</div>"
        )
    )


def audio(wave: np.ndarray, rate: int, caption: str, description: str) -> None:
    """Show a player for one mono wave [N] in [-1, 1], at most 5 s, at its own level, with caption and description."""
    samples = np.asarray(wave, dtype=np.float32)
    if samples.ndim != 1 or not 0 < samples.size <= SECONDS * rate:
        raise ValueError(
            f"Sound of shape {samples.shape} at {rate} Hz: show one channel of at most {SECONDS:g} s."
        )
    peak = np.abs(samples).max()
    if not peak <= 1:  # a NaN fails here too
        raise ValueError(
            f"Sound with peak {peak:.3g}: samples lie in [-1, 1]; scale it where the reader sees it."
        )
    buffer = io.BytesIO()
    # FLAC and not MP3: LAME at 16 kHz takes 58 dB off 7.5-8 kHz, where a frequency flip puts the lowest 500 Hz.
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    line, text = (
        html.escape(caption_line("Sound", caption)),
        html.escape(need_alt(description, "Sound")),
    )
    display(
        HTML(
            f'<figure class="sound"><audio controls preload="none" aria-label="{line}" '
            f'src="data:audio/flac;base64,{data}"></audio>'
            f"<figcaption>{line}<br><small>{text}</small></figcaption></figure>"
        )
    )


def markdown(text: str) -> None:
    """Show rendered Markdown: the way a number gets into prose."""
    display(Markdown(text))


def duration(seconds: float) -> str:
    """Return seconds in words.

    >>> duration(7.26), duration(200), duration(7260)
    ('7.3 s', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    return (
        f"{minutes} min {round(seconds) % 60} s"
        if minutes < 60
        else f"{minutes // 60} h {minutes % 60} min"
    )


class Progress:
    """One line that says how far a long step is: updated in place in a notebook or terminal, else printed now and then.

    >>> import io
    >>> progress = Progress("epochs", 2, stream=io.StringIO(), every=0)
    >>> progress.update(1, "loss 0.5")      # doctest: +ELLIPSIS
    epochs: 1/2, loss 0.5, 0.0 s, about 0.0 s left
    >>> progress.close("done")
    done
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        echo: Callable[[str], object] = print,
        every: float = 30.0,
        stream=None,
    ) -> None:
        self.what, self.total, self.echo, self.every = what, total, echo, every
        self.stream = sys.stderr if stream is None else stream
        self.notebook = stream is None and getattr(get_ipython(), "kernel", None) is not None
        self.terminal = not self.notebook and self.stream.isatty()
        self.started, self.shown, self.handle = time.monotonic(), float("-inf"), None

    def update(self, done: int, note: str = "") -> None:
        """Show how many of the total are done, a note, the time passed and the time left."""
        passed = time.monotonic() - self.started
        left = (
            f"about {duration(passed / done * (self.total - done))} left"
            if self.total and done
            else ""
        )
        count = f"{self.what}: {done}/{self.total}" if self.total else f"{self.what}: {done}"
        self.tell(", ".join(part for part in (count, note, duration(passed), left) if part))

    def tell(self, text: str) -> None:
        """Show a line of the caller's own words, unless the last one was shown a moment ago."""
        now = time.monotonic()
        if now - self.shown >= (0.2 if self.terminal or self.notebook else self.every):
            self._show(text)
            self.shown = now

    def say(self, text: str) -> None:
        """Print a line that stays, above the one that is updated."""
        if self.terminal:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
        self.echo(text)

    def close(self, text: str) -> None:
        """Replace the line by its last, static state."""
        if self.notebook:
            self._show(text)
        else:
            self.say(text)

    def _show(self, text: str) -> None:
        if self.terminal:
            self.stream.write("\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1])
            self.stream.flush()
        elif not self.notebook:
            self.echo(text)
        elif self.handle is None:
            self.handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self.handle.update({"text/plain": text}, raw=True)
