"""Work on many images in child interpreters, in order: drawing phantoms, measuring a dataset.

`multiprocessing` would import the caller's script in every child, which runs an unguarded script
again, or fork the caller, whose torch threads a fork leaves dead. The children here are plain
interpreters that run this module: the task comes in on standard input, and the chunks they own go
out on standard output, where a full pipe makes them wait for the reader.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_CHUNK = 16  # images a child sends at a time, fewer when they are large
_CHUNK_PIXELS = 1 << 23
_AT_ONCE = 1 << 25  # pixels; a child takes about 100 bytes for each
_WORTH_CHILDREN = 600 * 128 * 128  # pixels; below, starting processes costs more than it saves


def choose_workers(pixels: int, *, each: int = 1) -> int:
    """Return how many processes are worth starting for so many pixels, `each` an image."""
    if pixels < _WORTH_CHILDREN:
        return 1
    usable = (
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    return max(1, min(len(usable), 16, _AT_ONCE // each))


def run_in_children(
    work: Callable[[Task, int], Result],
    task: Task,
    *,
    count: int,
    pixels: int,
    workers: int,
) -> Iterator[Result]:
    """Yield `work(task, index)` for indices below `count`, in order.

    Args:
        work: A function of a module; children import it by name.
        task: What `pickle` can carry.
        count: Number of images.
        pixels: Of one image.
        workers: Child interpreters; 1 works here instead.

    Raises:
        ValueError: When there is less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be >= 1, got {workers}")
    if workers == 1:
        return (work(task, index) for index in range(count))
    chunk = max(1, min(_CHUNK, _CHUNK_PIXELS // pixels))
    return _collect(pickle.dumps((work, task)), count, chunk, workers)


def _collect(order: bytes, count: int, chunk: int, workers: int) -> Iterator[Any]:
    children = [_start_child((order, count, chunk, w, workers)) for w in range(workers)]
    try:
        for number in range(-(-count // chunk)):
            yield from _receive(children[number % workers])
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _start_child(share: tuple[bytes, int, int, int, int]) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    child = subprocess.Popen(
        [sys.executable, "-m", "medx.core.children"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if child.stdin is not None:
        child.stdin.write(pickle.dumps(share))
        child.stdin.close()
        child.stdin = None
    return child


def _receive(child: subprocess.Popen[bytes]) -> list[Any]:
    if child.stdout is None:
        raise RuntimeError("a child must have a pipe, got none")
    try:
        chunk: list[Any] = pickle.load(child.stdout)
    except EOFError as error:
        raise RuntimeError(f"a child stopped early, exit code {child.wait()}") from error
    return chunk


def _serve() -> None:
    """Make and send this child's chunks: number `worker`, then every `workers`-th."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its children
    order, count, size, worker, workers = pickle.load(sys.stdin.buffer)
    work, task = pickle.loads(order)
    for start in range(worker * size, count, workers * size):
        chunk = [work(task, index) for index in range(start, min(start + size, count))]
        pickle.dump(chunk, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
