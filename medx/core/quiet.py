"""Keeping imaging libraries from talking to the user while they read."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_depth = 0
_silencer = warnings.catch_warnings()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and pydicom's log within the block, in several threads at once.

    A damaged file makes libraries warn of every oddity, with values that may name a patient.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    # ``catch_warnings`` alone, left in another order than entered, would silence for good.
    global _depth, _silencer
    with _lock:
        if _depth == 0:
            _silencer = warnings.catch_warnings()
            _silencer.__enter__()
            warnings.simplefilter("ignore")
            logging.getLogger("pydicom").disabled = True
        _depth += 1


def _leave() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            logging.getLogger("pydicom").disabled = False
            _silencer.__exit__(None, None, None)
