"""How far a long step is, on one line: on a terminal, and in a log file."""

import shutil
import sys
import time
from collections.abc import Callable


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
    """A line or a few, updated in place on a terminal, else printed now and then."""

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
        self.pause = 0.2 if self.stream.isatty() else every
        self.started, self.shown = time.monotonic(), float("-inf")
        self.height = 1  # lines on the terminal

    def update(self, done: int, note: str = "") -> None:
        """Show how many of the total are done, a note, and the time passed."""
        passed = duration(time.monotonic() - self.started)
        count = f"{self.what}: {done}" + (f"/{self.total}" if self.total else "")
        self.tell(", ".join(filter(None, [count, note, passed])))

    def tell(self, text: str) -> None:
        """Show a line of the caller's own words, unless the last one was shown a moment ago."""
        now = time.monotonic()
        if now - self.shown >= self.pause:
            self.shown = now
            if self.stream.isatty():
                self._redraw(text)
            else:
                self.echo(text)

    def say(self, text: str) -> None:
        """Print a line that stays, above the one that is updated."""
        if self.stream.isatty():
            self._redraw("")
        self.echo(text)

    def _redraw(self, text: str) -> None:
        columns, rows = shutil.get_terminal_size()
        lines = [line[: columns - 1] for line in text.split("\n")[: rows - 1]]
        up = f"\x1b[{self.height - 1}F" if self.height > 1 else "\r"
        self.stream.write(f"{up}\x1b[J" + "\n".join(lines))
        self.stream.flush()
        self.height = len(lines)
