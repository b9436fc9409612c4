import pytest

from medx.core.errors import InputError
from retrieval.index.kinds import KINDS, choose_kind, list_count, memory_bytes, memory_needed

GB = 10**9


@pytest.mark.parametrize(
    ("count", "dim", "memory", "kind"),
    [
        (0, 512, 8 * GB, "flat"),
        (100_000, 512, 8 * GB, "flat"),
        (100_001, 512, 8 * GB, "hnsw"),
        (400_000, 128, 8 * GB, "flat"),
        (1_000_000, 512, 8 * GB, "hnsw"),
        (1_000_000, 512, GB // 2 + GB // 10, "ivf-sq8"),
        (1_000_000, 512, GB // 5, "ivf-pq"),
        (5_000_000, 512, 8 * GB, "ivf-sq8"),
        (100_000_000, 512, 8 * GB, "ivf-pq"),
    ],
)
def test_auto_is_exact_while_that_is_fast_then_what_fits(count, dim, memory, kind):
    chosen, reason = choose_kind(count, dim, memory_bytes=memory)
    assert chosen == kind
    assert str(count) in reason


def test_auto_has_a_budget_of_its_own():
    assert choose_kind(200_000, 512)[0] in KINDS


def test_smaller_kinds_need_less_memory():
    needed = [memory_needed(kind, 1_000_000, 512) for kind in ("hnsw", "ivf-sq8", "ivf-pq")]
    assert needed == sorted(needed, reverse=True)


def test_every_list_has_vectors_to_learn_from():
    assert [list_count(n) for n in (1, 80, 10_000, 1_000_000)] == [1, 2, 250, 4000]


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * GB), ("1.5 gb", 1.5 * GB), ("500MB", GB / 2), ("64kb", 64_000)]
)
def test_sizes_of_memory(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2", "2G", "-1GB", "0MB", "nanGB", "infGB", "1e999GB"])
def test_sizes_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="is no size of memory") as raised:
        memory_bytes(text)
    assert raised.value.hint == "write it like 2GB or 500MB"
