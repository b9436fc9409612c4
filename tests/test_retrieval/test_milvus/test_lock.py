"""The lock of a gallery, on a server that is no more than what the lock asks of one."""

from types import SimpleNamespace

import pytest
from pymilvus.exceptions import MilvusException

from medx.core.errors import InputError
from retrieval.milvus import lock
from retrieval.milvus.connection import is_lite
from retrieval.milvus.lock import break_lock, lock_name, writing


class Server:
    """Collections by name with their descriptions."""

    def __init__(self):
        self.collections = {}

    def create_collection(self, name, schema):
        if name in self.collections:
            raise MilvusException(message=f"{name} exists with another schema")
        self.collections[name] = schema.description

    def has_collection(self, name):
        return name in self.collections

    def describe_collection(self, name):
        if name not in self.collections:
            raise MilvusException(message=f"can't find {name}")
        return {"description": self.collections[name]}

    def drop_collection(self, name):
        self.collections.pop(name, None)


@pytest.fixture
def catalog():
    return SimpleNamespace(client=Server(), uri="http://127.0.0.1:19530")


def test_one_has_it_and_gives_it_back(catalog):
    with writing(catalog, "my scans"):
        with (
            pytest.raises(InputError, match=r"is being changed \(host") as raised,
            writing(catalog, "my scans", wait=False),
        ):
            pass
        told = "medx retrieve verify 'my scans' --backend milvus --uri http://127.0.0.1:19530"
        assert f"{told} --break-lock" in raised.value.hint
    assert catalog.client.collections == {}


def test_a_lock_that_was_freed_by_hand_is_not_taken_from_the_next(catalog):
    with writing(catalog, "x"):
        break_lock(catalog, "x")
        other = writing(catalog, "x", wait=False)
        other.__enter__()
    assert lock_name("x") in catalog.client.collections
    other.__exit__(None, None, None)
    assert catalog.client.collections == {}


def test_two_that_find_a_dead_one_do_not_both_take_its_lock(catalog, monkeypatch):
    name = lock_name("x")
    catalog.client.collections[name] = "host h process 1 since then dead"

    def first_comes_in_between(holder):
        if holder.endswith("then"):
            catalog.client.collections[name] = "host h process 2 since now alive"
            return True
        return False

    monkeypatch.setattr(lock, "_is_gone", first_comes_in_between)
    with (
        pytest.raises(InputError, match="process 2 since now"),
        writing(catalog, "x", wait=False),
    ):
        pass
    assert catalog.client.collections[name].endswith("alive")


def test_an_address_is_no_file():
    assert is_lite("galleries.db")
    assert not is_lite("http://host:19530/galleries.db")
