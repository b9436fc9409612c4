"""Whether the images of a source are in colour: grey ones are often stored as RGB."""

from __future__ import annotations

import numpy as np

from medx.core.errors import MedxError
from medx.datasets.importers.base import Imported
from medx.datasets.manifest_files import file_reader

LOOKED_AT = 5
#: Mean spread of the three channels below which an image is grey, JPEG noise and a mark included.
GREY = 2.0


def shows_colour(imported: Imported) -> bool:
    """Return True when one of a few images from all over the source is in colour."""
    read = file_reader(imported.root)
    step = max(1, len(imported.records) // LOOKED_AT)
    for record in imported.records[::step][:LOOKED_AT]:
        try:
            pixels = read(record).pixels
        except MedxError:
            continue
        if pixels.ndim == 3 and np.ptp(pixels, axis=2).mean() > GREY:
            return True
    return False
