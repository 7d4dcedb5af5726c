"""Embeddings of one's own recordings as a table that a kill leaves resumable."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from glob import escape
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.backends import cudnn

from asglib import audio
from asglib.audio import RATE
from asglib.config import between, need
from asglib.counting import counted
from asglib.encoder import Encoder, load
from asglib.files import locked, whole, write_atomically
from asglib.recordings import EmbeddingError, Recordings, sounds
from asglib.shortest import shortest

SECONDS = 3.0  # of a segment: 300 frames, 3.2
NOTE = b"asglib embeddings"  # what a finished table says of itself


def embed(
    files: Iterable[Path | str],
    encoder: Encoder | Path | str,
    out: Path | str | None = None,
    seconds: float = SECONDS,
    segments: bool = False,
    device: str = "cpu",
) -> pd.DataFrame:
    """A row a clip, or a segment of `seconds`: path, start and stop in s, h0 ... of D numbers.

    files: sounds of any rate, and folders of them; encoder: a saved one, its file or its run's
    folder. Segments are evaluation's (D13); a clip is the mean of its segments. `attrs["bad"]`
    lists {path, reason} of the files that cannot be decoded; beside `out`, OUT.bad.csv does. The
    same call goes on where a killed one stopped, to the same bytes. EmbeddingError: no sounds,
    segments too short, or `out` is a finished table of something else.
    """
    paths, network = sounds(files), encoder
    if not isinstance(network, Encoder):
        network = saved(encoder_file(encoder))
    least = shortest(network) / RATE
    between("the length of a segment in seconds", seconds, least, audio.LONGEST)
    samples = round(seconds * RATE)
    about = {"encoder": network.name, "D": network.dim, "seconds": seconds, "segments": segments}
    key = _key(about, paths, network)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(out or Path(folder) / "table.parquet")
        parts = table.with_name(f".{table.name}.{key}.parts")
        try:
            if _bad(table, key) is None:
                with locked(parts / "lock", wait=False):
                    made = Recordings(paths, parts, samples)
                    _make(table, made, network, device, about | {"key": key})
        except BlockingIOError:
            raise EmbeddingError(f"{table}: another command is making it; wait for it.") from None
        found = pd.read_parquet(table)
        found.attrs["bad"] = _bad(table, key)
    return found


def summary(table: pd.DataFrame, out: Path | str) -> str:
    """A line a bad file of a table that `embed` has made, then what is in `out` and beside it."""
    bad = table.attrs["bad"]
    told = f"{counted(len(table), 'row')} in {out}"
    if bad:
        told += f"; {counted(len(bad), 'bad file')} in {out}.bad.csv"
    return "\n".join([*(f"bad: {file['reason']}" for file in bad), told])


def encoder_file(named: Path | str, runs: Path | None = None) -> Path:
    """The file of an encoder that is named by it, by its run's folder, or by its run in `runs`."""
    folders = [Path(named), *([runs / named] if runs else [])]
    chosen = next((path for path in folders if path.exists()), Path(named))
    return chosen / "encoder.safetensors" if chosen.is_dir() else chosen


def saved(path: Path | str) -> Encoder:
    """encoder.load of a file that is what its run has written; ConfigError: it is not."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.sha256")  # in a run's folder; a copy has none
    need(
        not (path.is_file() and beside.is_file()) or whole(path),
        f"{path} is damaged: its checksum is not the one that was written with it; copy it again, "
        "or ask for its run again.",
    )
    return load(path)


def _key(about: dict, paths: list[Path], network: Encoder) -> str:
    """Names what a table is of: settings, weights, and the files as they lie there."""
    states = [path.stat() if path.exists() else None for path in paths]
    # a copy may bring size and time of what it replaces; no copy brings ctime
    states = [state and (state.st_size, state.st_mtime_ns, state.st_ctime_ns) for state in states]
    told = repr((about, network.frontend.config, list(map(str, paths)), states))
    sums = hashlib.sha256(told.encode(errors="surrogateescape"))
    for tensor in network.state_dict().values():
        sums.update(tensor.cpu().contiguous().numpy().tobytes())
    return sums.hexdigest()[:16]


def _bad(table: Path, key: str) -> list[dict] | None:
    """The bad files of this finished table, None where there is none; another one is refused."""
    if table.is_dir():
        raise EmbeddingError(f"{table} is a folder; name a file in it.")
    if not table.exists():
        return None
    try:
        told = json.loads((pq.read_schema(table).metadata or {})[NOTE])
    except (pa.ArrowException, OSError, KeyError, ValueError):
        told = {}
    if told.get("key") != key:
        raise EmbeddingError(
            f"{table} exists and is a table of something else (other files, encoder or segments); "
            "remove it or name another one."
        )
    return told["bad"]


def _make(table: Path, files: Recordings, network: Encoder, device: str, about: dict) -> None:
    """Computes the parts that are not there, writes the table, removes its parts."""
    try:
        if _bad(table, about["key"]) is None:
            own = copy.deepcopy(network).to(device).eval()  # the caller's stays as it is
            with cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):  # D8
                files.embed(own, torch.device(device))
        if _bad(table, about["key"]) is None:  # again: another command may have made one meanwhile
            _publish(table, files, about)
        shutil.rmtree(files.folder)
    except BaseException:
        if not files.parts:
            shutil.rmtree(files.folder, ignore_errors=True)  # it may be what cannot be written
        raise


def _publish(table: Path, files: Recordings, about: dict) -> None:
    """Writes the list of bad files, then the table, whose presence means done."""
    bad, beside = files.bad(), table.with_name(f"{table.name}.bad.csv")
    beside.unlink(missing_ok=True)
    if bad:
        write_atomically(beside, lambda out: pd.DataFrame(bad).to_csv(out, index=False))
    for left in table.parent.glob(f".[0-9]*.{escape(table.name)}"):
        if left.name.removesuffix(f".{table.name}")[1:].isdigit():
            left.unlink(missing_ok=True)  # a killed command's
    note = {NOTE: json.dumps(about | {"bad": bad}).encode()}

    def write(out: Path) -> None:
        rows = (
            pa.Table.from_pandas(part, preserve_index=False)
            for part in files.rows(about["segments"])
        )
        chunk = next(rows)
        schema = chunk.schema.with_metadata(note)
        with pq.ParquetWriter(out, schema) as writer:
            while chunk is not None:
                writer.write_table(chunk.cast(schema))
                chunk = next(rows, None)

    write_atomically(table, write)
