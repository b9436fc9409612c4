"""Small datasets in memory whose pictures a test can exchange."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medx.core.errors import InputError
from medx.core.images import Image, image_from_array
from medx.datasets.manifest import Dataset, Record


def picture(number: int) -> np.ndarray:
    """A 6 x 6 image of its own for every number; 9 * 256 ** 2 of them differ."""
    return np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)


def dataset_of(pictures: Mapping[str, int | None], *, name: str = "shelf", **fields) -> Dataset:
    """A dataset that maps ids to numbers of pictures; None cannot be read.

    ``fields`` are functions from an id to a field of its record.
    """

    def read(record: Record) -> Image:
        number = pictures[record.id]
        if number is None:
            raise InputError(f"{record.id} is damaged")
        return image_from_array(picture(number))

    records = [
        Record(id=i, path=f"{i}.png", **{field: of(i) for field, of in fields.items()})
        for i in pictures
    ]
    return Dataset(
        name=name, records=tuple(records), classes=("a", "b"), location=f"memory of {name}",
        reader=read,
    )  # fmt: skip
