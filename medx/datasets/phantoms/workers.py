"""Phantoms rendered by child interpreters.

`multiprocessing` would import the caller's script in every child, which runs an unguarded script
again, or fork the caller, whose torch threads a fork leaves dead. A phantom needs only its
settings, so the children here are plain interpreters that run this module: settings come in on
standard input, and the chunks they own go out on standard output, where a full pipe makes them wait
for the reader.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Config = TypeVar("Config")
Rendered = TypeVar("Rendered")

_CHUNK = 16  # images a child sends at a time, fewer when they are large
_CHUNK_PIXELS = 1 << 23
_AT_ONCE = 1 << 25  # pixels; a child takes about 100 bytes for each while it renders
_WORTH_CHILDREN = 600 * 128 * 128  # pixels; below, starting processes costs more than it saves


def choose_workers(pixels: int, *, each: int = 1) -> int:
    """Return how many processes are worth starting to render so many pixels, `each` an image."""
    if pixels < _WORTH_CHILDREN:
        return 1
    usable = (
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    return max(1, min(len(usable), 16, _AT_ONCE // each))


def render_in_children(
    render: Callable[[Config, int], Rendered],
    config: Config,
    *,
    count: int,
    pixels: int,
    workers: int,
) -> Iterator[Rendered]:
    """Yield `render(config, index)` for indices below `count`, in order.

    Args:
        render: A function of a module; children import it by name.
        config: What `pickle` can carry.
        count: Number of images.
        pixels: Of one image.
        workers: Child interpreters; 1 renders here instead.

    Raises:
        ValueError: When there is less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be >= 1, got {workers}")
    if workers == 1:
        return (render(config, index) for index in range(count))
    chunk = max(1, min(_CHUNK, _CHUNK_PIXELS // pixels))
    return _collect(pickle.dumps((render, config)), count, chunk, workers)


def _collect(task: bytes, count: int, chunk: int, workers: int) -> Iterator[Any]:
    children = [_start_child((task, count, chunk, w, workers)) for w in range(workers)]
    try:
        for number in range(-(-count // chunk)):
            yield from _receive(children[number % workers])
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _start_child(order: tuple[bytes, int, int, int, int]) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    child = subprocess.Popen(
        [sys.executable, "-m", "medx.datasets.phantoms.workers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if child.stdin is not None:
        child.stdin.write(pickle.dumps(order))
        child.stdin.close()
        child.stdin = None
    return child


def _receive(child: subprocess.Popen[bytes]) -> list[Any]:
    if child.stdout is None:
        raise RuntimeError("a phantom worker must have a pipe, got none")
    try:
        chunk: list[Any] = pickle.load(child.stdout)
    except EOFError as error:
        raise RuntimeError(f"a phantom worker stopped early, exit code {child.wait()}") from error
    return chunk


def _serve() -> None:
    """Render and send this child's chunks: number `worker`, then every `workers`-th."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its children
    task, count, size, worker, workers = pickle.load(sys.stdin.buffer)
    render, config = pickle.loads(task)
    for start in range(worker * size, count, workers * size):
        chunk = [render(config, index) for index in range(start, min(start + size, count))]
        pickle.dump(chunk, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
