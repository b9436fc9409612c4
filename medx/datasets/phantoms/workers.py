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
from collections.abc import Iterator
from dataclasses import replace

from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import Phantom, render_phantom

_CHUNK = 16  # images a child sends at a time


def render_in_children(config: PhantomConfig, workers: int) -> Iterator[Phantom]:
    """Yield all images of `config` in index order, rendered by `workers` child interpreters."""
    config = replace(config, prevalence=dict(config.prevalence))
    children = [_start_child(config, worker, workers) for worker in range(workers)]
    try:
        for number in range(-(-config.count // _CHUNK)):
            yield from _receive(children[number % workers])
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _start_child(config: PhantomConfig, worker: int, workers: int) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    child = subprocess.Popen(
        [sys.executable, "-m", "medx.datasets.phantoms.workers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if child.stdin is not None:
        child.stdin.write(pickle.dumps((config, worker, workers)))
        child.stdin.close()
        child.stdin = None
    return child


def _receive(child: subprocess.Popen[bytes]) -> list[Phantom]:
    if child.stdout is None:
        raise RuntimeError("a phantom worker must have a pipe, got none")
    try:
        chunk: list[Phantom] = pickle.load(child.stdout)
    except EOFError as error:
        raise RuntimeError(f"a phantom worker stopped early, exit code {child.wait()}") from error
    return chunk


def _serve() -> None:
    """Render and send this child's chunks: number `worker`, then every `workers`-th."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its children
    config, worker, workers = pickle.load(sys.stdin.buffer)
    for start in range(worker * _CHUNK, config.count, workers * _CHUNK):
        stop = min(start + _CHUNK, config.count)
        chunk = [render_phantom(config, index) for index in range(start, stop)]
        pickle.dump(chunk, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
