import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medx.core.errors import InputError
from retrieval.index.where import parse_where
from retrieval.index.where_expression import (
    And,
    Compare,
    In,
    IsNull,
    Like,
    all_of,
    any_of,
    columns_of,
    negate,
)

COLUMNS = ["label", "split", "age", "View Position"]


def refused(text, columns=COLUMNS):
    with pytest.raises(InputError) as raised:
        parse_where(text, columns)
    return raised.value


@pytest.mark.parametrize(
    ("text", "problem", "at"),
    [
        ("lable = 'x'", "unknown column 'lable'", 0),
        ("label = 'x' and Split = 'y'", "unknown column 'Split'", 16),
        ("`View position` = 'x'", "unknown column 'View position'", 0),
        ("label = pneumonia", "text goes in quotes: 'pneumonia'", 8),
        ("'label' = 'x'", "in `backticks`", 0),
        ("label = 'x", "this quote is never closed", 8),
        ("`label = 'x'", "this backtick is never closed", 0),
        ("(label = 'x'", "this parenthesis is never closed", 0),
        ("(label = 'x' label", "expected 'and', 'or' or ')'", 13),
        ("label = 'x')", "expected 'and', 'or' or the end", 11),
        ("label = null", "write: is null", 8),
        ("label in ('a', null)", "write: is null", 15),
        ("label in ('a', 1)", "either numbers or texts", 15),
        ("label in ()", "expected a number, or a text", 10),
        ("label in ('a' 'b')", "expected ',' or ')'", 14),
        ("label not = 'a'", "expected =, !=", 10),
        ("label like 5", "expected a text in quotes", 11),
        ("label is 'x'", "expected 'null'", 9),
        ("label", "expected =, !=", 5),
        ("label =", "expected a number, or a text", 7),
        ("and", "expected a column name", 0),
        ("label = 'x' or", "expected a column name", 14),
        ("age > 5 years", "expected 'and', 'or' or the end", 8),
        ("age > 5years", "cannot read '5' here", 6),
        ("age > 9007199254740992", "too large a number", 6),
        ("age > 1e999", "too large a number", 6),
        ("label = 'x'; drop table t", "cannot read ';' here", 11),
        ("__import__('os').system('id')", "cannot read '.' here", 16),
        ("__import__('os')", "unknown column '__import__'", 0),
        ("age > ٣", "cannot read '٣' here", 6),
    ],
)
def test_errors_point_at_the_place(text, problem, at):
    error = refused(text)
    first, shown, carets = str(error).split("\n")
    assert first.startswith("cannot read the filter: ")
    assert problem in first
    assert shown == f"  {text}"
    assert carets.index("^") - 2 == at
    assert error.hint


def test_near_columns_are_named():
    assert refused("lable = 'x'").hint.startswith("did you mean 'label'")


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_filter_is_told_how_to_write_one(text):
    error = refused(text)
    assert str(error) == "the filter is empty"
    assert "label = 'pneumonia'" in error.hint


def test_long_filters_are_shown_around_the_place():
    error = refused("label = 'x' or " * 200 + "lable = 'x'\n")
    assert all(len(line) < 120 for line in str(error).split("\n"))
    assert str(error).split("\n")[1][52:57] == "lable"


def test_hostile_sizes_are_refused_or_read():
    assert "more than 50 parentheses" in str(refused("(" * 5000 + "age = 1" + ")" * 5000))
    assert "longer than" in str(refused("age = 1 or " * 20_000))
    many = ", ".join(str(i) for i in range(10_000))
    assert len(parse_where(f"age in ({many})", COLUMNS).expression.values) == 10_000
    assert parse_where("not " * 10_000 + "age = 1", COLUMNS).expression == Compare("age", "=", 1)
    flat = parse_where(" and ".join(["age = 1"] * 5000), COLUMNS).expression
    assert isinstance(flat, And)
    assert "valid text" in str(refused("label = '\udc80'"))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.text("()'\"`=<>!,.+-0e al", max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        where = parse_where(text, ["a", "l", ""])
    except InputError:
        return
    assert parse_where(str(where), ["a", "l", ""]) == where


NAMES = st.sampled_from(["a", "in", "NULL", "b`c", "é", "x y", "_1", "9"])
VALUES = (
    st.text(max_size=5)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text("ab'\"`\\%_\n", max_size=5)
LEAVES = st.one_of(
    st.builds(Compare, NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES),
    st.builds(In, NAMES, st.lists(TEXTS, min_size=1).map(tuple), st.booleans()),
    st.builds(Like, NAMES, TEXTS, st.booleans()),
    st.builds(IsNull, NAMES, st.booleans()),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(all_of),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_a_printed_tree_parses_to_itself(tree):
    assert parse_where(str(tree), columns_of(tree)).expression == tree
    assert parse_where(f"not ({tree})", columns_of(tree)).expression == negate(tree)
    assert negate(negate(tree)) == tree
