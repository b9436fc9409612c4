"""A folder for runs and datasets written by hand."""

import pytest
from test_reportgen.test_evaluation.finished_runs import NORMAL, PNEUMONIA, Runs


@pytest.fixture
def runs(tmp_path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def four(runs) -> Runs:
    """Two normals and two pneumonias of test with references, and three references of train."""
    for name in ("n1", "n2"):
        runs.image(name, report=NORMAL)
    for name in ("p1", "p2"):
        runs.image(name, "pneumonia", report=PNEUMONIA)
    for name, text in (("t1", NORMAL), ("t2", NORMAL), ("t3", PNEUMONIA)):
        runs.image(name, "normal", report=text, split="train")
    runs.dataset()
    return runs
