"""What `medx data import`, `audit` and `split` cost at 10 000, 30 000 and 100 000 images.

    python benchmarks/scaling.py                        # 10 k, 30 k and 100 k files
    python benchmarks/scaling.py --counts 1000 2000     # a quick look

Images are generated: 32×32 grey PNG files in a folder a class. Each command runs as a user runs it,
in a process of its own; its seconds and its peak resident memory are the kernel's own figures. The
audit runs without near-duplicates. The last steps load all pixels twice: from the files, then from
the pixel cache.

Wanted of 100 000: each command within 60 s and 2 GB, at a cost a row like that of 10 000.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from PIL import Image as PILImage

from medx.core.console import print_table, track
from medx.core.files import write_json

COUNTS = (10_000, 30_000, 100_000)
MOST_SECONDS, MOST_MB = 60.0, 2000.0
CLASSES = ("clear", "opaque", "round", "streaked")
SIZE = 32
RESULTS = Path(__file__).parent / "results" / "scaling.json"
MEDX = Path(sys.executable).with_name("medx")

LOAD = """
import sys
from medx.datasets.catalog import load_dataset
loaded = load_dataset(sys.argv[1]).load_pixels(32)
assert len(loaded.pixels) == len(loaded.records) > 0
"""


def main() -> None:
    """Generate, run every command at every count, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    counts = sorted(options.counts)
    machine, measured = describe_machine(), {}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="medx-scaling-") as folder:
            measured[count] = measure(count, Path(folder))
    steps = list(measured[counts[0]])
    result = {
        "command": "python benchmarks/scaling.py --counts " + " ".join(map(str, counts)),
        "images": f"generated {SIZE}×{SIZE} grey PNG, {len(CLASSES)} classes",
        "machine": machine,
        "wanted": {"seconds": MOST_SECONDS, "peak_mb": MOST_MB},
        "measured": {str(count): steps for count, steps in measured.items()},
        "cost_per_row_largest_to_smallest": {
            step: per_row(measured, counts[-1], step) / per_row(measured, counts[0], step)
            for step in steps
        },
    }
    write_json(options.output, result)
    print_result(result, counts, steps)


def measure(count: int, folder: Path) -> dict[str, dict[str, float]]:
    """Return seconds and peak MB of each step on ``count`` new images."""
    write_images(folder / "images", count)
    manifest, split = folder / "dataset", folder / "split"
    environment = {
        **os.environ,
        "MEDX_OFFLINE": "1",
        "MEDX_CACHE_DIR": str(folder / "cache"),
        "MEDX_OUTPUT_DIR": str(folder / "outputs"),
    }
    importing = [MEDX, "data", "import", folder / "images"]
    load = [sys.executable, "-c", LOAD, split]
    steps: dict[str, list[Any]] = {
        "import": [*importing, "--format", "folder", "--output", manifest],
        "audit": [MEDX, "data", "audit", manifest, "--no-near-duplicates"],
        "split": [MEDX, "data", "split", manifest, "--output", split],
        "load, decoding": load,
        "load, cached": load,
    }
    return {name: run(command, environment, folder / "log") for name, command in steps.items()}


def write_images(folder: Path, count: int) -> None:
    """Write ``count`` random images that all differ, in a folder a class."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    for i in track(range(count), f"writing {count} images"):
        pixels = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
        path = folder / CLASSES[i % len(CLASSES)] / f"{i:06d}.png"
        PILImage.fromarray(pixels).save(path, compress_level=1)


def run(command: list[Any], environment: dict[str, str], log: Path) -> dict[str, float]:
    """Run a command to its end; return its seconds and peak MB.

    ``wait4`` gives the figures of this one process; RUSAGE_CHILDREN would keep the largest so far.
    """
    with log.open("wb") as stream:
        write = [
            (os.POSIX_SPAWN_DUP2, stream.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, stream.fileno(), 2),
        ]
        started = time.perf_counter()
        child = os.posix_spawn(
            str(command[0]), [str(part) for part in command], environment, file_actions=write
        )
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{log.read_text()[-2000:]}")
    kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(kib * 1024 / 1e6, 1),
    }


def per_row(measured: dict[int, dict[str, dict[str, float]]], count: int, step: str) -> float:
    """Return the seconds of a step for each row."""
    return measured[count][step]["seconds"] / count


def print_result(result: dict[str, Any], counts: list[int], steps: list[str]) -> None:
    """Print seconds and peak memory of each step and count."""
    rows = []
    for step in steps:
        figures = [result["measured"][str(count)][step] for count in counts]
        cells = (f"{f['seconds']:.1f} s, {f['peak_mb']:.0f} MB" for f in figures)
        ratio = result["cost_per_row_largest_to_smallest"][step]
        rows.append((step, *cells, f"{ratio:.2f}"))
    columns = ("step", *map(str, counts), f"cost a row, {counts[-1]} : {counts[0]}")
    print_table(rows, columns=columns)


if __name__ == "__main__":
    main()
