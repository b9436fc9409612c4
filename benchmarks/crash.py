"""Kill -9 a process that changes an index, at random moments, and look at what is left.

Each kill takes one change (build, build again, add, update, remove, compact, merge), starts it in a
process of its own and ends that after a random part of the time the change takes. Then the index
must open in the state before the change or after it, ``verify`` must find nothing wrong, a reader
that was open all the time must still answer, and the same change, started again, must complete and
leave nothing of the first attempt. A process that ended before it was killed does not count.

    python benchmarks/crash.py --kills 200
    python benchmarks/crash.py --every-step     # before each line that writes

Embeddings are made up; no image is read. It needs ``os.fork`` (Linux, macOS).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType

import numpy as np

from medx.core import files
from medx.core.console import print_table, stderr
from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.core.images import Pixels, image_from_array
from medx.datasets.manifest import Dataset, Record
from retrieval.build import build_index
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.index import commit, flat_file
from retrieval.index.gallery_index import GalleryIndex
from retrieval.store.compact import compact_index
from retrieval.store.images import add_images, update_images
from retrieval.store.merge import merge_indexes
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

Shelf = dict[str, int]

IMAGES = 120
#: The code that makes, renames and removes files of an index.
WRITING = {commit.__file__, files.__file__, flat_file.__file__}
#: The pictures of an index, by id, before and after each kind of change.
FIRST: Shelf = {f"i{n}": n for n in range(IMAGES)}
MORE: Shelf = {f"j{n}": IMAGES + n for n in range(IMAGES // 2)}
OTHERS: Shelf = {i: n + (1000 if n % 5 == 0 else 0) for i, n in FIRST.items() if n % 7}
LEAVING = [f"i{n}" for n in range(0, IMAGES, 3)]


class MadeUpEncoder(Encoder):
    """An embedding drawn from the pixels as a seed."""

    name = "made-up"
    dim = 64

    @property
    def fingerprint(self) -> Fingerprint:
        """Always the same."""
        return Fingerprint(name=self.name, weights_sha256="0" * 64, preprocessing="", dim=self.dim)

    def _embed_image_batch(self, images: Sequence[Pixels]) -> np.ndarray:
        seeds = [int.from_bytes(image.tobytes(), "little") for image in images]
        return np.stack([np.random.default_rng(seed).normal(size=self.dim) for seed in seeds])

    def _embed_text_batch(self, texts: Sequence[str]) -> np.ndarray:
        raise NotImplementedError


def shelf_dataset(shelf: Shelf) -> Dataset:
    """A dataset in memory whose picture number n is the number n."""
    return Dataset(
        name="shelf",
        records=tuple(Record(id=i, path=i) for i in shelf),
        classes=(),
        location="memory",
        reader=lambda record: image_from_array(
            np.array([[*shelf[record.id].to_bytes(4, "little")]], np.uint8)
        ),
        synthetic=True,
    )


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way to change an index, with what it holds before and after.

    Args:
        before: None where there is no index yet.
        prepare: Makes the state before, of a fresh folder.
        run: The change.
    """

    before: Shelf | None
    after: Shelf
    prepare: Callable[[Path], object]
    run: Callable[[Path], object]


ENCODER = MadeUpEncoder()


def build(shelf: Shelf) -> Callable[[Path], object]:
    """Return what builds an index of a shelf, in place of any other."""
    return lambda folder: build_index(shelf_dataset(shelf), ENCODER, folder)


def with_holes(folder: Path) -> None:
    """Leave an index of two segments from which images were removed."""
    build(FIRST)(folder)
    add_images(folder, shelf_dataset(MORE), ENCODER)
    remove_images(folder, LEAVING)


def merge(folder: Path) -> object:
    """Bring an index that stands beside ``folder`` into it."""
    return merge_indexes([folder.with_name("other")], folder)


def beside_another(folder: Path) -> None:
    """Make an index, and another beside it."""
    build(FIRST)(folder)
    build(MORE)(folder.with_name("other"))


BOTH: Shelf = {**FIRST, **MORE}
STAYING: Shelf = {i: n for i, n in BOTH.items() if i not in LEAVING}
CHANGES = {
    "build": Change(before=None, after=FIRST, prepare=lambda folder: None, run=build(FIRST)),
    "build again": Change(before=FIRST, after=MORE, prepare=build(FIRST), run=build(MORE)),
    "add": Change(
        before=FIRST,
        after=BOTH,
        prepare=build(FIRST),
        run=lambda folder: add_images(folder, shelf_dataset(MORE), ENCODER),
    ),
    "update": Change(
        before=FIRST,
        after=OTHERS,
        prepare=build(FIRST),
        run=lambda folder: update_images(folder, [shelf_dataset(OTHERS)], ENCODER),
    ),
    "remove": Change(
        before=BOTH,
        after=STAYING,
        prepare=build(BOTH),
        run=lambda folder: remove_images(folder, LEAVING, missing_ok=True),
    ),
    "compact": Change(before=STAYING, after=STAYING, prepare=with_holes, run=compact_index),
    "merge": Change(before=FIRST, after=BOTH, prepare=beside_another, run=merge),
}


@dataclass
class Tally:
    """What was found after the kills of one change."""

    kills: int = 0
    states: Counter[str] = field(default_factory=Counter)
    left: int = 0
    failures: list[str] = field(default_factory=list)


def main() -> None:
    """Kill, look, and print a table; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--every-step", action="store_true", help="before each line that writes")
    parser.add_argument("--step-by", type=int, default=1, help="only each so many-th line")
    parser.add_argument("--change", action="append", choices=CHANGES, help="only this one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stderr.quiet = True
    started = time.perf_counter()
    names = options.change or list(CHANGES)
    with tempfile.TemporaryDirectory() as folder:
        took = prepare(Path(folder), names)
        if options.every_step:
            tallies = kill_at_every_step(Path(folder), names, options.step_by)
        else:
            tallies = kill_at_random(Path(folder), took, options.kills, random.Random(options.seed))
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    if options.json:
        rows = {
            name: {**vars(tally), "states": dict(tally.states)} for name, tally in tallies.items()
        }
        print(json.dumps(rows, indent=2))
    else:
        print_table(
            (
                (name, t.kills, t.states["old"], t.states["new"], t.left, len(t.failures))
                for name, t in tallies.items()
            ),
            columns=("change", "kills", "old state", "new state", "left files", "failures"),
            title=f"{sum(t.kills for t in tallies.values())} kills in "
            f"{time.perf_counter() - started:.0f} s",
        )
    sys.exit("\n".join(failures[:5]) if failures else 0)


def prepare(folder: Path, names: Sequence[str]) -> dict[str, float]:
    """Make the state before each change; return how many seconds each takes."""
    os.environ["MEDX_CACHE_DIR"] = str(folder / "cache")
    took = {}
    for name in names:
        change = CHANGES[name]
        change.prepare(folder / name / "x")
        work = _copy(folder / name, folder / "work")
        started = time.perf_counter()
        _wait(_start(change, work))
        took[name] = time.perf_counter() - started
    return took


def kill_at_random(
    folder: Path, took: dict[str, float], kills: int, rng: random.Random
) -> dict[str, Tally]:
    """Kill each change in turn at some moment and look at what is left."""
    names = list(took)
    tallies = {name: Tally() for name in names}
    while (done := sum(tally.kills for tally in tallies.values())) < kills:
        name = names[done % len(names)]
        delay = rng.uniform(0, 1.05) * took[name]
        _try(folder, name, tallies[name], moment=f"{1000 * delay:.1f} ms", delay=delay)
    return tallies


def kill_at_every_step(folder: Path, names: Sequence[str], step_by: int) -> dict[str, Tally]:
    """Kill each change before every step it takes in the folder and look at what is left."""
    tallies = {name: Tally() for name in names}
    for name, tally in tallies.items():
        step = 1
        while _try(folder, name, tally, moment=f"step {step}", step=step):
            step += step_by
    return tallies


def _try(
    folder: Path,
    name: str,
    tally: Tally,
    *,
    moment: str,
    delay: float | None = None,
    step: int | None = None,
) -> bool:
    """Start a change, kill it, look; False when it had ended before."""
    change = CHANGES[name]
    work = _copy(folder / name, folder / "work")
    reader = GalleryIndex.load(work) if change.before else None
    child = _start(change, work, step)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    if _wait(child) != signal.SIGKILL:
        return False
    tally.kills += 1
    try:
        tally.states[_state(work, change)] += 1
        tally.left += _unnamed(work)
        if reader is not None and change.before is not None:
            _check_reader(reader, change.before)
        if _wait(_start(change, work)) != 0:
            raise ValueError("the change did not complete when it was started again")
        if _held(work) != change.after or _unnamed(work):
            raise ValueError("the change, started again, did not lead to the state after it")
    except (ValueError, InputError) as error:
        tally.failures.append(f"{name}, killed at {moment}: {error}")
    return True


def _copy(template: Path, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    if template.is_dir():
        shutil.copytree(template, work)
    os.environ["MEDX_CACHE_DIR"] = str(work / "cache")  # nothing is embedded yet
    return work / "x"


def _start(change: Change, work: Path, step: int | None = None) -> int:
    """Start a change in a process of its own, which kills itself before a step of its work."""
    child = os.fork()
    if child:
        return child
    try:
        if step is not None:
            _die_at(step)
        change.run(work)
        os._exit(0)
    finally:
        os._exit(1)


def _die_at(step: int) -> None:
    """Kill this process before it comes, for the ``step``-th time, to a line that writes."""
    left = step

    def count(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal left
        if frame.f_code.co_filename not in WRITING:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(count)


def _wait(child: int) -> int:
    return os.waitpid(child, 0)[1]


def _state(work: Path, change: Change) -> str:
    """Return which state an index is in; ``ValueError`` when in neither."""
    held = _held(work)
    if held == change.after and held == change.before:
        return "new" if len(GalleryIndex.load(work).segments) == 1 else "old"
    if held not in (change.before, change.after):
        raise ValueError(f"neither the old state nor the new one: {len(held or {})} images")
    return "old" if held == change.before else "new"


def _held(work: Path) -> Shelf | None:
    """Return what an index holds, each vector that of its picture; None where there is none."""
    if not (work / "index.json").exists():
        return None
    result = verify_index(work)
    if not result.ok:
        raise ValueError(f"verify found {result.problems[0].file}: {result.problems[0].what}")
    index = GalleryIndex.load(work)
    pictures = {digest: number for number, digest in _digests().items()}
    held = {
        str(i): pictures[str(digest)]
        for i, digest in zip(
            index.items.column("id"), index.items.column("content_hash"), strict=True
        )
    }
    dataset = shelf_dataset(held)
    expected = ENCODER.embed_images([dataset.read(record).pixels for record in dataset.records])
    if not np.allclose(index.embeddings(), expected, atol=1e-6):
        raise ValueError("a vector is not that of its picture")
    return held


@cache
def _digests() -> dict[int, str]:
    shelf = {str(n): n for n in (*range(2 * IMAGES), *range(1000, 1000 + IMAGES))}
    dataset = shelf_dataset(shelf)
    return {shelf[r.id]: content_hash(dataset.read(r).pixels) for r in dataset.records}


def _unnamed(work: Path) -> int:
    if not (work / "index.json").exists():
        return 0
    return len(verify_index(work).unnamed)


def _check_reader(reader: GalleryIndex, before: Shelf) -> None:
    found = reader.search(reader.embeddings(), 1)
    if len(reader) != len(before) or not np.allclose(found.similarities, 1, atol=1e-5):
        raise ValueError("a reader that was open no longer answers as before")


if __name__ == "__main__":
    main()
