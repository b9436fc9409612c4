"""Kill -9 at random moments: what is lost is at most a shard, and the rest is as if nothing was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = Path(__file__).parents[3] / "benchmarks" / "crash_embedding.py"
#: More make more sure: `python benchmarks/crash_embedding.py --kills 200`.
KILLS = int(os.environ.get("MEDX_CRASH_KILLS", "7"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_kills_at_random_moments():
    done = subprocess.run(
        [sys.executable, str(CRASH), "--json", "--kills", str(KILLS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["kills"], found["failures"]) == (KILLS, [])
    assert max(found["lost"]) > 0
