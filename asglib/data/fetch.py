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

    It has its name when it is whole. A broken-off part is kept as `target`.part, and continued
    where a checksum is published; bytes that fail the check are deleted.
    """
    target = Path(target)
    lock, part = target.with_name(f".{target.name}.lock"), target.with_name(f"{target.name}.part")
    try:
        with files.locked(lock, wait=False):
            if not target.exists():
                _complete(source, part, echo, tries, wait)
                _verify(source, part, echo)
                os.replace(part, target)
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


def _have(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _refuse(source: Source, part: Path, why: str) -> None:
    """Deletes the bytes and says why."""
    part.unlink(missing_ok=True)
    raise DownloadError(f"{source.url}: {why}; deleted.")


def _complete(source: Source, part: Path, echo, tries: int, wait: float) -> None:
    """Asks until all bytes are there; DownloadError after `tries` requests without more."""
    most, failures = 0, 0
    while reason := _request(source, part, echo):
        failures = 0 if _have(part) > most else failures + 1
        most = max(most, _have(part))
        if failures >= tries:
            raise DownloadError(
                f"{source.url}: broke off at {_have(part):,} bytes, {tries} tries in a row without "
                f"more ({reason}); run it again."
            )
        time.sleep(wait)


def _request(source: Source, part: Path, echo) -> str:
    """One request, whose bytes are added: why it broke off, or "" when the file is whole."""
    have = _have(part) if source.sha256 or source.md5 else 0
    if have and have == source.size:
        return ""
    asked = {"User-Agent": "asglib", "Accept-Encoding": "identity"}
    asked |= {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(source.url, headers=asked)
    try:
        opener = urllib.request.build_opener(_OnlyHttp)
        with opener.open(request, timeout=TIMEOUT) as answer:
            return _take(source, part, answer, have, echo)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing from there on: the part is not of this file
            part.unlink(missing_ok=True)
        elif error.code < 500:
            raise DownloadError(
                f"{source.url}: the server answers {error.code} {error.reason}; see the set's home "
                "page for its present address."
            ) from None
        return f"{error.code} {error.reason}"
    except BROKEN as error:
        return str(error) or type(error).__name__
    except OSError as error:
        raise DownloadError(f"{part}: cannot be written ({error}); run it again.") from None


def _take(source: Source, part: Path, answer, have: int, echo) -> str:
    """Adds the answer's bytes to the part, or puts them in its place; why they end too early."""
    first = have if answer.status == 206 else 0
    if first and not answer.headers.get("Content-Range", "").startswith(f"bytes {first}-"):
        part.unlink()
        return "the server continued at another byte than asked"
    length = answer.headers.get("Content-Length", "")
    total = first + int(length) if length.isdigit() else source.size
    if source.size not in (None, total):
        why = f"the server offers {total:,} bytes where {source.size:,} are published"
        _refuse(source, part, why)
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - first > free:
        raise DownloadError(
            f"{part}: {total - first:,} bytes to fetch but {free:,} free; make room."
        )
    size = "size not announced" if total is None else f"{total / 1e6:,.1f} MB"
    continued = f", continued at {first / 1e6:,.1f} MB" if first else ""
    echo(f"{part.stem}: {size} from {source.url}{continued}")
    limit = UNANNOUNCED if total is None else total
    bar = tqdm(total=total, initial=first, unit="B", **BAR)
    with bar, open(part, "ab" if first else "wb") as file:
        while chunk := answer.read(2**20):
            bar.update(file.write(chunk))
            if file.tell() > limit:
                _refuse(source, part, f"more than the {limit:,} bytes that it may hold")
    return "" if total in (None, _have(part)) else "the server closed the connection"


def _verify(source: Source, part: Path, echo) -> None:
    """Compares size and checksum with what is published; says so where nothing is."""
    if source.size not in (None, _have(part)):
        _refuse(source, part, f"{_have(part):,} bytes came where {source.size:,} are published")
    kind = "md5" if source.md5 and not source.sha256 else "sha256"
    with open(part, "rb") as file:
        if file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"", b"<"):
            _refuse(source, part, "a web page or nothing came in its place")
        file.seek(0)
        digest = hashlib.file_digest(file, kind).hexdigest()
    expected = source.sha256 or source.md5
    if expected is None:
        echo(f"{part.stem}: no checksum is published for it; its sha256 is {digest}.")
    elif digest != expected:
        _refuse(source, part, f"its {kind} is {digest} where {expected} is published")
