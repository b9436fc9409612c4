"""External measures, with commands that really run."""

import json
import sys

import pytest
from test_reportgen.test_evaluation.finished_runs import NORMAL, TRUE_REPORTS, named

from medx.core.errors import InputError
from reportgen.evaluation.scorers import Scorer, parse_scorer, run_scorer

SAME = """import json, sys
for line in sys.stdin:
    pair = json.loads(line)
    print(json.dumps({"same": pair["reference"] == pair["candidate"], "n": 2} if NAMED
                     else float(pair["reference"] == pair["candidate"])))
"""
PAIRS = [("a", "a"), ("a", "b")]


@pytest.fixture
def script(tmp_path):
    """Write a program; return the words that run it."""

    def write(text: str, timeout: float = 60) -> Scorer:
        path = tmp_path / "score it.py"
        path.write_text(text)
        return Scorer(name="toy", command=(sys.executable, str(path)), timeout=timeout)

    return write


def test_a_number_a_line(script):
    assert run_scorer(script(SAME.replace("NAMED", "False")), PAIRS) == [{"toy": 1}, {"toy": 0}]


def test_several_measures_a_line(script):
    text = 'import sys\nfor line in sys.stdin:\n    print(\'{"p": 0.5, "r": 1}\')\n'
    assert run_scorer(script(text), PAIRS) == [{"toy p": 0.5, "toy r": 1}] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print(1)", "gave 1 line for 2 pairs"),
        ("print('loading weights'); print(2)", "line 1 is not JSON: 'loading weights'"),
        ("print('NaN'); print(2)", "line 1 is no finite number"),
        ("print('true'); print(2)", "line 1 is no finite number"),
        ('print(\'{"f": "high"}\'); print(2)', "line 1 is no finite number"),
        ("print(1); print('{\"f\": 1}')", "does not name the same measures"),
        ("import sys; sys.exit('no CUDA device')", "exit code 1: … no CUDA device"),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9"),
    ],
)
def test_what_answers_something_else_is_told(text, said, script):
    with pytest.raises(InputError, match="scorer toy") as raised:
        run_scorer(script(f"import sys; sys.stdin.read()\n{text}"), PAIRS)
    assert said in str(raised.value)


def test_one_that_takes_too_long_is_stopped(script):
    with pytest.raises(InputError, match=r"stopped after 0\.5 s") as raised:
        run_scorer(script("import time; time.sleep(60)", timeout=0.5), PAIRS)
    assert "--scorer-timeout" in raised.value.hint


def test_one_that_reads_nothing_may_still_answer(script):
    assert run_scorer(script("print(1)\nprint(2)"), PAIRS) == [{"toy": 1}, {"toy": 2}]


def test_a_program_that_is_not_there():
    scorer = parse_scorer("toy=/no/such/program --fast", 5)
    assert scorer.command == ("/no/such/program", "--fast")
    with pytest.raises(InputError, match="cannot be started: /no/such/program"):
        run_scorer(scorer, PAIRS)


@pytest.mark.parametrize("text", ["radgraph", "=cmd", "radgraph=", "radgraph='cmd"])
def test_other_words_are_no_scorer(text):
    with pytest.raises(InputError, match="--scorer"):
        parse_scorer(text, 5)


def test_every_contender_gets_the_measure_and_each_pair_is_asked_once(four, tmp_path):
    path, asked = tmp_path / "toy.py", tmp_path / "asked.txt"
    path.write_text(
        f"import sys\nlines = sys.stdin.read().splitlines()\nopen({str(asked)!r}, 'w').write("
        "'\\n'.join(lines))\n" + SAME.replace("NAMED", "False").replace("sys.stdin", "lines")
    )
    run = four.run("a", {**TRUE_REPORTS, "p1": NORMAL})
    result = four.evaluate(run, scorers=(f"exact='{sys.executable}' '{path}'",))
    assert named(result, "scripted/concise").wording["exact"].estimate == 0.75
    assert named(result, "constant report").wording["exact"].estimate == 0.5
    lines = [json.loads(line) for line in asked.read_text().splitlines()]
    assert len({(x["reference"], x["candidate"]) for x in lines}) == len(lines)
