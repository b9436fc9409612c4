import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_core import fuzz_images
from test_core.fuzz_images import complain, read

from medx.core.errors import InputError

COUNT = 3600
TESTS = Path(__file__).parent.parent


@pytest.mark.slow
def test_every_mutated_image_ends_in_pixels_or_one_clear_error(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "test_core.fuzz_images", tmp_path, str(COUNT)]
    # Threads of numerical libraries reserve address space that is no part of reading.
    few = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **few}, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["broken"] == []
    assert sum(report["ends"].values()) == COUNT
    for kind in ("png", "jpg", "tif", "bmp", "npy", "dcm"):
        assert min(report["ends"][f"{kind} {end}"] for end in ("pixels", "error")) > 20


@pytest.mark.parametrize("broken", [ValueError("x"), SystemExit(), MemoryError()])
def test_fuzzing_notices_what_a_reader_must_not_do(tmp_path, monkeypatch, broken):
    def fail(path, frame=0):
        raise broken

    monkeypatch.setattr(fuzz_images, "read_image", fail)
    monkeypatch.setattr(fuzz_images, "count_frames", fail)
    assert read(tmp_path / "x.png", 0) == ("broken", repr(broken))


def test_fuzzing_notices_messages_of_two_lines_or_without_a_hint_and_too_much_memory(tmp_path):
    assert complain(InputError("one\ntwo", hint="do"), tmp_path)
    assert complain(InputError("one"), tmp_path)
    assert not complain(InputError("one", hint="do"), tmp_path)
    late = InputError("one", hint="do")
    late.__context__ = MemoryError()
    assert "1 GiB" in complain(late, tmp_path)
