"""Hostile and broken archives: nothing leaves the folder, nothing half-unpacked stays."""

import gzip
import io
import stat
import tarfile
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from asglib.data import unpack
from asglib.data.unpack import ArchiveError

DATA = np.random.default_rng(0).bytes(300_000)


def tar(path, *entries):
    """entries: (name, bytes) or a TarInfo."""
    with tarfile.open(path, "w:gz") as out:
        for entry in entries:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry[0])
            content = b"" if isinstance(entry, tarfile.TarInfo) else entry[1]
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def left(folder):
    """The names in a folder, without the locks of what could not be unpacked, which are empty."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("make", [tar, zipped])
def test_top_folder_becomes_the_folder(make, tmp_path):
    archive = make(
        tmp_path / "a", ("ESC-50-master/meta/esc50.csv", b"x"), ("ESC-50-master/audio/1.wav", b"y")
    )
    assert tree(unpack.unpack(archive, tmp_path / "esc")) == {
        "meta/esc50.csv": b"x",
        "audio/1.wav": b"y",
    }


@pytest.mark.parametrize("make", [tar, zipped])
def test_no_top_folder(make, tmp_path):
    archive = make(tmp_path / "a", ("./yes/1.wav", b"x"), ("./LICENSE", b"y"), ("./-id.wav", b"z"))
    assert tree(unpack.unpack(archive, tmp_path / "set")) == {
        "yes/1.wav": b"x",
        "LICENSE": b"y",
        "-id.wav": b"z",
    }


TAR_ATTACKS = {
    "absolute": None,
    "parent": [("good", b"x"), ("a/../../evil", b"x")],
    "windows": [("..\\evil", b"x")],
    "drive": [("C:evil", b"x")],
    "symbolic link": [special("a", tarfile.SYMTYPE, "/tmp"), ("a/evil", b"x")],
    "hard link": [special("a", tarfile.LNKTYPE, "../../etc/passwd")],
    "character device": [special("null", tarfile.CHRTYPE)],
    "block device": [special("disk", tarfile.BLKTYPE)],
    "pipe": [special("pipe", tarfile.FIFOTYPE)],
    "twice": [("a", b"x"), ("a", b"y")],
    "twice, spelled otherwise": [("a/b", b"x"), ("a/./b", b"y")],
}


@pytest.mark.parametrize("attack", TAR_ATTACKS)
def test_hostile_tar(attack, tmp_path):
    (tmp_path / "data").mkdir()
    if attack == "absolute":
        entries = [(f"{tmp_path}/evil", b"x")]
    else:
        entries = TAR_ATTACKS[attack]
    archive = tar(tmp_path / "evil.tar.gz", *entries)
    with pytest.raises(
        ArchiveError,
        match=r"entry '.*' (points outside the folder|is a (link|device)|is there twice); it is no "
        r"data set, delete it\.$",
    ):
        unpack.unpack(archive, tmp_path / "data/set")
    assert left(tmp_path / "data") == []
    assert left(tmp_path) == ["data", "evil.tar.gz"]


@pytest.mark.parametrize(
    "name, mode",
    [
        ("/evil", 0),
        ("a/../../evil", 0),
        ("a\\..\\evil", 0),
        ("link", stat.S_IFLNK | 0o777),
        ("device", stat.S_IFCHR),
    ],
)
def test_hostile_zip(name, mode, tmp_path):
    entry = zipfile.ZipInfo("placeholder")
    entry.filename, entry.external_attr = name, mode << 16  # ZipInfo(name) would clean the name
    archive = zipped(tmp_path / "evil.zip", ("good", b"x"), (entry, b"/etc/passwd"))
    with pytest.raises(
        ArchiveError, match=r"entry '.*' (points outside the folder|is a (link|device)); "
    ):
        unpack.unpack(archive, tmp_path / "set")
    assert left(tmp_path) == ["evil.zip"]


@pytest.mark.parametrize("make", [tar, zipped])
def test_bomb(make, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "SMALLEST_LIMIT", 10_000)
    archive = make(tmp_path / "bomb", ("zeros", bytes(5_000_000)))
    assert archive.stat().st_size < 10_000
    with pytest.raises(ArchiveError, match=r"unpacks to more than the [\d,]+ bytes allowed"):
        unpack.unpack(archive, tmp_path / "set")
    assert left(tmp_path) == ["bomb"]
    many = make(tmp_path / "many", *((f"{number}", b"") for number in range(1_000)))
    with pytest.raises(ArchiveError, match="unpacks to more than the 100,000 bytes allowed"):
        unpack.unpack(many, tmp_path / "set", limit=100_000)
    audio = make(tmp_path / "audio", ("noise", DATA))
    assert tree(unpack.unpack(audio, tmp_path / "set")) == {"noise": DATA}


def test_zip_that_lies_about_its_size(tmp_path):
    archive = zipped(tmp_path / "lie.zip", ("zeros", bytes(1_000_000)))
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(ArchiveError):
        unpack.unpack(archive, tmp_path / "set", limit=100_000)
    assert left(tmp_path) == ["lie.zip"]


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated_archive(make, share, tmp_path):
    archive = make(tmp_path / "a", ("noise", DATA), ("more", DATA))
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * share)])
    with pytest.raises(ArchiveError, match=r"broken \(.*\); download it again\.$"):
        unpack.unpack(archive, tmp_path / "set")
    assert left(tmp_path) == ["a"]


def test_the_second_of_two_commands_finds_what_the_first_unpacked(tmp_path, monkeypatch):
    archive, folder = tar(tmp_path / "a", ("x", b"1")), tmp_path / "set"

    @contextmanager
    def waiting(path):  # the first one unpacks while this one waits for its lock
        monkeypatch.undo()
        unpack.unpack(archive, folder)
        yield

    monkeypatch.setattr(unpack.files, "locked", waiting)
    assert unpack.unpack(archive, folder) == folder and tree(folder) == {"x": b"1"}


def test_only_one_of_three_commands_unpacks_at_a_time(tmp_path, monkeypatch):
    """The first fails; the second, which waited, has the lock, and the third must not get one."""
    archive, extract, begun = tar(tmp_path / "a", ("x", b"1")), unpack._extract, []
    lock = tmp_path / ".set.lock"

    def extracting(*given):
        begun.append(given)
        if len(begun) == 1:
            time.sleep(0.3)  # until the second one waits for the lock
            raise zipfile.BadZipFile
        with pytest.raises(BlockingIOError), unpack.files.locked(lock, wait=False):
            pass
        extract(*given)

    monkeypatch.setattr(unpack, "_extract", extracting)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(unpack.unpack, archive, tmp_path / "set") for _ in range(2)]
    assert isinstance(both[0].exception() or both[1].exception(), ArchiveError)
    assert len(begun) == 2 and tree(tmp_path / "set") == {"x": b"1"} and not lock.exists()


def test_a_tar_is_unpacked_without_the_filters_of_newer_pythons(tmp_path, monkeypatch):
    """Debian 12 has Python 3.11.2, whose tarfile has neither `replace` nor `filter`."""
    archive = tar(tmp_path / "a", ("x/y", b"1"))
    monkeypatch.delattr("tarfile.TarInfo.replace")
    monkeypatch.setattr("tarfile.TarFile.extract", None)
    assert tree(unpack.unpack(archive, tmp_path / "set")) == {"y": b"1"}


def test_nothing_is_overwritten_and_leftovers_do_not_matter(tmp_path):
    archive = tar(tmp_path / "a", ("x", b"1"))
    (tmp_path / ".set.unpacking").mkdir()
    (tmp_path / ".set.unpacking/half").write_bytes(b"of a killed run")
    assert tree(unpack.unpack(archive, tmp_path / "set")) == {"x": b"1"}
    with pytest.raises(
        ArchiveError, match="set: exists already; move it away to unpack .*/a again"
    ):
        unpack.unpack(archive, tmp_path / "set")
    with pytest.raises(ArchiveError, match="holds no files"):
        unpack.unpack(tar(tmp_path / "b"), tmp_path / "other")


def bomb(path, kind):
    """A small archive whose first header says that megabytes of itself follow."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 64 * 2**20
    with gzip.open(path, "wb", 1) as out:
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):
            out.write(bytes(2**20))
    return path


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_a_long_header_is_not_read(kind, tmp_path):
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"broken \(a header of 67108864 bytes\)"):
        unpack.unpack(bomb(tmp_path / "a.tar.gz", kind), tmp_path / "set")
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_files_with_holes_are_refused(tmp_path):
    hole = tarfile.TarInfo("hole")
    hole.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a"}
    content = b"1\n" * 500_000
    hole.size = len(content)
    with tarfile.open(tmp_path / "a", "w:gz", format=tarfile.PAX_FORMAT) as out:
        out.addfile(hole, io.BytesIO(content))
    with pytest.raises(ArchiveError, match="a file with holes"):
        unpack.unpack(tmp_path / "a", tmp_path / "set")
    old = special("old", tarfile.GNUTYPE_SPARSE)
    with pytest.raises(ArchiveError, match="a file with holes"):
        unpack.unpack(tar(tmp_path / "b", old), tmp_path / "set")


def test_many_long_headers_are_too_much(tmp_path):
    entries = [tarfile.TarInfo(f"{number}") for number in range(40)]
    for entry in entries:
        entry.pax_headers = {"comment": "x" * 60_000}
    with tarfile.open(tmp_path / "a", "w:gz", format=tarfile.PAX_FORMAT) as out:
        for entry in entries:
            out.addfile(entry)
    with pytest.raises(ArchiveError, match="unpacks to more than the 1,000,000 bytes allowed"):
        unpack.unpack(tmp_path / "a", tmp_path / "set", limit=1_000_000)


@pytest.mark.parametrize("make", [tar, zipped])
def test_damaged_archives_are_refused_or_whole(make, tmp_path):
    archive = make(tmp_path / "a", ("x/noise", DATA[:9_000]), ("x/more", DATA[9_000:12_000]))
    whole, rng, refused = archive.read_bytes(), np.random.default_rng(0), 0
    for number in range(150):
        raw = bytearray(whole)
        for _ in range(rng.integers(1, 9)):
            raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
        archive.write_bytes(raw)
        try:
            unpack.unpack(archive, tmp_path / f"{number}")
        except ArchiveError as error:
            assert str(archive) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 100 and len(left(tmp_path)) == 151 - refused
