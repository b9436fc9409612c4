import pytest

from medx.core.errors import InputError
from retrieval.search.query_files import Asked, read_queries


def test_every_kind_of_file(tmp_path):
    (tmp_path / "q.txt").write_text("\ufeffone\n\n  two words \n")
    assert read_queries(tmp_path / "q.txt") == [Asked(1, "", "one"), Asked(3, "", "two words")]
    (tmp_path / "q.csv").write_text('\ufeffname,query,age\na,"one, two",3\nb,,4\n')
    assert read_queries(tmp_path / "q.csv") == [Asked(2, "a", "one, two"), Asked(3, "b", "")]
    (tmp_path / "q.jsonl").write_text('{"query": "one", "name": "a"}\n\n{"query": "two"}\n')
    assert read_queries(tmp_path / "q.jsonl") == [Asked(1, "a", "one"), Asked(3, "", "two")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("q.xlsx", "one", "no file of queries"),
        ("q.txt", " \n\n", "holds no query"),
        ("q.csv", "text\none\n", "no column 'query'"),
        ("q.csv", "", "no column 'query'"),
        ("q.jsonl", '{"query": "a"}\n{"query"\n', "line 2 of"),
        ("q.jsonl", '{"text": "a"}\n', "has no 'query'"),
        ("q.jsonl", "[1]\n", "has no 'query'"),
    ],
)
def test_what_cannot_be_read(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_queries(tmp_path / name)
    assert raised.value.hint


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "q.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_queries(tmp_path / "q.txt")
    with pytest.raises(InputError, match="cannot read"):
        read_queries(tmp_path / "missing.txt")


def test_a_line_of_json_ends_where_json_says(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query": "left\u2028right"}\r\n{"query": "b"}\n', encoding="utf-8")
    assert [(asked.number, asked.text) for asked in read_queries(path)] == [
        (1, "left\u2028right"),
        (2, "b"),
    ]
