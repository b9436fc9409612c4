import json
import re
from pathlib import Path

import pytest
from conftest import write_dataset

from reportgen.strategies import STRATEGIES


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("demo") / "tiny", {"normal": 12, "pneumonia": 12})


@pytest.mark.slow
def test_the_demo_runs_everything_and_can_be_run_again(cli, small):
    first = cli("demo", "--dataset", small, "--json")
    assert first.exit_code == 0, first.stderr
    result = first.json
    assert result["evaluation"]["split"] == "test"
    assert result["reports"]["is_mock"]
    strategies = {report["strategy"] for report in result["reports"]["reports"]}
    assert strategies == set(STRATEGIES)
    page = Path(result["page"])
    html = page.read_text()
    assert "Research use only" in html
    assert "Mock reports" in html
    assert "Synthetic images" in html
    assert "whole demo" in html
    links = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(links) > 10
    assert all((page.parent / link).is_file() for link in links)
    assert "http" not in " ".join(links)
    again = cli("demo", "--dataset", small)
    assert again.exit_code == 0, again.stderr
    assert "already finished" in again.stderr
    assert "accuracy" in again.stdout
    assert "going on from an earlier start" in again.stdout
    assert "whole demo" not in page.read_text()
    (ledger,) = (page.parent / "tiny").glob("train-*/test_ledger.jsonl")
    # Each time: the evaluation, and the choice of images to report on.
    assert len([json.loads(line) for line in ledger.read_text().splitlines()]) == 4
    other_seed = cli("demo", "--dataset", small, "--seed", 1)
    assert other_seed.exit_code == 0, other_seed.stderr


def test_the_demo_says_what_is_wrong_with_a_dataset(cli):
    result = cli("demo", "--dataset", "pneumoniamnits")
    assert result.exit_code == 1
    assert "did you mean 'pneumoniamnist'" in result.stderr
