import logging
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.core.images import read_image
from medx.core.quiet import muted_stderr, quiet


def test_nothing_is_heard_inside_and_everything_after(capfd):
    with quiet():
        warnings.warn("hidden", stacklevel=1)
        logging.getLogger("PIL.TiffImagePlugin").error("hidden")
        logging.getLogger("pydicom").error("hidden")
    with muted_stderr():
        os.write(2, b"hidden\n")
    os.write(2, b"heard\n")
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
    assert capfd.readouterr().err == "heard\n"


def test_blocks_that_overlap_in_threads_leave_the_filters_as_they_were():
    before, level = list(warnings.filters), logging.getLogger("pydicom").level
    first_in, second_in = threading.Event(), threading.Event()

    def first():
        with quiet():
            first_in.set()
            second_in.wait(10)

    def second():
        first_in.wait(10)
        with quiet():
            second_in.set()
            thread.join(10)  # the first leaves while the second is inside

    thread = threading.Thread(target=first)
    thread.start()
    second()
    assert warnings.filters == before
    assert logging.getLogger("pydicom").level == level


def test_threads_read_the_same_as_one(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.tif" for i in range(12)]
    for path in paths:
        pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
        PILImage.fromarray(pixels).save(path, compression="tiff_lzw")
    alone = [read_image(path).pixels for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda path: read_image(path).pixels, paths))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_openvino_is_imported_without_its_telemetry():
    """In a fresh interpreter: whatever ran before may have imported it already."""
    pytest.importorskip("openvino")
    code = (
        "import sys; from medx.core.quiet import import_openvino as load; "
        "print(load().__name__, [m for m in sys.modules.values() "
        "if getattr(m, '__name__', '').startswith('openvino_telemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["openvino", "[]\n"]
