"""Downloads and archives: a server on 127.0.0.1 that breaks off, lies or sends other bytes, and hostile archives."""

import hashlib
import io
import re
import stat
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from asglib import files
from asglib.data import download, fetch, unpack
from asglib.data import index as datasets
from asglib.data.fetch import DownloadError
from asglib.data.unpack import ArchiveError

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves server.body; the first server.breaks answers stop after 100,000 bytes."""

    def do_GET(self):
        s = self.server
        asked = self.headers.get("Range")
        s.log.append((asked, self.headers.get("If-Range")))
        if s.status != 200:
            return self.send_error(s.status)
        start = 0
        fresh = self.headers.get("If-Range", s.etag) == s.etag
        if asked and s.ranges and fresh:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(s.body):
                return self.send_error(416)
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start + s.shift}-{len(s.body) - 1}/{len(s.body)}"
            )
        else:
            self.send_response(200)
        content = s.body[start:]
        if s.announce:
            self.send_header("Content-Length", str(len(content) + s.lie))
        if s.etag:
            self.send_header("ETag", s.etag)
        self.end_headers()
        if s.breaks:
            s.breaks -= 1
            content = content[:100_000]
        self.wfile.write(content)
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.body, http.log, http.status, http.breaks, http.lie, http.shift = DATA, [], 200, 0, 0, 0
    http.ranges, http.announce, http.etag = True, True, '"v1"'
    http.url = f"http://127.0.0.1:{http.server_address[1]}/set.tar.gz"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield http
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def get(server, tmp_path):
    def get(**options):
        get.said = []
        return fetch.fetch(
            server.url, tmp_path / "in/set.tar.gz", echo=get.said.append, tries=2, wait=0, **options
        )

    get.folder = tmp_path / "in"
    return get


def left(folder):
    """File names in a folder, without locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


# --- fetch -------------------------------------------------------------------------------------------------------


def test_whole_file_and_its_size_first(get):
    assert get(size=300_000, sha256=SHA256, md5=MD5).read_bytes() == DATA
    assert get.said[0].startswith("set.tar.gz: 0.3 MB from http://127.0.0.1") and len(get.said) == 1
    assert left(get.folder) == ["set.tar.gz"]


def test_there_already_asks_nothing(get, server):
    get(sha256=SHA256)
    get(sha256=SHA256)
    assert len(server.log) == 1


@pytest.mark.parametrize("breaks", [1, 2])
def test_continues_after_a_break(get, server, breaks):
    server.breaks = breaks
    assert get(sha256=SHA256).read_bytes() == DATA
    assert (
        server.log
        == [(None, None), ("bytes=100000-", '"v1"'), ("bytes=200000-", '"v1"')][: breaks + 1]
    )


def test_continues_in_a_later_call(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(DATA[:123_456])
    (get.folder / "set.tar.gz.part.etag").write_text('"v1"')
    assert get().read_bytes() == DATA
    assert server.log == [("bytes=123456-", '"v1"')]
    assert "continued at 0.1 MB" in get.said[0] and left(get.folder) == ["set.tar.gz"]


def test_starts_again_when_the_file_has_changed(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(b"old" * 1000)
    (get.folder / "set.tar.gz.part.etag").write_text('"v0"')
    assert get(sha256=SHA256).read_bytes() == DATA
    assert server.log == [("bytes=3000-", '"v0"')]


def test_part_of_unknown_origin_is_not_continued(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(b"old" * 1000)
    assert get().read_bytes() == DATA
    assert server.log == [(None, None)]


def test_server_without_ranges_starts_again(get, server):
    server.ranges, server.breaks = False, 1
    assert get(sha256=SHA256).read_bytes() == DATA
    assert len(server.log) == 2


def test_part_longer_than_the_file_is_dropped(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(DATA + b"more")
    assert get(sha256=SHA256).read_bytes() == DATA
    assert server.log == [("bytes=300004-", None), (None, None)]


def test_other_place_than_asked_is_refused(get, server):
    server.breaks, server.shift = 1, 7
    assert get(sha256=SHA256).read_bytes() == DATA
    assert [asked for asked, _ in server.log] == [None, "bytes=100000-", None]


def test_always_breaking_off_is_one_sentence_and_keeps_the_part(get, server):
    server.ranges, server.breaks = False, 99
    with pytest.raises(
        DownloadError,
        match=r"broke off at 100,000 of 300,000 bytes, 2 tries in a row without more "
        r"\(the server closed the connection\); run it again to continue\.$",
    ):
        get(sha256=SHA256)
    assert left(get.folder) == ["set.tar.gz.part", "set.tar.gz.part.etag"]
    server.ranges, server.breaks = True, 0
    assert get(sha256=SHA256).read_bytes() == DATA and server.log[-1][0] == "bytes=100000-"


def test_announcing_more_than_is_sent(get, server):
    server.lie = 50
    with pytest.raises(DownloadError, match=r"broke off at .* of 300,050 bytes"):
        get()
    assert not (get.folder / "set.tar.gz").exists()


def test_announcing_less_than_there_is(get, server):
    server.lie = -50
    with pytest.raises(
        DownloadError, match=rf"sha256 is [0-9a-f]{{64}} where {SHA256} is published; deleted"
    ):
        get(sha256=SHA256)
    assert left(get.folder) == [] or left(get.folder) == ["set.tar.gz.part.etag"]


def test_announced_size_against_published_size(get):
    with pytest.raises(
        DownloadError, match=r"the server offers 300,000 bytes where 299,999 are published"
    ):
        get(size=299_999)
    assert not (get.folder / "set.tar.gz").exists()


@pytest.mark.parametrize("check", [{"sha256": SHA256}, {"md5": MD5}])
def test_wrong_bytes_are_deleted(get, server, check):
    server.body = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(
        DownloadError, match="is published; deleted, run it again, and if it repeats the file has"
    ):
        get(size=300_000, **check)
    assert "set.tar.gz" not in left(get.folder) and "set.tar.gz.part" not in left(get.folder)


def test_unannounced_size(get, server):
    server.announce = False
    assert get(sha256=SHA256).read_bytes() == DATA
    assert "size not announced" in get.said[0]


def test_no_checksum_is_said(get):
    get()
    assert get.said[-1] == (
        "set.tar.gz: no checksum is published for it, only its length was checked; its sha256 is "
        f"{SHA256}."
    )


def test_gone_and_down(get, server):
    server.status = 404
    with pytest.raises(
        DownloadError, match="the server answers 404 Not Found; see the set's home page"
    ):
        get()
    server.status, server.log[:] = 503, []
    with pytest.raises(
        DownloadError, match=r"tries in a row without more \(503 Service Unavailable\)"
    ):
        get()
    assert len(server.log) == 3  # the first, and two more without progress
    server.server_close()
    with pytest.raises(DownloadError, match="refused"):
        fetch.fetch("http://127.0.0.1:9/x", get.folder / "x", tries=1, wait=0)


def test_no_room(get, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(
        DownloadError, match=r"300,000 bytes to fetch but 10 free in .*; make room\.$"
    ):
        get()


def test_one_process_at_a_time(get):
    with files.locked(get.folder / ".set.tar.gz.lock"):
        with pytest.raises(DownloadError, match="another process is downloading it"):
            get()


# --- unpack ------------------------------------------------------------------------------------------------------


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
        match=r"entry '.*' (points outside the folder|is a (link|device)|is there twice); "
        r".*delete it\.$",
    ):
        unpack.unpack(archive, tmp_path / "data/set")
    assert list((tmp_path / "data").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "evil.tar.gz"]


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
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"]


@pytest.mark.parametrize("make", [tar, zipped])
def test_bomb(make, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "SMALLEST_LIMIT", 10_000)
    archive = make(tmp_path / "bomb", ("zeros", bytes(5_000_000)))
    assert archive.stat().st_size < 10_000
    with pytest.raises(ArchiveError, match=r"unpacks to more than the [\d,]+ bytes allowed"):
        unpack.unpack(archive, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["bomb"]
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
    assert [path.name for path in tmp_path.iterdir()] == ["lie.zip"]


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated_archive(make, share, tmp_path):
    archive = make(tmp_path / "a", ("noise", DATA), ("more", DATA))
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * share)])
    with pytest.raises(
        ArchiveError, match=r"broken archive \(.*\); delete it and download it again\.$"
    ):
        unpack.unpack(archive, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_nothing_is_overwritten_and_leftovers_do_not_matter(tmp_path):
    archive = tar(tmp_path / "a", ("x", b"1"))
    (tmp_path / ".set.unpacking").mkdir()
    (tmp_path / ".set.unpacking/half").write_bytes(b"of a killed run")
    assert tree(unpack.unpack(archive, tmp_path / "set")) == {"x": b"1"}
    with pytest.raises(ArchiveError, match="set: exists already; move it away to unpack a again"):
        unpack.unpack(archive, tmp_path / "set")
    with pytest.raises(ArchiveError, match="holds no files"):
        unpack.unpack(tar(tmp_path / "b"), tmp_path / "other")


# --- data sets ---------------------------------------------------------------------------------------------------


def test_download_fetches_and_unpacks(server, tmp_path, monkeypatch):
    server.body = tar(tmp_path / "a", ("musan/noise/1.wav", b"x")).read_bytes()
    source = download.Source(
        server.url, "musan", len(server.body), hashlib.sha256(server.body).hexdigest()
    )
    monkeypatch.setitem(download.SOURCES, "musan", (source,))
    said = []
    assert download.download("musan", tmp_path / "root", said.append) == [tmp_path / "root/musan"]
    assert tree(tmp_path / "root/musan") == {"noise/1.wav": b"x"}
    assert download.download("musan", tmp_path / "root", said.append) == [tmp_path / "root/musan"]
    assert len(server.log) == 1 and said[-1].endswith("already there.")


def test_sets_behind_a_form_say_how(tmp_path):
    with pytest.raises(DownloadError, match="VoxCeleb.*: no stable public address. ") as caught:
        download.download("voxceleb1", tmp_path)
    assert datasets.DATASETS["voxceleb1"].obtain in str(caught.value)
    with pytest.raises(
        DownloadError, match="nonsense: no such data set; these can be downloaded: audioset, "
    ):
        download.download("nonsense", tmp_path)


def test_table_of_sources():
    sources = [source for group in download.SOURCES.values() for source in group]
    assert len(sources) >= 14 and len({source.target for source in sources}) == len(sources)
    for source in sources:
        assert re.match(r"https?://[a-z0-9.-]+/\S+$", source.url)
        assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)
        assert source.md5 is None or re.fullmatch("[0-9a-f]{32}", source.md5)
        assert source.url.startswith("https://") or source.sha256 or source.md5, (
            f"{source.url}: plain HTTP, unchecked"
        )
    for name in set(download.SOURCES) - {"slr28"}:
        tops = {source.target.split("/")[0] for source in download.SOURCES[name]}
        assert tops and tops <= set(datasets.DATASETS[name].folders), name
