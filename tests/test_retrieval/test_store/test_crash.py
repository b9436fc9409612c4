"""A change that is killed leaves the state before it or the one after it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = Path(__file__).parents[3] / "benchmarks" / "crash.py"
#: More make more sure: `python benchmarks/crash.py --kills 200` prints a table.
KILLS = int(os.environ.get("MEDX_CRASH_KILLS", "7"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def crash(*options):
    done = subprocess.run(
        [sys.executable, str(CRASH), "--json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kills_at_random_moments():
    tallies = crash("--kills", str(KILLS))
    assert sum(tally["kills"] for tally in tallies.values()) == KILLS
    assert not any(tally["failures"] for tally in tallies.values())


def test_kills_before_lines_that_write():
    tally = crash("--every-step", "--step-by", "12", "--change", "update")["update"]
    assert tally["kills"] > 10
    assert tally["states"].keys() == {"old", "new"}
    assert tally["left"] > 0
    assert tally["failures"] == []
