import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedding import key_table
from retrieval.embedding.key_table import KeyTable

# Few different bytes, so that keys meet, and zeros at their ends.
KEYS = st.lists(st.sampled_from([0, 1, 255]), min_size=3, max_size=3).map(
    lambda few: bytes(few).rjust(16, b"\0")
) | st.lists(st.sampled_from([0, 1, 255]), min_size=3, max_size=3).map(
    lambda few: bytes(few).ljust(16, b"\0")
)


def as_keys(keys):
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)


@given(st.lists(st.lists(KEYS, max_size=6), max_size=8), st.lists(KEYS), st.integers(0, 12))
def test_a_table_finds_what_a_dict_finds(batches, wanted, most_fresh):
    table, expected = KeyTable(), {}
    kept = key_table.MOST_FRESH
    key_table.MOST_FRESH = most_fresh
    try:
        number = 0
        for keys in batches:
            table.add(as_keys(keys), np.arange(number, number + len(keys)))
            for key in keys:
                expected.setdefault(key, number)
                number += 1
    finally:
        key_table.MOST_FRESH = kept
    assert table.find(as_keys(wanted)).tolist() == [expected.get(key, -1) for key in wanted]


def test_a_large_table():
    keys = np.random.default_rng(0).integers(0, 256, (50_000, 16), dtype=np.uint8)
    table = KeyTable()
    for start in range(0, 50_000, 500):
        table.add(keys[start : start + 500], np.arange(start, start + 500))
    rows = np.arange(0, 50_000, 7)
    assert np.array_equal(table.find(keys[rows]), rows)
    assert table.find(keys[:1] ^ 1).tolist() == [-1]
