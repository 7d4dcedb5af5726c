"""Downloads from a server that breaks off, lies or sends other bytes."""

from types import SimpleNamespace

import pytest
from local_server import DATA, MD5, SHA256, serving

from asglib import files
from asglib.data import fetch
from asglib.data.fetch import DownloadError, Source


@pytest.fixture
def server():
    with serving() as http:
        yield http


@pytest.fixture
def get(server, tmp_path):
    def get(**options):
        get.said = []
        source = Source(server.url, "set", **options)
        return fetch.fetch(source, get.folder / "set.tar.gz", get.said.append, tries=2, wait=0)

    get.folder = tmp_path / "in"
    return get


def left(folder):
    """File names in a folder, without locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


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
    asked = [None, "bytes=100000-", "bytes=200000-"]
    assert server.log == asked[: breaks + 1]


def test_continues_in_a_later_call(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(DATA[:123_456])
    assert get(sha256=SHA256).read_bytes() == DATA
    assert server.log == ["bytes=123456-"]
    assert "continued at 0.1 MB" in get.said[0] and left(get.folder) == ["set.tar.gz"]


def test_a_part_of_another_file_is_deleted(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(b"old" * 1000)
    with pytest.raises(DownloadError, match="its sha256 is [0-9a-f]{64} where .*; deleted"):
        get(sha256=SHA256)
    assert left(get.folder) == []
    assert get(sha256=SHA256).read_bytes() == DATA


def test_part_of_unknown_origin_is_not_continued(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(b"old" * 1000)
    assert get().read_bytes() == DATA
    assert server.log == [None]


def test_server_without_ranges_starts_again(get, server):
    server.ranges, server.breaks = False, 1
    assert get(sha256=SHA256).read_bytes() == DATA
    assert len(server.log) == 2


def test_part_longer_than_the_file_is_dropped(get, server):
    get.folder.mkdir()
    (get.folder / "set.tar.gz.part").write_bytes(DATA + b"more")
    assert get(sha256=SHA256).read_bytes() == DATA
    assert server.log == ["bytes=300004-", None]


def test_other_place_than_asked_is_refused(get, server):
    server.breaks, server.shift = 1, 7
    assert get(sha256=SHA256).read_bytes() == DATA
    assert server.log == [None, "bytes=100000-", None]


def test_always_breaking_off_is_one_sentence_and_keeps_the_part(get, server):
    server.ranges, server.breaks = False, 99
    with pytest.raises(
        DownloadError,
        match=r"broke off at 100,000 bytes, 2 tries in a row without more "
        r"\(the server closed the connection\); run it again\.$",
    ):
        get(sha256=SHA256)
    assert left(get.folder) == ["set.tar.gz.part"]
    server.ranges, server.breaks = True, 0
    assert get(sha256=SHA256).read_bytes() == DATA and server.log[-1] == "bytes=100000-"


def test_announcing_more_than_is_sent(get, server):
    server.lie = 50
    with pytest.raises(DownloadError, match=r"broke off at 300,000 bytes"):
        get()
    assert not (get.folder / "set.tar.gz").exists()


def test_announcing_less_than_there_is(get, server):
    server.lie = -50
    with pytest.raises(
        DownloadError, match=rf"sha256 is [0-9a-f]{{64}} where {SHA256} is published; deleted"
    ):
        get(sha256=SHA256)
    assert left(get.folder) == []


def test_announced_size_against_published_size(get):
    with pytest.raises(
        DownloadError, match=r"the server offers 300,000 bytes where 299,999 are published"
    ):
        get(size=299_999)
    assert not (get.folder / "set.tar.gz").exists()


@pytest.mark.parametrize("check", [{"sha256": SHA256}, {"md5": MD5}])
def test_wrong_bytes_are_deleted(get, server, check):
    server.body = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(DownloadError, match="is published; deleted"):
        get(size=300_000, **check)
    assert "set.tar.gz" not in left(get.folder) and "set.tar.gz.part" not in left(get.folder)


def test_unannounced_size(get, server):
    server.announce = False
    assert get(sha256=SHA256).read_bytes() == DATA
    assert "size not announced" in get.said[0]


def test_no_checksum_is_said(get):
    get()
    assert get.said[-1] == (f"set.tar.gz: no checksum is published for it; its sha256 is {SHA256}.")


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
    assert len(server.log) == 2
    server.server_close()
    with pytest.raises(DownloadError, match="refused"):
        source = Source("http://127.0.0.1:9/x", "x")
        fetch.fetch(source, get.folder / "x", tries=1, wait=0)


def test_no_room(get, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DownloadError, match=r"300,000 bytes to fetch but 10 free; make room\.$"):
        get()


def test_one_process_at_a_time(get):
    busy = pytest.raises(DownloadError, match="another process is downloading it")
    with files.locked(get.folder / ".set.tar.gz.lock"), busy:
        get()


@pytest.mark.parametrize("announce", [True, False])
def test_an_endless_body_stops_at_the_published_size(get, server, announce):
    server.endless, server.announce = True, announce
    if announce:  # what comes after the announced length is not read
        assert get(size=300_000, sha256=SHA256).read_bytes() == DATA
        return
    with pytest.raises(DownloadError, match="more than the 300,000 bytes that it may hold"):
        get(size=300_000)
    assert not list(get.folder.glob("set*.gz")) + list(get.folder.glob("*.part"))


def test_an_endless_body_of_unknown_size_stops_too(get, server, monkeypatch):
    monkeypatch.setattr(fetch, "UNANNOUNCED", 2_000_000)
    server.endless, server.announce = True, False
    with pytest.raises(DownloadError, match="more than the 2,000,000 bytes"):
        get()
    assert not list(get.folder.glob("*.part"))


@pytest.mark.parametrize(
    "body", [b"", b"<!DOCTYPE html><html>sign in</html>", b"\xef\xbb\xbf\r\n <html>", b"  \n"]
)
def test_a_web_page_or_nothing_is_no_file(get, server, body):
    server.body = body
    with pytest.raises(DownloadError, match="a web page or nothing came in its place; deleted"):
        get()
    assert not list(get.folder.glob("set*.gz")) + list(get.folder.glob("*.part"))


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://x/y"])
def test_redirects_lead_to_http_only(get, server, address):
    server.redirect = address
    with pytest.raises(DownloadError, match="is not followed|the server answers 302"):
        get()
    assert len(server.log) == 1 and left(get.folder) == []


def test_a_redirect_to_http_is_followed(get, server):
    with serving() as other:
        server.redirect = other.url
        assert get(sha256=SHA256).read_bytes() == DATA


def test_a_full_disk_is_one_sentence_with_the_path(get, monkeypatch):
    class Full:
        def __init__(self, *_, **__):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch, "tqdm", Full)
    with pytest.raises(DownloadError, match=r"set.tar.gz.part: cannot be .*No space left.*again"):
        get()
