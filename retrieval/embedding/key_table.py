"""Finding the number that belongs to a 16-byte key among millions, in 24 bytes each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

KEY_BYTES = 16

#: Fresh keys are held in a dict, ten times as large, until they are this many.
MOST_FRESH = 1 << 14

Keys = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


class KeyTable:
    """A table that one thread fills while others look into it; the first number of a key stays."""

    def __init__(self) -> None:
        self._sorted: tuple[npt.NDArray[np.bytes_], Numbers] = (
            np.empty(0, f"S{KEY_BYTES}"),
            np.empty(0, np.int64),
        )
        self._fresh: dict[bytes, int] = {}

    def add(self, keys: Keys, numbers: Numbers) -> None:
        """Take in keys ``(N, 16)`` with their numbers ``(N,)``, none of them negative."""
        if len(keys) + len(self._fresh) <= MOST_FRESH:
            for key, number in zip(keys, numbers.tolist(), strict=True):
                self._fresh.setdefault(key.tobytes(), number)
            return
        fresh = np.frombuffer(b"".join(self._fresh), f"S{KEY_BYTES}")
        held, values = self._sorted
        held = np.concatenate([held, fresh, _as_bytes(keys)])
        values = np.concatenate([values, np.fromiter(self._fresh.values(), np.int64), numbers])
        order = np.argsort(held, kind="stable")
        # In this order a reader in another thread always finds what was there.
        self._sorted = (held[order], values[order])
        self._fresh = {}

    def find(self, keys: Keys) -> Numbers:
        """Return the number of each of ``(N, 16)`` keys, -1 where it is unknown."""
        fresh = self._fresh
        numbers = np.array([fresh.get(key.tobytes(), -1) for key in keys], np.int64)
        held, values = self._sorted
        if len(held):
            wanted = _as_bytes(keys)
            places = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
            numbers = np.where(held[places] == wanted, values[places], numbers)
        return numbers


def _as_bytes(keys: Keys) -> npt.NDArray[np.bytes_]:
    # NumPy drops zeros at the end of such strings; of one length, they still compare alike.
    return np.ascontiguousarray(keys).view(f"S{KEY_BYTES}").reshape(len(keys))
