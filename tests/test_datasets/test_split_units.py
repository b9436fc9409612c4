from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from medx.datasets.manifest import Record
from medx.datasets.split.units import find_units


def record(name, group=None):
    return Record(id=str(name), path=f"{name}.png", group=group)


def test_groups_equal_pixels_and_chains_of_both_are_one_unit():
    records = [record("a", "p"), record("b", "p"), record("c", "q"), record("d"), record("e")]
    assert find_units(records, {}) == [0, 0, 1, 2, 3]
    assert find_units(records, {"b": "x", "c": "x", "e": "x"}) == [0, 0, 0, 1, 0]


def test_a_group_called_like_a_hash_is_no_hash():
    assert find_units([record("a", "x"), record("b")], {"b": "x"}) == [0, 1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12)), min_size=1, max_size=40))
def test_units_are_the_connected_components(rows):
    records = [record(i, f"p{group}" if group else None) for i, (group, _) in enumerate(rows)]
    hashes = {str(i): str(pixels) for i, (_, pixels) in enumerate(rows) if pixels}
    pairs = [
        (i, j)
        for i, (g, p) in enumerate(rows)
        for j, (h, q) in enumerate(rows)
        if (g and g == h) or (p and p == q) or i == j
    ]
    n = len(rows)
    graph = coo_matrix(([1] * len(pairs), tuple(zip(*pairs, strict=True))), shape=(n, n))
    _, expected = connected_components(graph, directed=False)
    units = find_units(records, hashes)
    assert len(set(units)) == len(set(expected)) == len(set(zip(units, expected, strict=True)))


def test_a_long_chain_is_no_recursion():
    records = [record(i, f"p{i // 2}") for i in range(20_000)]
    hashes = {str(i): f"x{(i + 1) // 2}" for i in range(20_000)}
    assert set(find_units(records, hashes)) == {0}
