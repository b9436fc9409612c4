import hashlib
import http.server
import threading
import zipfile
from dataclasses import replace
from functools import partial

import pytest
from test_datasets.layouts import write_voc

from medx.core.errors import DataUnavailableError, InputError
from medx.datasets.importers.fetching import fetch_archives, unpack
from medx.datasets.importers.sources import read_source
from medx.datasets.presets import PRESETS, Archive


@pytest.fixture
def archive(tmp_path):
    """A ZIP of the bccd layout."""
    root = write_voc(tmp_path / "BCCD_Dataset-master", {"a.jpg": [("RBC", 1, 1, 9, 9)]})
    path = tmp_path / "served" / "bccd.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as packed:
        for file in root.rglob("*.*"):
            packed.write(file, file.relative_to(tmp_path))
    return path


@pytest.fixture
def online(monkeypatch):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(archive):
    handler = partial(Quiet, directory=str(archive.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def served(server, archive, sha256=None):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest() if sha256 is None else sha256
    archives = (Archive(url=f"{server}/{archive.name}", sha256=digest),)
    return replace(PRESETS["bccd"], archives=archives)


def test_an_archive_is_fetched_checked_unpacked_and_found(
    tmp_path, archive, server, online, monkeypatch
):
    monkeypatch.setitem(PRESETS, "bccd", served(server, archive))
    imported = read_source("bccd", download=True)
    assert [r.label for r in imported.records] == ["RBC"]
    archive.unlink()
    assert read_source("bccd").records == imported.records


@pytest.mark.parametrize("sha256", ["0" * 64])
def test_a_damaged_archive_leaves_nothing(tmp_path, archive, server, online, sha256):
    with pytest.raises(DataUnavailableError, match="arrived damaged"):
        fetch_archives(served(server, archive, sha256), tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_a_failing_server_is_one_error_with_the_way_by_hand(tmp_path, archive, server, online):
    with pytest.raises(DataUnavailableError, match="could not be downloaded") as caught:
        fetch_archives(served(f"{server}/gone", archive), tmp_path / "out")
    assert "https://github.com/Shenggan" in caught.value.hint


def test_offline_fetches_nothing(tmp_path, archive, server):
    with pytest.raises(DataUnavailableError, match="--offline"):
        fetch_archives(served(server, archive), tmp_path / "out")


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "..\\out.txt"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(name, "x")
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="leaves its folder"):
        unpack(tmp_path / "x.zip", tmp_path / "in")
    assert not (tmp_path / "out.txt").exists()


def test_a_link_in_an_archive_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(link, "/etc")
    with pytest.raises(InputError, match="leaves its folder"):
        unpack(tmp_path / "x.zip", tmp_path)


def test_a_bomb_and_a_fragment_are_refused(tmp_path, archive, monkeypatch):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a readable ZIP"):
        unpack(cut, tmp_path / "in")
    monkeypatch.setattr("medx.datasets.importers.fetching.MAX_UNPACKED", 10)
    with pytest.raises(InputError, match="unpacks to more"):
        unpack(archive, tmp_path / "in")
