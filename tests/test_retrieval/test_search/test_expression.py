import pytest
from hypothesis import given
from hypothesis import strategies as st

from medx.core.errors import InputError
from retrieval.search.expression import parse_query
from retrieval.search.query import like, words


def terms(text):
    return [(term.weight, term.kind, term.value) for term in parse_query(text).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"pleural effusion"', [(1, "text", "pleural effusion")]),
        ("test-normal-001", [(1, "like", "test-normal-001")]),
        ("./a b.png", None),
        ('"a" + ./q.png', [(1, "text", "a"), (1, "like", "./q.png")]),
        ('x - 0.5 * "b c"', [(1, "like", "x"), (-0.5, "text", "b c")]),
        ('"a"-"b"', [(1, "text", "a"), (-1, "text", "b")]),
        ('- 2 * x - 1', [(-2, "like", "x"), (-1, "like", "1")]),
        ("0017", [(1, "like", "0017")]),
        (".25*'it''s'", None),
        ("0.5*'one'", [(0.5, "text", "one")]),
        ("“curly” + ‘too’", [(1, "text", "curly"), (1, "text", "too")]),
        (r'"say \"ah\""', [(1, "text", 'say "ah"')]),
        ('file:"my scan.png" + id:0.5', [(1, "file", "my scan.png"), (1, "id", "0.5")]),
        ("text:nodule", [(1, "text", "nodule")]),
        ("https://a.b/c-d+e.png", [(1, "like", "https://a.b/c-d+e.png")]),
        ("c:\\scans\\a.dcm", [(1, "like", "c:\\scans\\a.dcm")]),
    ],
)  # fmt: skip
def test_what_is_read(text, expected):
    if expected is None:
        with pytest.raises(InputError):
            parse_query(text)
    else:
        assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", None, "the query is empty"),
        ("pleural effusion", 8, r"\+ or - is missing"),
        ('"a" "b"', 4, r"\+ or - is missing"),
        ('"a" +', 5, "must follow here"),
        ('"a" + + "b"', 6, "must stand here"),
        ('"a" + "b', 6, "never closed"),
        ('"a" + ""', 6, "nothing stands in these quotes"),
        ('0 * "a"', 0, "above 0"),
        ("9" * 400 + ' * "a"', 0, "above 0 and finite"),
        ('"a" * 0.5', 4, "stands before"),
        ('0.5 * ("a" + "b")', 6, "parentheses"),
        ("+", 1, "must follow here"),
    ],
)
def test_errors_point_at_the_place(text, place, message):
    with pytest.raises(InputError, match=message) as raised:
        parse_query(text)
    if place is not None:
        assert str(raised.value).splitlines()[-1] == "  " + " " * place + "^"
    assert raised.value.hint


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        found = parse_query(text)
    except InputError:
        return
    assert all(term.value.strip() and term.weight for term in found.terms)


VALUES = st.text(min_size=1, max_size=12).filter(str.strip)
WEIGHTS = st.sampled_from([1.0, 0.5, 2.0, -1.0, -0.25])


@given(st.lists(st.tuples(WEIGHTS, VALUES), min_size=1, max_size=4))
def test_what_is_written_is_read(parts):
    text = " ".join(
        f"{'-' if weight < 0 else '+'} {abs(weight)} * " + '"' + escape(value) + '"'
        for weight, value in parts
    )
    assert terms(text) == [(weight, "text", value) for weight, value in parts]


def escape(value):
    return value.replace("\\", "\\\\").replace('"', '\\"')


def test_queries_add_up_in_python():
    query = words("a") + 0.5 * like("q.png") - 2 * (words("b") - words("c"))
    assert [(t.weight, t.value) for t in query.terms] == [
        (1, "a"), (0.5, "q.png"), (-2, "b"), (2, "c"),
    ]  # fmt: skip
    assert str(query) == '"a" + 0.5 * q.png - 2 * "b" + 2 * "c"'
    assert query.kind == "mixed"
    assert terms(str(query)) == [
        (1, "text", "a"), (0.5, "like", "q.png"), (-2, "text", "b"), (2, "text", "c"),
    ]  # fmt: skip
