import importlib.util
import subprocess
import sys

import pytest
from test_retrieval.test_index.test_gallery_index import make_index

from medx.core.errors import InputError, MissingExtraError, UnknownNameError
from retrieval.milvus.catalog import Catalog, catalog_at
from retrieval.milvus.connection import connect, consistency, default_uri
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery
from retrieval.place import find_place, new_place


@pytest.mark.parametrize("uri", ["milvus", "ftp://host/x", "/tmp/x.sqlite", ""])
def test_what_is_no_address_is_told(uri):
    with pytest.raises(InputError, match="is no address of a Milvus") as raised:
        connect(uri)
    assert "ends in .db" in raised.value.hint


@pytest.mark.parametrize("uri", ["http://root:secret@127.0.0.1:19530", "https://key@host"])
def test_passwords_stay_out_of_the_address(uri):
    with pytest.raises(InputError, match="holds a user or a password") as raised:
        connect(uri)
    assert "secret" not in str(raised.value) + raised.value.hint
    assert "MEDX_MILVUS_TOKEN" in raised.value.hint


def test_offline_reaches_this_machine_only():
    with pytest.raises(InputError, match=r"MEDX_OFFLINE.* forbids reaching milvus\.example"):
        connect("http://milvus.example:19530")


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr("retrieval.milvus.connection.CONNECT_TIMEOUT", 0.2)
    with pytest.raises(InputError, match=r"Milvus at http://127\.0\.0\.1:9") as raised:
        connect("http://127.0.0.1:9")
    assert "is a Milvus running there" in raised.value.hint


def test_missing_packages_name_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="milvus") as raised:
        connect("http://127.0.0.1:9")
    assert raised.value.hint.startswith("pip install 'medx[milvus]'")


def test_a_file_that_another_process_has_open_is_told(tmp_path):
    uri = str(tmp_path / "busy.db")
    code = f"""
import sys
from retrieval.milvus.connection import connect
connect({uri!r})
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(InputError, match="Open local milvus failed") as raised:
            connect(uri)
        other.stdin.close()
        other.wait(60)
    assert "one process at a time" in raised.value.hint


def test_what_is_closed_can_be_opened_again(tmp_path):
    place = MilvusPlace(str(tmp_path / "own.db"), "x")
    index = make_index(4)
    write_gallery(place, index.batches(), index.description)
    catalog_at(place.uri).close()
    again = Catalog(place.uri)
    assert again.names() == ["x"]
    again.close()
    catalog_at.cache_clear()


def test_consistency_levels_are_those_of_milvus(monkeypatch):
    assert consistency() == "Strong"
    monkeypatch.setenv("MEDX_MILVUS_CONSISTENCY", "Bounded")
    assert consistency() == "Bounded"
    monkeypatch.setenv("MEDX_MILVUS_CONSISTENCY", "soon")
    with pytest.raises(InputError, match="'soon'"):
        consistency()


def test_places(milvus_uri, tmp_path):
    assert new_place("x", backend="milvus") == MilvusPlace(default_uri(), "x")
    with pytest.raises(UnknownNameError, match="unknown backend 'mlivus'"):
        new_place("x", backend="mlivus")
    with pytest.raises(InputError, match="--uri is the address") as raised:
        new_place("x", uri=milvus_uri)
    assert raised.value.hint == "add --backend milvus"
    connect(milvus_uri).close()  # a file that is not there yet is another error
    with pytest.raises(UnknownNameError, match="unknown index in the Milvus at"):
        find_place("nobody", backend="milvus", uri=milvus_uri)
    with pytest.raises(InputError, match="cannot name an index"):
        new_place(" ", backend="milvus", uri=milvus_uri)
