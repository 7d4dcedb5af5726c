"""How far a long step is, on one line: on a terminal, in a notebook and in a log file."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

from IPython import get_ipython
from IPython.display import display


def duration(seconds: float) -> str:
    """Return seconds in words.

    >>> duration(7.26), duration(200), duration(7260)
    ('7.3 s', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """One line, updated in place in a notebook or terminal, else printed now and then.

    Not tqdm: in an executed notebook its widget is lost, and its text leaves one output a step.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        echo: Callable[[str], object] = print,
        every: float = 30.0,
        stream=None,
    ) -> None:
        self.what, self.total, self.echo = what, total, echo
        self.stream = sys.stderr if stream is None else stream
        self.notebook = stream is None and getattr(get_ipython(), "kernel", None) is not None
        self.terminal = not self.notebook and self.stream.isatty()
        self.pause = 0.2 if self.terminal or self.notebook else every
        self.started, self.shown, self.handle = time.monotonic(), float("-inf"), None

    def update(self, done: int, note: str = "") -> None:
        """Show how many of the total are done, a note, the time passed and the time left."""
        passed = time.monotonic() - self.started
        parts = [f"{self.what}: {done}" + (f"/{self.total}" if self.total else "")]
        parts += [note, duration(passed)]
        if self.total and done:
            parts.append(f"about {duration(passed / done * (self.total - done))} left")
        self.tell(", ".join(part for part in parts if part))

    def tell(self, text: str) -> None:
        """Show a line of the caller's own words, unless the last one was shown a moment ago."""
        now = time.monotonic()
        if now - self.shown < self.pause:
            return
        self.shown = now
        if self.terminal:
            self._redraw(text[: shutil.get_terminal_size().columns - 1])
        elif self.notebook:
            self.close(text)
        else:
            self.echo(text)

    def say(self, text: str) -> None:
        """Print a line that stays, above the one that is updated."""
        if self.terminal:
            self._redraw("")
        self.echo(text)

    def close(self, text: str) -> None:
        """Replace the line by its last, static state."""
        if not self.notebook:
            self.say(text)
        elif self.handle is None:
            self.handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self.handle.update({"text/plain": text}, raw=True)

    def _redraw(self, text: str) -> None:
        self.stream.write("\r\x1b[2K" + text)
        self.stream.flush()
