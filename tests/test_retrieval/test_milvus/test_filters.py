import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_retrieval.backends import SERVER
from test_retrieval.test_index.test_gallery_index import make_index

from medx.core.errors import InputError
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.index.where import parse_where
from retrieval.milvus import items as items_module
from retrieval.milvus.filters import column_of, json_key, literal, print_filter

COLUMNS = ["id", "label", "split", "source", "age", "odd name", "we__ird", 'q"uo`te']
TEXTS = [
    "",
    "a",
    "b",
    "10",
    "-3.5",
    "1e3",
    "it's",
    'say "x"',
    "back\\slash",
    "pünktlich",
    "%a_",
    "a b",
]


def rows():
    rng = np.random.default_rng(3)

    def some():
        return None if rng.random() < 0.3 else TEXTS[rng.integers(len(TEXTS))]

    return [
        Item(
            id=f"i{n}", content_hash=f"h{n}", path=f"{n}.png", label=some(), split=some(),
            source=some(), extra={name: t for name in COLUMNS[4:] if (t := some()) is not None},
        )
        for n in range(120)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def both(milvus_shelf):
    """The same items in memory and in Milvus."""
    items = Items.from_items(rows())
    like = make_index(120)
    index = GalleryIndex.from_embeddings(like.embeddings(), items, like.description)
    return items, milvus_shelf.keep(index).items


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


columns = st.sampled_from(COLUMNS).map(lambda name: "`" + name.replace("`", "``") + "`")
numbered = columns.filter(lambda column: column != "`id`")
texts = st.sampled_from(TEXTS).map(quoted)
numbers = st.sampled_from(["10", "-3.5", "1000", "0.5"])
signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
leaves = st.one_of(
    st.builds(lambda c, s, v: f"{c} {s} {v}", columns, signs, texts),
    st.builds(lambda c, s, v: f"{c} {s} {v}", numbered, signs, numbers),
    st.builds(lambda c, n, v: f"{c} {n}in ({', '.join(v)})", columns, st.sampled_from(["", "not "]),
              st.lists(texts, min_size=1, max_size=3)),
    st.builds(lambda c, n: f"{c} is {n}null", columns, st.sampled_from(["", "not "])),
    st.builds(lambda c, n, p: f"{c} {n}like '{p}'", columns, st.sampled_from(["", "not "]),
              st.sampled_from(["a%", "1%", "b"])),
)  # fmt: skip
filters = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda n, a, j, b: f"{n}({a} {j} {b})", st.sampled_from(["", "not "]), inner,
        st.sampled_from(["and", "or"]), inner,
    ),
    max_leaves=5,
)  # fmt: skip


@settings(
    max_examples=40 if SERVER else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=filters)
def test_milvus_chooses_what_arrow_chooses(both, text):
    items, in_milvus = both
    np.testing.assert_array_equal(in_milvus.mask_where(text), items.mask_where(text), str(text))


@pytest.mark.parametrize("name", ["label", "source", COLUMNS[-1], "path"])
def test_milvus_lists_and_finds_what_arrow_does(both, name, monkeypatch):
    monkeypatch.setattr(items_module, "LOOKED_AT", 20)  # so that it has to ask several times
    items, in_milvus = both
    held = items.distinct(name, 100)
    assert in_milvus.distinct(name, 100) == held
    assert in_milvus.distinct(name, 2) == items.distinct(name, 2)
    for value in [*(held or [])[:2], "of none"]:
        found = in_milvus.rows_where(name, value)
        np.testing.assert_array_equal(found, items.rows_where(name, value))
    assert not in_milvus.fetched


def test_a_filter_is_printed_whole():
    where = parse_where("label = 'a' and (age >= 40 or source is null)", COLUMNS)
    assert print_filter(where.expression) == (
        '((label != "\ue000" and label == "a") and '
        '(((exists more["age__number"]) and more["age__number"] >= 40.0) or '
        '(not (exists more["source"]))))'
    )


@pytest.mark.parametrize("pattern", ["a_c", "a%c", r"50\%", "*", "[a]"])
def test_patterns_that_milvus_reads_otherwise_are_refused(pattern):
    where = parse_where(f"label like '{pattern}'", COLUMNS)
    with pytest.raises(InputError, match="Milvus cannot look for") as raised:
        print_filter(where.expression)
    assert "beginning or the end" in raised.value.hint


@given(text=st.text())
def test_no_text_ends_its_quotes(text):
    inner = literal(text)[1:-1]
    assert '"' not in inner.replace("\\\\", "").replace('\\"', "")


@given(name=st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_column_has_a_key_that_leads_back(name):
    key = json_key(name)
    assert key.isidentifier() or not name.isascii()
    assert not key.endswith("__number")
    assert column_of(key) == name
