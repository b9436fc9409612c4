"""Pictures as the bytes of a file."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image as PILImage

from medx.core.pixels import Pixels


def encode(picture: PILImage.Image | Pixels, kind: str = "png", **options: Any) -> bytes:
    """Return a picture as a file of ``kind``.

    Args:
        picture: A Pillow image, or ``uint8`` ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``.
        kind: ``png`` or ``jpeg``.
        options: What Pillow takes for that kind, such as ``quality``.
    """
    if not isinstance(picture, PILImage.Image):
        picture = PILImage.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
