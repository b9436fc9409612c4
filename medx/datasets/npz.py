"""Images in a ``.npz`` as MedMNIST lays them out: ``train_images``, ``train_labels`` and so on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError


class NpzImages:
    """Arrays of one ``.npz``, decoded a split at a time when first needed; never unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, npt.NDArray[Any]] = {}

    def labels(self, split: str) -> npt.NDArray[np.int64]:
        """Return the labels of a split ``(N, labels an image)``.

        Raises:
            InputError: When the file is missing or damaged.
        """
        labels = self._array(f"{split}_labels")
        return labels.reshape(len(labels), -1).astype(np.int64)

    def image(self, split: str, row: int) -> npt.NDArray[Any]:
        """Return one image ``(H, W)`` or ``(H, W, 3)`` of a split.

        Raises:
            InputError: When the file is missing or damaged, or has no such row.
        """
        images = self._array(f"{split}_images")
        if row >= len(images):
            raise InputError(f"{self.path} has {len(images)} {split} images, none at {row}")
        image: npt.NDArray[Any] = images[row]
        return image

    def _array(self, key: str) -> npt.NDArray[Any]:
        if key not in self._held:
            try:
                with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                    self._held[key] = archive[key]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"{self.path} is not a readable MedMNIST file: {error}",
                    hint="delete it and fetch it again with `medx data download`",
                ) from error
        return self._held[key]
