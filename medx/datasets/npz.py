"""Images in a ``.npz`` as MedMNIST lays them out: ``train_images``, ``train_labels`` and so on."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from medx.core.errors import InputError


class NpzImages:
    """Arrays of one ``.npz``, decoded a split at a time when first needed; never unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, npt.NDArray[Any]] = {}
        self._lock = threading.Lock()  # threads that read rows must not each unpack the array

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

    def image_shape(self, split: str) -> tuple[int, ...] | None:
        """Return the shape of each image of a split from its header alone; None when unreadable."""
        try:
            with (
                zipfile.ZipFile(self.path) as archive,
                archive.open(f"{split}_images.npy") as member,
            ):
                version = npy.read_magic(member)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape: tuple[int, ...] = read(member)[0]
        except Exception:  # the header's parser raises anything on a damaged one
            return None
        return shape[1:]

    def _array(self, key: str) -> npt.NDArray[Any]:
        with self._lock:
            if key not in self._held:
                self._held[key] = self._unpack(key)
            return self._held[key]

    def _unpack(self, key: str) -> npt.NDArray[Any]:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                array: npt.NDArray[Any] = archive[key]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{self.path} is not a readable MedMNIST file: {error}",
                hint="delete it and fetch it again with `medx data download`",
            ) from error
        return array
