"""Decoding and resizing the images of a dataset."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

from medx.core.console import track
from medx.core.errors import MedxError
from medx.core.images import Pixels, resize, to_grey, to_rgb
from medx.core.quiet import quiet
from medx.core.threads import map_in_threads
from medx.datasets.manifest import Dataset, Record


def pixel_shape(dataset: Dataset, size: int) -> tuple[int, ...]:
    """Return the shape of one loaded image: ``(size, size)``, or ``(size, size, 3)`` in colour."""
    return (size, size, 3) if dataset.colour else (size, size)


def decode(dataset: Dataset, record: Record, size: int) -> Pixels:
    """Return one image of a dataset as ``load_pixels`` gives it.

    Raises:
        MedxError: When it cannot be read.
    """
    fit = to_rgb if dataset.colour else to_grey
    return resize(fit(dataset.read(record).pixels), size)


def decode_in_order(
    dataset: Dataset, records: Sequence[Record], size: int, description: str
) -> Generator[Pixels | MedxError, None, None]:
    """Yield the pixels of each record, or why it has none, under a progress bar; close it after."""

    def attempt(record: Record) -> Pixels | MedxError:
        try:
            return decode(dataset, record, size)
        except MedxError as error:
            return error

    # Silencing the decoders once costs less than for each image.
    with quiet(), closing(map_in_threads(attempt, records)) as results:
        yield from track(results, description, total=len(records))
