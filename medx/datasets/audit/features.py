"""What an audit keeps of an image, so that it is decoded once and then let go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from medx.core.content_hash import content_hash
from medx.core.images import Image, Pixels, to_grey
from medx.datasets.audit.borders import measure_borders
from medx.datasets.audit.burnt_in import count_characters

THUMBNAIL = 32
HISTOGRAM_BINS = 64

#: Larger images are averaged down to this before they are looked at for borders and text.
LONGEST_SIDE = 768


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageFeatures:
    """A few hundred bytes of one image.

    Args:
        content: Hash of the decoded pixels.
        size: Height and width in pixels.
        kind: Format, bit depth and colour, for people to read.
        thumbnail: ``uint8`` ``(32, 32)``, grey.
        histogram: Share of the pixels in each of 64 grey levels, ``float32`` ``(64,)``.
        borders: Share of the height or width that is one black or white frame: top, bottom, left,
            right.
        characters: How many look like burnt-in letters; None where the image is too small to tell.
    """

    content: bytes
    size: tuple[int, int]
    kind: str
    thumbnail: Pixels
    histogram: npt.NDArray[np.float32]
    borders: tuple[float, float, float, float]
    characters: int | None


def measure_image(image: Image) -> ImageFeatures:
    """Return the features of one decoded image."""
    grey = PILImage.fromarray(to_grey(image.pixels))
    if (longest := max(grey.size)) > LONGEST_SIDE:
        grey = grey.reduce(-(-longest // LONGEST_SIDE))
    thumbnail = grey.resize((THUMBNAIL, THUMBNAIL), PILImage.Resampling.BILINEAR)
    levels = np.asarray(grey.histogram(), np.float32).reshape(HISTOGRAM_BINS, -1).sum(1)
    pixels = np.asarray(grey)
    return ImageFeatures(
        content=bytes.fromhex(content_hash(image.pixels)),
        size=image.native_size,
        kind=_kind(image),
        thumbnail=np.asarray(thumbnail),
        histogram=levels / pixels.size,
        borders=measure_borders(pixels),
        characters=count_characters(pixels),
    )


def _kind(image: Image) -> str:
    """Return format, modality, bit depth and colour as the reader reported them."""
    facts = image.facts
    bits = facts.get("bits") and f"{facts['bits']} bit"
    stored = facts.get("mode") or facts.get("dtype") or bits
    parts = [facts.get("format"), facts.get("modality"), stored]
    parts.append("grey" if image.pixels.ndim == 2 else "RGB")
    return ", ".join(dict.fromkeys(part for part in parts if part))
