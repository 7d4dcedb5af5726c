"""Data sets fetched and unpacked, and the table of where they are."""

import hashlib
import re

import pytest
from local_server import serving
from test_unpack import tar, tree

from asglib.data import download, index
from asglib.data.fetch import DownloadError, Source


@pytest.fixture
def server():
    with serving() as http:
        yield http


def test_download_fetches_and_unpacks(server, tmp_path, monkeypatch):
    server.body = tar(tmp_path / "a", ("musan/noise/1.wav", b"x")).read_bytes()
    source = Source(server.url, "musan", len(server.body), hashlib.sha256(server.body).hexdigest())
    monkeypatch.setitem(download.SOURCES, "musan", (source,))
    said = []
    assert download.download("musan", tmp_path / "root", said.append) == [tmp_path / "root/musan"]
    assert tree(tmp_path / "root/musan") == {"noise/1.wav": b"x"}
    assert download.download("musan", tmp_path / "root", said.append) == [tmp_path / "root/musan"]
    assert len(server.log) == 1 and said[-1].endswith("already there.")


def test_sets_behind_a_form_say_how(tmp_path):
    with pytest.raises(DownloadError, match="VoxCeleb.*: no stable public address. ") as caught:
        download.download("voxceleb1", tmp_path)
    assert index.DATASETS["voxceleb1"].obtain in str(caught.value)
    with pytest.raises(
        DownloadError, match="nonsense: no such data set; these can be downloaded: audioset, "
    ) as caught:
        download.download("nonsense", tmp_path)
    for name in ("open-pool", "ravdess", "wake-words", "slr28", "musan"):
        assert f", {name}" in str(caught.value)


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
        assert tops and tops <= set(index.DATASETS[name].folders), name
