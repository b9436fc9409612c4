"""Lookup tables as DICOM stores them: modality, VOI and palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_ENTRIES = 1 << 16
_COLOURS = ("Red", "Green", "Blue")


@dataclass(frozen=True)
class Lut:
    """A table from ``first`` on; values before and behind get its ends (PS3.3 C.11.1.1.1).

    Args:
        first: The value the first entry is for.
        entries: What values become.
        largest: The largest entry its depth allows, which is white.
    """

    first: int
    entries: npt.NDArray[np.float64]
    largest: float

    def apply(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the entries of ``values``."""
        last = len(self.entries) - 1
        # The same 16 bits, taken for unsigned by a writer or reader that did not know better.
        wrapped = self.first > 32767 and values.min() < 0
        first = self.first - _MOST_ENTRIES if wrapped else self.first
        indices = np.clip(np.nan_to_num(values.astype(np.float64)) - first, 0, last)
        return self.entries[np.rint(indices).astype(np.intp)]


def read_lut(descriptor: Any, data: Any, view: Dataset) -> Lut | None:
    """Return a table, or None when it lacks its descriptor or data.

    Raises:
        ValueError: When descriptor and data disagree.
    """
    if not descriptor or not data:
        return None
    count, first, bits = (int(value) for value in descriptor)
    count = count % _MOST_ENTRIES or _MOST_ENTRIES  # 0 stands for 65536
    if not 1 <= bits <= 16:
        raise ValueError("a lookup table has entries of up to 16 bits")
    entries = _unpack(data, count, bits, view)[:count]
    if len(entries) < count:
        raise ValueError("a lookup table is cut")
    return Lut(first, entries.astype(np.float64), 2.0**bits - 1)


def read_palette(view: Dataset) -> list[Lut]:
    """Return the tables for red, green and blue (PS3.3 C.7.6.3.1.5, segmented ones C.7.9.2)."""
    tables = []
    for colour in _COLOURS:
        descriptor = view.get(f"{colour}PaletteColorLookupTableDescriptor")
        data = view.get(f"{colour}PaletteColorLookupTableData")
        if not data and (segments := view.get(f"Segmented{colour}PaletteColorLookupTableData")):
            data = _expand(segments, descriptor, view)
        table = read_lut(descriptor, data, view)
        if table is None:
            raise ValueError("no palette")
        tables.append(table)
    return tables


def _unpack(
    data: Any, count: int, bits: int, view: Dataset
) -> npt.NDArray[np.unsignedinteger[Any]]:
    if not isinstance(data, bytes):
        words = [data] if isinstance(data, int) else list(data)
        return np.asarray(words, np.int64).astype(np.uint16)
    if len(data) < 2 * count and bits <= 8:  # two entries a word
        return np.frombuffer(data, np.uint8)
    return np.frombuffer(data[: len(data) // 2 * 2], f"{_order(view)}u2")


def _order(view: Dataset) -> str:
    return "<" if view.original_encoding[1] else ">"


def _expand(data: bytes, descriptor: Any, view: Dataset) -> list[int]:
    count, bits = int(descriptor[0]) or _MOST_ENTRIES, int(descriptor[2])
    words = np.frombuffer(data, np.uint8 if bits <= 8 else f"{_order(view)}u2").tolist()
    entries: list[int] = []
    at = 0
    while at + 2 < len(words) and len(entries) < count:
        at = _expand_segment(words, at, entries, count, bits)
    return entries


def _expand_segment(words: list[int], at: int, entries: list[int], count: int, bits: int) -> int:
    """Append one segment to ``entries``; return where the next one starts."""
    kind, length = words[at], words[at + 1]
    if kind == 0:
        entries += words[at + 2 : at + 2 + length]
        return at + 2 + length
    if kind == 1 and entries:
        entries += (
            np.linspace(entries[-1], words[at + 2], length + 1).round().astype(int)[1:].tolist()
        )
        return at + 3
    if kind == 2 and entries:
        parts = words[at + 2 : at + (6 if bits <= 8 else 4)]
        source = sum(part << (8 if bits <= 8 else 16) * i for i, part in enumerate(parts))
        for _ in range(length):
            if source + 2 >= len(words) or words[source] == 2 or len(entries) >= count:
                break  # only plain segments may be repeated, so this ends
            source = _expand_segment(words, source, entries, count, bits)
        return at + 2 + len(parts)
    raise ValueError("unknown palette segment")
