"""Images of a dataset as an open_clip model takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image as PILImage
from torch import Tensor

from medx.core.errors import InputError, MedxError
from medx.core.images import to_rgb
from medx.datasets.manifest import Dataset, Record
from retrieval.training.clip_model import ClipModel


@dataclass(eq=False)
class ImageReader:
    """Reads images as the model takes them; what cannot be read is remembered and left out."""

    dataset: Dataset
    clip: ClipModel
    device: str
    skipped: dict[str, str] = field(default_factory=dict)

    def read(self, records: list[Record]) -> tuple[Tensor, list[int]]:
        """Return images ``(n, 3, S, S)`` before normalising, and which records they are of."""
        steps = self.clip.preprocess.transforms[:-1]
        images, kept = [], []
        for i, record in enumerate(records):
            try:
                image: Any = PILImage.fromarray(to_rgb(self.dataset.read(record).pixels))
            except MedxError as error:
                self.skipped[record.id] = str(error)
                continue
            for step in steps:
                image = step(image)
            images.append(image)
            kept.append(i)
        if not images:
            raise InputError(
                f"no image of a batch of {self.dataset.name} can be read: "
                f"{self.skipped[records[0].id]}",
                hint="`medx data audit` lists what cannot be read",
            )
        return torch.stack(images).to(self.device), kept

    def normalise(self, images: Tensor) -> Tensor:
        """Return images ``(n, 3, S, S)`` as the model takes them."""
        normalised: Tensor = self.clip.preprocess.transforms[-1](images)
        return normalised
