"""Read mutated images in a process of its own; say as JSON how each ended.

    PYTHONPATH=tests python -m test_core.fuzz_images FOLDER COUNT [FIRST]

Address space is limited to 1 GiB more than the imports took, and each file to some seconds. A file
that breaks the reader stays in FOLDER.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
from test_core.image_mutations import mutate
from test_core.image_seeds import make_seeds

from medx.core.errors import InputError
from medx.core.images import count_frames, read_image

GIB = 1 << 30
SECONDS = 20


def main(folder: Path, count: int, first: int = 0) -> None:
    """Read ``count`` files and print what came of them."""
    seeds = make_seeds()
    warm_up(folder, seeds)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    ends: Counter[str] = Counter()
    broken: list[str] = []
    for number in range(first, first + count):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        path = write_mutation(folder, number, seeds)
        end, problem = read(path, number)
        ends[f"{path.suffix[1:]} {end}"] += 1
        if problem:
            broken.append(f"{number} {path.name}: {problem}")
        else:
            path.unlink()
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(json.dumps({"ends": ends, "broken": broken}))


def warm_up(folder: Path, seeds: dict[str, bytes]) -> None:
    """Read every seed, which must work, so that all that is imported lazily is there."""
    for name, content in seeds.items():
        path = folder / name
        path.write_bytes(content)
        read_image(path)
        path.unlink()


def write_mutation(folder: Path, number: int, seeds: dict[str, bytes]) -> Path:
    """Write the ``number``-th damaged file; the same number gives the same file."""
    rng = Random(number)
    name = sorted(seeds)[number % len(seeds)]
    other = seeds[rng.choice(sorted(seeds))]
    path = folder / f"{number}-{name}"
    path.write_bytes(mutate(name, seeds[name], other, rng))
    return path


def read(path: Path, number: int) -> tuple[str, str]:
    """Return how reading a file ended, and what is wrong with that end or nothing."""
    try:
        count_frames(path)
        pixels = read_image(path, frame=number % 3 if number % 7 == 0 else 0).pixels
    except InputError as error:
        return "error", complain(error, path)
    except BaseException as error:
        return "broken", repr(error)
    good = pixels.dtype == np.uint8 and pixels.ndim == (3 if pixels.shape[2:] else 2)
    return "pixels", "" if good and pixels.size else f"{pixels.dtype} {pixels.shape}"


def complain(error: InputError, path: Path) -> str:
    """Return why a message is not one short line with a hint, or why it came too late."""
    message = str(error).replace(str(path), "")
    cause = error.__context__
    if isinstance(cause, MemoryError):
        return "more than 1 GiB was asked for"
    if "\n" in message or len(message) > 200 or not error.hint:
        return f"message: {message!r}"
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(value) for value in sys.argv[2:]))
