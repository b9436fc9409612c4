"""Letters and words burnt into a finished radiograph, as viewers and scanners do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

Grey = npt.NDArray[np.uint8]

TEXTS = ("L", "R", "L", "R", "PORTABLE", "AP ERECT", "SUPINE")
MARGIN = 0.14  # of the image's height: no marker reaches further down


def burn_in(
    image: Grey, taken: str, rng: np.random.Generator
) -> tuple[Grey, str, tuple[int, int, int, int]]:
    """Return a copy with a marker in an upper corner, its text and its box (x, y, width, height).

    Args:
        image: uint8 (H, W).
        taken: The letter, L or R, that a lead marker has laid there already, or empty. L lies on
            the image's right, where the patient's left is.
        rng: Chooses text, corner, size and brightness.
    """
    size = image.shape[0]
    texts = [text for text in TEXTS if text != taken]
    text = texts[int(rng.integers(len(texts)))]
    # A letter names its side; a word keeps clear of the lead marker.
    side = text if text in ("L", "R") else {"L": "R", "R": "L"}.get(taken, rng.choice(["L", "R"]))
    largest = 0.085 if len(text) == 1 else 0.06
    glyphs = _draw(text, max(8, round(rng.uniform(0.045, largest) * size)))
    inset, y = (round(rng.uniform(0.02, 0.05) * size) for _ in range(2))
    x = image.shape[1] - inset - glyphs.shape[1] if side == "L" else inset
    marked = image.copy()
    patch = marked[y : y + glyphs.shape[0], x : x + glyphs.shape[1]]
    np.maximum(patch, (glyphs * rng.uniform(0.9, 1.0)).astype(np.uint8), out=patch)
    return marked, text, (x, y, glyphs.shape[1], glyphs.shape[0])


def _draw(text: str, size: int) -> Grey:
    """Return a line of text, white on black, cut to its ink."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    page = PILImage.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(page).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.asarray(page.crop(page.getbbox()))
