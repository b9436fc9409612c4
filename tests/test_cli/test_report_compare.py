"""``medx report evaluate`` and ``medx report compare`` as people call them."""

import json
import sys

import pytest
from test_reportgen.test_evaluation.finished_runs import (
    NORMAL,
    PNEUMONIA,
    TRUE_REPORTS,
    Runs,
)
from test_retrieval.toy_encoder import ToyEncoder

from classify.config import TrainConfig
from classify.training.train import train
from medx.core.errors import EngineError
from medx.core.registry import Entry
from medx.core.settings import DISCLAIMER
from medx.datasets.catalog import load_dataset
from reportgen.engines import ENGINES
from reportgen.engines.mock import MockEngine
from reportgen.evaluation.results import ReportEvaluation
from retrieval.build import build_index
from retrieval.encoders import ENCODERS

ENCODERS.register("toy", Entry("test_retrieval.toy_encoder:ToyEncoder"))


class Contrary(MockEngine):
    """Says pneumonia of everything."""

    name = "contrary"

    def generate(self, request):
        return _said(super().generate(request), PNEUMONIA)


class Broken(MockEngine):
    """Writes nothing."""

    name = "broken"

    def generate(self, request):
        raise EngineError("out of order")


def _said(generation, text):
    from dataclasses import replace

    return replace(generation, text=text)


ENGINES.register("contrary", Entry(f"{__name__}:Contrary"))
ENGINES.register("broken", Entry(f"{__name__}:Broken"))


@pytest.fixture
def four(tmp_path):
    """Two normals and two pneumonias of test with references, and one reference of train."""
    runs = Runs(tmp_path)
    for name, text in TRUE_REPORTS.items():
        runs.image(name, "normal" if text == NORMAL else "pneumonia", report=text)
    runs.image("t1", report=NORMAL, split="train")
    runs.dataset()
    return runs


@pytest.fixture(scope="module")
def chain(two_class, tmp_path_factory):
    """Options that name a classifier and an index, made once."""
    folder = tmp_path_factory.mktemp("chain")
    config = TrainConfig(dataset=str(two_class), epochs=2, device="cpu")
    train(config, folder / "train", load_dataset(str(two_class)))
    build_index(load_dataset(str(two_class)), ToyEncoder(), folder / "index")
    return ("--dataset", two_class, "--run", folder / "train", "--index", folder / "index")


def test_evaluate_prints_figures_with_baselines(cli, four):
    done = cli("report", "evaluate", four.run("a", TRUE_REPORTS), "--resamples", 50)
    assert done.exit_code == 0, done.stderr
    for words in ("scripted/concise", "constant report", "shuffled", "ROUGE-L", DISCLAIMER):
        assert words in done.stdout
    assert "a: evaluated on test 1 time" in done.stdout
    assert "MOCK" not in done.stdout


def test_evaluate_prints_one_json_object_that_it_also_writes(cli, four, tmp_path):
    run = four.run("a", TRUE_REPORTS, is_mock=True)
    output = tmp_path / "here"
    done = cli(
        "report", "evaluate", run, "--resamples", 50, "--seed", 3, "--output", output, "--json"
    )
    result = ReportEvaluation.model_validate_json(done.stdout)
    assert result == ReportEvaluation.model_validate_json((output / "metrics.json").read_text())
    assert (result.is_mock, result.bootstrap_seed) == (True, 3)
    assert (output / "report_evaluation.html").is_file()
    assert "runs:" in (output / "config.yaml").read_text()


def test_evaluate_finds_runs_by_name(cli, four, monkeypatch, tmp_path):
    run = four.run("a", TRUE_REPORTS)
    folder = tmp_path / "output/report/generate"
    folder.mkdir(parents=True)
    run.rename(folder / "first")
    done = cli("report", "evaluate", "first", "--resamples", 20, "--json")
    assert done.json["runs"][0]["name"] == "first"


def test_evaluate_takes_labels_references_and_a_scorer(cli, four, tmp_path):
    labels, texts = tmp_path / "labels.csv", tmp_path / "texts.csv"
    labels.write_text("id,label\nn1,normal\np1,pneumonia\n")
    texts.write_text(f'id,text\nn1,"{NORMAL}"\np1,"{PNEUMONIA}"\n')
    program = tmp_path / "one.py"
    program.write_text("import sys\nfor line in sys.stdin:\n    print(1)\n")
    done = cli(
        "report", "evaluate", four.run("a", TRUE_REPORTS), "--labels", labels, "--references",
        texts, "--scorer", f"one={sys.executable} {program}", "--resamples", 20, "--json",
    )  # fmt: skip
    assert (done.json["labelled"], done.json["referenced"]) == (2, 2)
    assert done.json["contenders"][0]["wording"]["one"]["estimate"] == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nowhere",), "nowhere is not a run folder"),
        (("RUN", "--scorer", "radgraph"), "--scorer takes NAME=COMMAND"),
        (("RUN", "--references", "nothing.csv"), "no such table"),
        (("RUN", "--dataset", "nothing/here"), "no dataset folder"),
        (("RUN", "--scorer-timeout", "0"), "scorer_timeout must be above 0"),
    ],
)
def test_evaluate_tells_what_it_cannot_use(args, said, cli, four):
    run = four.run("a", TRUE_REPORTS)
    done = cli("report", "evaluate", *(run if arg == "RUN" else arg for arg in args))
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_compare_takes_finished_runs_on_shared_images(cli, four):
    one = four.run("a", TRUE_REPORTS)
    two = four.run("b", {n: PNEUMONIA for n in ("n1", "n2", "p1")}, strategy="structured")
    done = cli("report", "compare", one, two, "--resamples", 50, "--json")
    assert done.json["images"] == 3
    assert [f["changed"] for f in done.json["flips"]] == ["strategy"]
    tests = {(t["first"], t["second"], t["statistic"]) for t in done.json["tests"]}
    assert ("scripted/concise", "scripted/structured", "label agreement") in tests


def test_compare_writes_reports_by_every_engine_and_strategy(cli, chain):
    engines = ("--engine", "mock", "--engine", "broken", "--engine", "contrary")
    wanted = (*engines, "--strategy", "concise", "--strategy", "structured", "--num-samples", 4)
    args = ("report", "compare", *wanted, *chain, "--name", "x")
    done = cli(*args, "--resamples", 50, "--json")
    assert done.exit_code == 0, done.stderr
    engines = [c for c in done.json["contenders"] if c["kind"] == "engine"]
    assert {c["name"] for c in engines} == {
        "mock/concise", "mock/structured", "contrary/concise", "contrary/structured",
    }  # fmt: skip
    assert {c["images"] for c in engines} == {4}
    assert all(c["is_mock"] for c in engines)
    by_name = {c["name"]: c["statements"][1] for c in engines}
    assert by_name["contrary/concise"]["yes_bias"]["estimate"] == 1
    assert by_name["contrary/structured"]["sensitivity"]["estimate"] == 1
    changed = {flip["changed"] for flip in done.json["flips"]}
    assert changed == {"strategy", "engine", "strategy and engine"}
    assert (done.json["synthetic"], done.json["split"]) == (True, "test")
    notes = " ".join(done.json["notes"])
    assert "broken wrote no report: all 8 reports failed, first: out of order" in notes
    assert "4 of the 60 images of test" in notes
    again = cli(*args, "--resamples", 50, "--resume", "--json")
    assert again.json["contenders"][0]["reports"] == 4
    assert cli(*args).exit_code == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("RUN", "--strategy", "concise"), "--strategy cannot go with RUN"),
        (("RUN", "--set", "seed=1", "--split", "val"), "--set and --split cannot go with RUN"),
        (("--resume",), "--resume needs the --name or --output"),
        (("--strategy", "consise"), "did you mean 'concise'"),
        (("--engine", "mock="), "--engine takes ENGINE or ENGINE=MODEL"),
        (("--engine", "mock", "--engine", "mock"), "an engine is named twice"),
        (("--engine", "mok"), "did you mean 'mock'"),
        (("--set", "base_ulr=x"), "did you mean 'base_url'"),
    ],
)
def test_compare_tells_what_makes_no_sense(args, said, cli, four):
    run = four.run("a", TRUE_REPORTS)
    done = cli("report", "compare", *(run if arg == "RUN" else arg for arg in args))
    assert done.exit_code == 1
    assert said in done.stderr
    assert json.dumps(done.stdout) == '""'


@pytest.mark.parametrize("command", ["generate", "compare"])
def test_two_strategies_of_one_name_are_refused_before_anything_is_made(cli, tmp_path, command):
    words = cli("report", "prompts", "show", "concise").stdout.replace(
        "name: concise", "name: mine"
    )
    files = [tmp_path / name / "mine.md" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_text(words)
    asked = [word for file in files for word in ("--strategy", file)]
    refused = cli("report", command, *asked, "--engine", "mock", "--output", tmp_path / "run")
    assert refused.exit_code == 1
    assert "two strategies are called 'mine'" in refused.stderr
    assert not (tmp_path / "run").exists()
