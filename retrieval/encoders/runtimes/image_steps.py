"""What open_clip does to an image before the model sees it, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from medx.core.images import Pixels, to_rgb
from medx.core.values import Value

RESAMPLING = {
    "bicubic": PILImage.Resampling.BICUBIC,
    "bilinear": PILImage.Resampling.BILINEAR,
}


class ImageSteps(Value):
    """Resize, crop or pad, normalise: a ``preprocess_cfg`` of open_clip.

    Attributes:
        height: Of the model's input, pixels.
        width: Of the model's input, pixels.
        mean: Of each channel, subtracted from values of 0 to 1.
        std: Of each channel, divided by.
    """

    height: int
    width: int
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    fill_color: int = 0
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def apply(self, images: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Return model input ``(B, 3, height, width)`` of uint8 ``(H, W[, 3])`` images."""
        batch = np.empty((len(images), self.height, self.width, 3), np.float32)
        for row, pixels in zip(batch, images, strict=True):
            row[...] = to_rgb(self.fit(pixels))
        batch /= 255.0
        batch -= np.asarray(self.mean, np.float32)
        batch /= np.asarray(self.std, np.float32)
        return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))

    def fit(self, pixels: Pixels) -> Pixels:
        """Return uint8 ``(height, width[, 3])``, resized and cropped as the mode says.

        What has that size already is left as it is.
        """
        if pixels.shape[:2] == (self.height, self.width):
            return pixels
        image = PILImage.fromarray(pixels)
        image = image.resize(self._resized(*pixels.shape[:2])[::-1], self._resampling)
        if self.resize_mode != "squash":
            fill = self.fill_color if self.resize_mode == "longest" else 0
            image = _crop_or_pad(image, self.height, self.width, fill)
        return np.asarray(image)

    @property
    def _resampling(self) -> PILImage.Resampling:
        # open_clip ignores the setting where a non-square input is met on its shortest side.
        if self.resize_mode == "shortest" and self.height != self.width:
            return PILImage.Resampling.BICUBIC
        return RESAMPLING[self.interpolation]

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize_mode == "squash":
            return self.height, self.width
        if self.resize_mode == "shortest" and self.height == self.width:
            # torchvision's Resize cuts the long side down to a whole number.
            if height <= width:
                return self.height, int(self.height * width / height)
            return int(self.height * height / width), self.height
        choose = max if self.resize_mode == "longest" else min
        ratio = choose(height / self.height, width / self.width)
        return round(height / ratio), round(width / ratio)


def _crop_or_pad(image: PILImage.Image, height: int, width: int, fill: int) -> PILImage.Image:
    short_y, short_x = max(0, height - image.height), max(0, width - image.width)
    if short_y or short_x:
        size = (image.width + short_x, image.height + short_y)
        colour = fill if image.mode == "L" else (fill, fill, fill)
        padded = PILImage.new(image.mode, size, colour)
        padded.paste(image, (short_x // 2, short_y // 2))
        image = padded
    top = round((image.height - height) / 2.0)
    left = round((image.width - width) / 2.0)
    return image.crop((left, top, left + width, top + height))
