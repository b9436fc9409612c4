import sqlite3

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medx.core.errors import InputError
from retrieval.index.where import parse_where

TABLE = pa.table(
    {
        "label": ["pneumonia", "normal", None, "Pneumonia", "a|b"],
        "age": ["63", "7", "+5.0", "unknown", None],
        "View Position": ["PA", "AP", "", None, "100%"],
        "frame": pa.array([1, 2, 3, None, 2**53 + 1]),
        "weight": [1.5, float("nan"), None, -0.25, 1e300],
        "portable": [True, False, None, True, False],
        "site": pa.array(["x", None, "y", "x", "y"]).dictionary_encode(),
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("label = 'pneumonia'", [0]),
        ('label == "pneumonia"', [0]),
        ("label != 'pneumonia'", [1, 3, 4]),
        ("not label = 'pneumonia'", [1, 3, 4]),
        ("not not label = 'pneumonia'", [0]),
        ("label is null", [2]),
        ("not label is null", [0, 1, 3, 4]),
        ("label is NOT NULL AND label <> 'normal'", [0, 3, 4]),
        ("label in ('normal', 'a|b', 'absent')", [1, 4]),
        ("label not in ('normal')", [0, 3, 4]),
        ("label like 'p%' or label like '_|_'", [0, 4]),
        ("label not like '%neumonia'", [1, 4]),
        ("`View Position` = ''", [2]),
        (r"`View Position` like '%\%'", [4]),
        ("`View Position` >= 'AP' and `View Position` < 'PB'", [0, 1]),
        ("site = 'x' or site is null", [0, 1, 3]),
        ("portable = 'true'", [0, 3]),
        # A number compares by value; what is no number is missing.
        ("age > 6", [0, 1]),
        ("not age > 6", [2]),
        ("age = 5", [2]),
        ("age != 5", [0, 1]),
        ("age in (7, 63.0)", [0, 1]),
        ("age not in (7)", [0, 2]),
        # A quoted number is text.
        ("age > '6'", [0, 1, 3]),
        ("age = '63.0'", []),
        ("frame >= 2", [1, 2, 4]),
        ("frame = 9007199254740991", []),
        ("frame in (1, 1.5)", [0]),
        ("weight < 0", [3]),
        ("weight is null", [1, 2]),
        ("not weight < 1e299", [4]),
        # All of "and" binds before any of "or".
        ("label = 'normal' or label is null and age = 63", [1]),
        ("(label = 'normal' or label is null) and age < 63", [1, 2]),
    ],
)
def test_known_answers(text, rows):
    mask = parse_where(text, TABLE.column_names).mask(TABLE)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == rows


def test_column_that_a_table_lacks_is_missing_everywhere():
    where = parse_where("site = 'x' or site is null", ["site"])
    assert where.columns == {"site"}
    assert where.mask(pa.table({"label": ["a", "b"]})).tolist() == [True, True]
    assert not parse_where("not site = 'x'", ["site"]).mask(TABLE.select(["age"])).any()


def test_text_asked_of_numbers_and_numbers_of_text_are_told():
    with pytest.raises(InputError, match="a text in column 'frame', which holds numbers") as raised:
        parse_where("frame = '2'", TABLE.column_names).mask(TABLE)
    assert raised.value.hint == "write numbers without quotes"
    with pytest.raises(InputError, match="a number in column 'label', which holds none") as raised:
        parse_where("label = 1", TABLE.column_names).mask(TABLE)
    assert raised.value.hint == "put texts in quotes: label = '1'"


@pytest.mark.parametrize(
    "text", ["1e5", "nan", "inf", "0x10", "1_000", " 5", "5 ", "1e999", "٣", "--5"]
)
def test_only_plain_numbers_are_numbers(text):
    table = pa.table({"x": [text, "1"]})
    found = parse_where("x > 0 or x <= 0", ["x"]).mask(table)
    assert found.tolist() == [text == "1e5", True]


def test_empty_table_has_an_empty_mask():
    assert parse_where("age > 1", TABLE.column_names).mask(TABLE.slice(0, 0)).tolist() == []


COLUMNS = ("a", "b c")
TEXTS = st.text("ab%_' |é", max_size=3)
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 1e9])


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def leaves():
    column = st.sampled_from(["a", "`b c`"])
    sign = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])
    null = st.sampled_from(["is null", "is not null"])
    negation = st.sampled_from(["", "not "])
    number_list = st.lists(NUMBERS, min_size=1, max_size=3)
    return st.one_of(
        st.builds("{} {} {}".format, column, sign, TEXTS.map(quoted)),
        st.builds("n {} {}".format, sign, NUMBERS),
        st.builds("{} {}".format, st.sampled_from(["a", "n"]), null),
        st.builds("{} {}like {}".format, column, negation, TEXTS.map(quoted)),
        st.builds(
            lambda c, n, values: f"{c} {n}in ({', '.join(map(quoted, values))})",
            column, negation, st.lists(TEXTS, min_size=1, max_size=3),
        ),
        st.builds(
            lambda n, values: f"n {n}in ({', '.join(map(str, values))})", negation, number_list
        ),
    )  # fmt: skip


FILTERS = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and {}".format, inner, inner),
        st.builds("{} or ({})".format, inner, inner),
    ),
    max_leaves=6,
)
ROWS = st.lists(
    st.tuples(st.none() | TEXTS, st.none() | TEXTS, st.none() | NUMBERS), min_size=1, max_size=8
)


@settings(max_examples=200, deadline=None)
@given(text=FILTERS, rows=ROWS)
def test_sqlite_agrees(text, rows):
    database = sqlite3.connect(":memory:")
    database.execute("pragma case_sensitive_like = on")
    database.execute("create table t (a text, `b c` text, n real)")
    database.executemany("insert into t values (?, ?, ?)", rows)
    expected = [r - 1 for (r,) in database.execute(f"select rowid from t where {text}")]
    database.close()
    a, b, n = zip(*rows, strict=True)
    table = pa.table({"a": pa.array(a, pa.string()), "b c": pa.array(b, pa.string()),
                      "n": pa.array(n, pa.float64())})  # fmt: skip
    where = parse_where(text, table.column_names)
    assert np.flatnonzero(where.mask(table)).tolist() == expected
    again = parse_where(str(where), table.column_names)
    assert again == where
