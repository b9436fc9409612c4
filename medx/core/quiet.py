"""Keeping libraries from talking to the user while they read, and to their makers."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STDERR = 2

_lock = threading.Lock()
_stderr_lock = threading.Lock()
_depth = 0
_silencer = warnings.catch_warnings()
_levels: dict[str, int] = {}

_LOGGERS = ("pydicom", "PIL", "highdicom")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and the libraries' logs within the block, in several threads at once.

    A damaged file makes libraries warn of every oddity, with values that may name a patient.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


@contextmanager
def muted_stderr() -> Iterator[None]:
    """Send what C libraries write to stderr nowhere; one thread at a time."""
    with _stderr_lock:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # it is closed: nothing can be written to it
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            os.close(nowhere)


def import_openvino() -> Any:
    """Import OpenVINO without the part that tells its maker over the network of the import."""
    # None makes the import of that package fail, and OpenVINO then takes its own empty stand-in.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


def _enter() -> None:
    # ``catch_warnings`` alone, left in another order than entered, would silence for good.
    global _depth, _silencer
    with _lock:
        if _depth == 0:
            _silencer = warnings.catch_warnings()
            _silencer.__enter__()
            warnings.simplefilter("ignore")
            for name in _LOGGERS:
                _levels[name] = logging.getLogger(name).level
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        _depth += 1


def _leave() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            for name, level in _levels.items():
                logging.getLogger(name).setLevel(level)
            _silencer.__exit__(None, None, None)
