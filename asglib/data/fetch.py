"""Files over HTTP: size shown first, continued after a break, verified (paper section 3.1)."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from asglib import files

BAR = {"unit_scale": True, "leave": False, "mininterval": 0.5 if sys.stderr.isatty() else 60}
TIMEOUT = 60  # seconds without a byte before a try counts as broken off
UNANNOUNCED = 8 * 2**30  # bytes at most of a file whose size nobody states
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class DownloadError(ValueError):
    """A download that cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True)
class Source:
    """A file: where it is, where it goes below the data root (an archive: the folder it becomes).

    Size and checksum are the publisher's; None: nobody states one.
    """

    url: str
    target: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


def fetch(source: Source, target: Path, echo=print, tries: int = 5, wait: float = 2.0) -> Path:
    """Downloads `source` to `target`: size shown first, continued after a break, verified.

    It has its name when it is whole. A broken-off part is kept as `target`.part for the next call;
    bytes that fail the check are deleted.
    """
    target = Path(target)
    lock = target.with_name(f".{target.name}.lock")
    try:
        with files.locked(lock, wait=False):
            if not target.exists():
                part = _Part(source, target, echo)
                part.complete(tries, wait)
                part.verify()
                os.replace(part.path, target)
                part.mark.unlink(missing_ok=True)
    except BlockingIOError:
        raise DownloadError(
            f"{target}: another process is downloading it; wait for that one."
        ) from None
    lock.unlink(missing_ok=True)
    return target


class _OnlyHttp(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https; urllib would follow ftp too."""

    def redirect_request(self, request, answer, code, message, headers, url):
        if not url.startswith(("http://", "https://")):
            raise DownloadError(f"{request.full_url}: leads to {url}, which is not followed.")
        return super().redirect_request(request, answer, code, message, headers, url)


class _Part:
    """A download on its way: the bytes that came, and the server's mark of the file they are of."""

    def __init__(self, source: Source, target: Path, echo):
        self.source, self.echo, self.name = source, echo, target.name
        self.path = target.with_name(target.name + ".part")
        self.mark = target.with_name(target.name + ".part.etag")
        self.total = source.size  # bytes of the whole file, None while unknown
        self.opener = urllib.request.build_opener(_OnlyHttp)

    @property
    def have(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def refuse(self, why: str) -> None:
        """Deletes the bytes and says why."""
        self.path.unlink(missing_ok=True)
        raise DownloadError(f"{self.source.url}: {why}")

    def complete(self, tries: int, wait: float) -> None:
        """Asks until all bytes are there; DownloadError after `tries` requests without more."""
        most, failures = -1, 0
        while reason := self._request():
            failures = 0 if self.have > most else failures + 1
            most = max(most, self.have)
            if failures >= tries:
                total = "unknown" if self.total is None else f"{self.total:,}"
                raise DownloadError(
                    f"{self.source.url}: broke off at {self.have:,} of {total} bytes, {tries} "
                    f"tries in a row without more ({reason}); run it again to continue."
                )
            time.sleep(wait)

    def _request(self) -> str:
        """One request, whose bytes are added: why it broke off, or "" when the file is whole."""
        if self.have == self.source.size:
            return ""
        try:
            with self.opener.open(self._question(), timeout=TIMEOUT) as answer:
                self._take(answer)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing from there on: the part is not of this file
                self.path.unlink(missing_ok=True)
            elif error.code < 500:
                raise DownloadError(
                    f"{self.source.url}: the server answers {error.code} {error.reason}; see the "
                    "set's home page for its present address."
                ) from None
            return f"{error.code} {error.reason}"
        except BROKEN as error:
            return str(error) or type(error).__name__
        except OSError as error:
            raise DownloadError(
                f"{self.path}: cannot be fetched or written ({error}); make room if the disk is "
                "full, then run it again to continue."
            ) from None
        return "" if self.total in (None, self.have) else "the server closed the connection"

    def _question(self) -> urllib.request.Request:
        """Asks for the rest, where something will tell that the old bytes are of today's file."""
        headers = {"User-Agent": "asglib", "Accept-Encoding": "identity"}
        mark = self.mark.read_text() if self.mark.exists() else ""
        if self.have and (mark or self.source.sha256 or self.source.md5):
            headers["Range"] = f"bytes={self.have}-"
        if self.have and mark:
            headers["If-Range"] = mark
        return urllib.request.Request(self.source.url, headers=headers)

    def _take(self, answer: http.client.HTTPResponse) -> None:
        """Adds the answer's bytes to the part, or puts them in its place."""
        length, first = answer.headers.get("Content-Length", ""), 0
        if answer.status == 206:
            span, _, length = answer.headers.get("Content-Range", "").partition("/")
            first = self.have
            if not span.startswith(f"bytes {first}-"):
                self.path.unlink()
                raise http.client.HTTPException("the server continued at another byte than asked")
        self.total = int(length) if length.isdigit() else self.source.size
        self._announce(first)
        etag = answer.headers.get("ETag", "W/")
        mark = answer.headers.get("Last-Modified", "") if etag.startswith("W/") else etag
        limit = UNANNOUNCED if self.total is None else self.total
        bar = tqdm(total=self.total, initial=first, unit="B", **BAR)
        with bar, open(self.path, "ab" if first else "wb") as file:
            self.mark.write_text(mark)  # once old bytes are gone: a kill must not pair them with it
            while chunk := answer.read(2**20):
                bar.update(file.write(chunk))
                if file.tell() > limit:
                    self.refuse(f"more than the {limit:,} bytes that it may have come; deleted.")

    def _announce(self, first: int) -> None:
        """Says how much will come; DownloadError when it is another file or has no room."""
        if self.source.size is not None and self.total != self.source.size:
            self.refuse(
                f"the server offers {self.total:,} bytes where {self.source.size:,} are published; "
                "the file has changed, see the set's home page."
            )
        folder = self.path.parent
        free = shutil.disk_usage(folder).free
        if self.total is not None and self.total - first > free:
            raise DownloadError(
                f"{self.name}: {self.total - first:,} bytes to fetch but {free:,} free in "
                f"{folder}; make room."
            )
        size = "size not announced" if self.total is None else f"{self.total / 1e6:,.1f} MB"
        continued = f", continued at {first / 1e6:,.1f} MB" if first else ""
        self.echo(f"{self.name}: {size} from {self.source.url}{continued}")

    def verify(self) -> None:
        """Compares size and checksum with what is published; says so where nothing is."""
        source = self.source
        if source.size not in (None, self.have):
            self.refuse(
                f"{self.have:,} bytes came where {source.size:,} are published; deleted, run it "
                "again."
            )
        kind, expected = "sha256", source.sha256
        if expected is None and source.md5:
            kind, expected = "md5", source.md5
        with open(self.path, "rb") as file:
            if file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"", b"<"):
                self.refuse("a web page or nothing came in its place; deleted.")
            file.seek(0)
            digest = hashlib.file_digest(file, kind).hexdigest()
        if expected is None:
            self.echo(
                f"{self.name}: no checksum is published for it, only its length was checked; its "
                f"sha256 is {digest}."
            )
        elif digest != expected:
            self.refuse(
                f"{kind} is {digest} where {expected} is published; deleted, run it again, and if "
                "it repeats the file has changed."
            )
