"""Files over HTTP: size shown first, continued after a break, verified (data sets of paper section 3.1)."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from asglib import files

TIMEOUT = 60  # seconds without a byte before a try counts as broken off
BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class DownloadError(ValueError):
    """A download that cannot be used; the message says which, why and what to do."""


def fetch(
    url: str,
    target: Path,
    size: int | None = None,
    sha256: str | None = None,
    md5: str | None = None,
    echo=print,
    tries: int = 5,
    wait: float = 2.0,
) -> Path:
    """Downloads `url` to `target`: size shown first, continued after a break, verified, renamed when whole.

    A broken-off part is kept as `target`.part for the next call; bytes that fail the check are deleted.
    """
    target = Path(target)
    part, lock = target.with_name(target.name + ".part"), target.with_name(f".{target.name}.lock")
    try:
        with files.locked(lock, wait=False):
            if not target.exists():
                _fetch_part(url, part, size, bool(sha256 or md5), echo, tries, wait)
                _verify(part, url, size, sha256, md5, echo)
                os.replace(part, target)
                _note(part).unlink(missing_ok=True)
    except BlockingIOError:
        raise DownloadError(
            f"{target}: another process is downloading it; wait for that one."
        ) from None
    lock.unlink(missing_ok=True)
    return target


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _fetch_part(url: str, part: Path, size, checked: bool, echo, tries: int, wait: float) -> None:
    best, failures, total = -1, 0, size
    while True:
        reason, have = "the server closed the connection", None
        try:
            total = _continue(url, part, size, checked, echo)
            have = part.stat().st_size
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing from there on: the part is not of this file
                part.unlink(missing_ok=True)
            elif error.code < 500:
                raise DownloadError(
                    f"{url}: the server answers {error.code} {error.reason}; see the set's home page "
                    "for its present address."
                ) from None
            reason = f"{error.code} {error.reason}"
        except BROKEN as error:
            reason = str(error) or type(error).__name__
        if have is not None and have == total:
            return
        have = part.stat().st_size if part.exists() else 0
        failures = 0 if have > best else failures + 1
        best = max(best, have)
        if failures >= tries:
            whole = "unknown" if total is None else f"{total:,}"
            raise DownloadError(
                f"{url}: broke off at {have:,} of {whole} bytes, {tries} tries in a row "
                f"without more ({reason}); run it again to continue."
            )
        time.sleep(wait)


def _continue(url: str, part: Path, size: int | None, checked: bool, echo) -> int:
    """One request; appends what it gives to `part`, and returns how long the whole file is."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have == size:
        return size
    validator = _note(part).read_text() if _note(part).exists() else ""
    headers = {"User-Agent": "asglib", "Accept-Encoding": "identity"}
    if have and (
        validator or checked
    ):  # else nothing would tell that the old bytes belong to today's file
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=TIMEOUT
    ) as answer:
        whole = answer.headers.get("Content-Length")
        if answer.status == 206:
            span, _, whole = (
                answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            )
            if span.partition("-")[0] != str(have):
                part.unlink()
                raise http.client.HTTPException("the server continued at another place than asked")
        else:
            have = 0
        total = int(whole) if whole and whole.isdigit() else size
        _announce(url, part, size, total, have, echo)
        etag = answer.headers.get("ETag", "")
        validator = (
            etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
        )
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(
                total=total,
                initial=have,
                unit="B",
                unit_scale=True,
                leave=False,
                mininterval=0.5 if sys.stderr.isatty() else 60,
            ) as bar,
        ):
            _note(part).write_text(
                validator
            )  # after old bytes are gone: a killed run must not pair them with it
            try:
                while chunk := answer.read(2**20):
                    bar.update(file.write(chunk))
            except BROKEN:
                if total is None:
                    raise
            return file.tell() if total is None else total


def _announce(url: str, part: Path, size, total, have: int, echo) -> None:
    name = part.name.removesuffix(".part")
    if size is not None and total != size:
        part.unlink(missing_ok=True)
        raise DownloadError(
            f"{url}: the server offers {total:,} bytes where {size:,} are published; the file has "
            "changed, see the set's home page."
        )
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise DownloadError(
            f"{name}: {total - have:,} bytes to fetch but {free:,} free in {part.parent}; make room."
        )
    echo(
        f"{name}: {'size not announced' if total is None else f'{total / 1e6:,.1f} MB'} from {url}"
        + (f", continued at {have / 1e6:,.1f} MB" if have else "")
    )


def _verify(part: Path, url: str, size, sha256, md5, echo) -> None:
    found = part.stat().st_size
    if size is not None and found != size:
        part.unlink()
        raise DownloadError(
            f"{url}: {found:,} bytes came where {size:,} are published; deleted, run it again."
        )
    for kind, expected in (("sha256", sha256), ("md5", md5)):
        if expected is None:
            continue
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, kind).hexdigest()
        if digest != expected:
            part.unlink()
            raise DownloadError(
                f"{url}: {kind} is {digest} where {expected} is published; deleted, run it again, and "
                "if it repeats the file has changed."
            )
    if not (sha256 or md5):
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        echo(
            f"{part.name.removesuffix('.part')}: no checksum is published for it, only its length was checked; "
            f"its sha256 is {digest}."
        )
