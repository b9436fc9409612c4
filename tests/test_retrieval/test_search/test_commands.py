import csv
import json

import pytest

from retrieval.search import batch


@pytest.fixture
def run(cli, toy_index_dir):
    def ask(command, *args):
        return cli("retrieve", command, *args, "--index", toy_index_dir, "--encoder", "toy")

    return ask


def test_an_expression_is_searched(run, two_class):
    path = two_class / "images" / "test-normal-001.png"
    asked = f'"normal" + {path} - 0.5 * test-pneumonia-001'
    result = run("search", asked, "--top-k", 3, "--where", "split = 'val'", "--vote", "--json")
    assert result.exit_code == 0
    answer = result.json
    assert {hit["label"] for hit in answer["hits"]} == {"normal"}
    assert (answer["searched"], answer["count"]) == (60, 180)
    assert answer["vote"]["label"] == "normal"
    table = run("search", asked, "--where", "split = 'val'", "--vote").stdout
    assert "among 60 of 180 SYNTHETIC images" in table
    assert "was not measured" in table


def test_vote_check_prints_what_was_measured(run):
    table = run("image-search", "test-normal-001", "--vote", "--vote-check").stdout
    assert "60 queries of val against train: accuracy 1.000" in table
    assert "measured on val" in table


def test_a_vote_of_nobody_is_told(run):
    table = run("text-search", "normal", "--min-similarity", 0.9999, "--vote").stdout
    assert "no vote: none of the hits that count has a label" in table
    assert "vote of" not in table


@pytest.mark.parametrize(
    ("command", "args", "error"),
    [
        ("search", ["pleural effusion"], "+ or - is missing"),
        ("search", ["id:scan 1"], 'file:"my scan.png"'),
        ("text-search", ["normal", "--page", "."], "--page . is a folder"),
        ("text-search", ["normal", "--figure", "hits.jpg"], "does not end in .png"),
        ("search", ["http://127.0.0.1/a.png"], "nothing is fetched unasked"),
        ("search", ["http://127.0.0.1/a.png", "--allow-url"], "medx is offline"),
        ("search", [], "nothing to search for"),
        ("search", ['"normal"', "--heatmap"], "nowhere to draw"),
        ("search", ['"normal"', "--heatmap", "--page", "p.html"], "cannot show where"),
        ("image-search", ["test-normal-001", "--vote-check"], "add --vote"),
        ("text-search", ["normal", "--queries", "q.txt"], "one query and a file"),
        ("text-search", ["normal", "--resume"], "are for --queries"),
        ("text-search", ["--queries", "q.txt"], "cannot read q.txt"),
        ("text-search", ["--queries", "q.txt", "--page", "p.html"], "are for one query"),
        ("text-search", ["--queries", "q.txt", "--output", "o.xlsx"], "cannot be written"),
        ("text-search", ["--queries", "q.txt", "--resume"], "--resume needs --output"),
        ("text-search", ["--queries", "in.txt", "--where", "lable = 'x'"], "lable"),
        ("text-search", ["--queries", "in.txt", "--split", "tst"], "unknown split"),
    ],
)
def test_bad_input_is_told(run, tmp_path, command, args, error):
    (tmp_path / "in.txt").write_text("normal")
    result = run(command, *args)
    assert result.exit_code == 1
    assert error in result.stderr
    assert "hint: " in result.stderr


def test_the_place_of_an_error_is_shown(run):
    said = run("search", 'normal "x"').stderr
    assert 'is missing\n  normal "x"\n         ^\nhint: ' in said


def test_page_and_figure(run, tmp_path):
    result = run("search", '"normal"', "--page", "deep/p.html", "--figure", "f.png")
    assert result.exit_code == 0
    assert "<!doctype html>" in (tmp_path / "deep" / "p.html").read_text()
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert result.stderr.count("wrote ") == 2


def test_many_queries_to_stdout(run, tmp_path):
    (tmp_path / "q.txt").write_text("normal\npneumonia\n")
    result = run("text-search", "--queries", "q.txt", "--top-k", 2)
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert [entry["query"] for entry in entries] == ["normal", "pneumonia"]
    assert [len(entry["result"]["hits"]) for entry in entries] == [2, 2]


def test_many_queries_to_a_file(run, tmp_path):
    (tmp_path / "q.csv").write_text("query\ntest-normal-001\nmissing.png\n")
    result = run("image-search", "--queries", "q.csv", "--top-k", 2, "--output", "o.csv", "--json")
    assert (result.json["answered"], result.json["queries"]) == (1, 2)
    assert "no such image file" in result.json["failed"][0]["error"]
    rows = list(csv.DictReader((tmp_path / "o.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2", ""]
    again = run("image-search", "--queries", "q.csv", "--output", "o.csv")
    assert "is there already" in again.stderr
    again = run("image-search", "--queries", "q.csv", "--output", "o.csv", "--resume")
    assert "is complete already" in again.stderr
    (tmp_path / "q.csv").write_text("name,query\na,test-normal-001\nb,\n")
    named = run("image-search", "--queries", "q.csv", "--top-k", 2, "--output", "p.csv", "--json")
    assert [failed["number"] for failed in named.json["failed"]] == [3]


def test_interrupted_queries_are_gone_on_with(run, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BATCH", 2)
    (tmp_path / "q.jsonl").write_text("".join(f'{{"query": "normal {i}"}}\n' for i in range(7)))
    args = ["text-search", "--queries", "q.jsonl", "--output", "o.jsonl"]
    search_read, asked = batch.search_read, []

    def interrupted(*arguments, **options):
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return search_read(*arguments, **options)

    monkeypatch.setattr(batch, "search_read", interrupted)
    stopped = run(*args)
    assert stopped.exit_code == 130
    assert "4 of 7 answers are kept in o.jsonl.part" in stopped.stderr
    assert not (tmp_path / "o.jsonl").exists()
    assert "--resume goes on" in run(*args).stderr
    done = run(*args, "--resume")
    assert done.exit_code == 0
    assert "7 of 7 queries answered" in done.stdout
    assert "4 answers taken over" in done.stderr
    assert len(asked) == 3 + 2
    lines = (tmp_path / "o.jsonl").read_text().splitlines()
    assert [json.loads(line)["query"] for line in lines] == [f"normal {i}" for i in range(7)]
    assert not (tmp_path / "o.jsonl.part").exists()


def test_python_has_the_same_search(toy_index_dir, two_class):
    from pathlib import Path

    from retrieval.gallery import open_gallery
    from retrieval.search.query import like, words

    gallery = open_gallery(index=str(toy_index_dir))
    result = gallery.search("normal", top_k=5, where="split = 'train'")
    assert [hit.label for hit in result.hits] == ["normal"] * 5
    path = Path(two_class / "images" / "test-normal-001.png")
    assert gallery.search(path).duplicates == ("test-normal-001",)
    both = gallery.search(words("normal") - 0.5 * like("test-pneumonia-001"), top_k=3)
    assert both.query == '"normal" - 0.5 * test-pneumonia-001'
