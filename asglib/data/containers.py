"""What a file's container promises against what is there: cut, joined and zero-filled files.

libsndfile reads such files without a word. Only headers are looked at; nothing is decoded.
"""

from __future__ import annotations

import mmap
from pathlib import Path

import soundfile

PAGE = 4_096  # bytes: a copy that lost its end is often zero from the next page on
UNKNOWN = 0x7FFFF000  # sizes from here on are what programs that write to a pipe put down
MPEG_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s, layer III
MPEG_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SHARE = 0.98  # of an MP3's samples: some headers only estimate them,
EDGES = 3  # and leave the frames at its two ends out


def cut_off(path: Path) -> str:
    """Why not all sound of a WAV, AIFF, Ogg or MP3 file is there or can be read.

    "" when all is, and for other files and those that cannot be opened: decoding judges them.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _judge(data, path)
    except (OSError, ValueError):  # of which the second: nothing in it
        return ""


def _judge(data: mmap.mmap, path: Path) -> str:
    if data[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _riff(data)
    if data[:4] == b"OggS":
        return _ogg(data)
    return _mp3(data, path) if _mp3_frame(data, _after_tag(data, 0)) else ""


def _riff(data: mmap.mmap) -> str:
    """Looks for the chunk of samples; "" for a file that has none, which libsndfile refuses."""
    order = "little" if data[:4] == b"RIFF" else "big"
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], order)
        if data[at : at + 4] in (b"data", b"SSND"):
            return _samples(data, at + 8, size)
        at += 8 + size + size % 2
    return ""


def _samples(data: mmap.mmap, start: int, size: int) -> str:
    there = len(data) - start
    if size == 0 and there > 0:
        return f"its header promises no samples, though {there} bytes follow"
    if there + 1 < size < UNKNOWN:
        return f"its header promises {size} bytes of samples, {there} are there"
    end = start + min(size, there)
    zeros = _zeros(data, start, end)
    if zeros >= PAGE and (zeros - end) % PAGE < 4:  # the last sample may end in zeros of its own
        return f"its last {zeros} bytes are zeros from the beginning of a page on"
    return ""


def _zeros(data: mmap.mmap, start: int, end: int) -> int:
    """How many bytes before `end` are zero."""
    at = end
    while at > start:
        block = data[max(start, at - 2**20) : at]
        kept = len(block.rstrip(b"\0"))
        at -= len(block) - kept
        if kept:
            break
    return end - at


def _ogg(data: mmap.mmap) -> str:
    """Walks the pages (RFC 3533, section 6) to the last one, or to the next stream."""
    at, streams, beginning, flags = 0, set(), True, 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        flags, stream = data[at + 5], data[at + 14 : at + 18]
        beginning = beginning and bool(flags & 2)
        if beginning:
            streams.add(stream)
        if not beginning and (flags & 2 or stream not in streams):
            return "several Ogg streams are joined in it, of which only the first can be read"
        segments = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(segments) + sum(segments)
    if at > len(data) or not flags & 4:
        return "the last page of its Ogg stream is missing"
    return ""


def _mp3(data: mmap.mmap, path: Path) -> str:
    """Walks the frames, and compares them with what the first of them and libsndfile say."""
    at, frames, samples, foreign, promised, rate = 0, 0, 0, 0, 0, 1
    while at < len(data):
        frame = _mp3_frame(data, at)
        if frame is None:
            after = _after_tag(data, at)
            if not after:
                after = data.find(b"\xff", at + 1) % (len(data) + 1)  # -1: the end
                foreign += after - at
            if foreign >= PAGE:
                return f"{foreign} bytes or more of it belong to no MP3 frame"
            at = after
            continue
        length, rate, each = frame
        if frames == 0:
            promised = _promised_frames(data[at : at + length])
        frames, samples, at = frames + 1, samples + each, at + length
    if at > len(data):
        return "its last MP3 frame is cut off"
    if frames < promised:  # some count the frame that says so, which is one more: one may be lost
        return f"its header promises {promised} MP3 frames, {frames} are there"
    try:
        readable = soundfile.info(str(path)).frames
    except soundfile.LibsndfileError:
        return ""
    if readable < SHARE * samples - EDGES * 1_152:
        return f"only {readable / rate:.1f} s of its {samples / rate:.1f} s can be read"
    return ""


def _mp3_frame(data: mmap.mmap, at: int) -> tuple[int, int, int] | None:
    """(bytes, rate, samples) of the layer III frame at `at`; None: no frame begins there."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, rate, kbps = (head[1] >> 3) & 3, (head[2] >> 2) & 3, head[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return None
    rate = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples, rates = (1_152, MPEG_1) if version == 3 else (576, MPEG_2)
    padding = (head[2] >> 1) & 1
    return samples // 8 * rates[kbps] * 1_000 // rate + padding, rate, samples


def _promised_frames(frame: bytes) -> int:
    """The count of frames that an MP3's first frame may hold, 0 for none."""
    at = max(frame[:48].find(b"Xing"), frame[:48].find(b"Info"))
    if at < 0 or not frame[at + 7] & 1:
        return 0
    return int.from_bytes(frame[at + 8 : at + 12], "big")


def _after_tag(data: mmap.mmap, at: int) -> int:
    """The end of the ID3, APE or old tag that begins at `at`, 0 for none."""
    head = data[at : at + 16]
    if head[:3] == b"ID3" and len(head) == 16:
        a, b, c, d = head[6:10]  # seven bits each
        return at + 10 + (a << 21 | b << 14 | c << 7 | d)
    if head[:8] == b"APETAGEX" and len(head) == 16:
        return at + 32 + int.from_bytes(head[12:16], "little")
    return at + 128 if head[:3] == b"TAG" else 0
