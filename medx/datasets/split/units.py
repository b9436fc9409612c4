"""Which records may not be parted: one group, equal pixels, and chains of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medx.core.console import track
from medx.core.content_hash import content_hash
from medx.core.errors import MedxError
from medx.core.quiet import quiet
from medx.datasets.manifest import Dataset, Record


def hash_images(dataset: Dataset) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pixel hash by id of each readable image, and the reason by id of each other."""
    hashes, unreadable = {}, {}
    with quiet():  # silencing the decoders once costs less than for each image
        for record in track(dataset.records, "comparing images"):
            try:
                hashes[record.id] = content_hash(dataset.read(record).pixels)
            except MedxError as error:
                unreadable[record.id] = str(error)
    return hashes, unreadable


def find_units(records: Sequence[Record], hashes: Mapping[str, str]) -> list[int]:
    """Return which unit each record belongs to, numbered from 0 in order of appearance.

    Records of one group are one unit, so are records of equal pixels, and so is every chain: two
    patients who share a picture stay together with all their images.

    Args:
        records: Any records.
        hashes: Pixel hash by id; a record without one equals no other.
    """
    parents = list(range(len(records)))
    first: dict[tuple[str, str], int] = {}
    for i, record in enumerate(records):
        for key in (("group", record.group), ("pixels", hashes.get(record.id))):
            if key[1] is not None:
                _join(parents, i, first.setdefault((key[0], key[1]), i))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(_root(parents, i), len(numbers)) for i in range(len(records))]


def _join(parents: list[int], a: int, b: int) -> None:
    a, b = _root(parents, a), _root(parents, b)
    parents[max(a, b)] = min(a, b)


def _root(parents: list[int], i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i
