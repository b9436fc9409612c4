"""Second copies of images: which are made, under whose name, and how near ones differ."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from medx.datasets.manifest import Record
from medx.datasets.phantoms.config import DefectConfig

Grey = npt.NDArray[np.uint8]

CHANGES = ("brighter", "darker", "shifted", "recompressed", "rescaled")


def plan_copies(
    defects: DefectConfig, count: int, rng: np.random.Generator
) -> Mapping[int, tuple[str | None, ...]]:
    """Return, for the index of each copied image, how each copy of it changes; None not at all."""
    exact = rng.permutation(count)[: round(defects.duplicates * count)]
    near = rng.permutation(count)[: round(defects.near_duplicates * count)]
    plan: dict[int, tuple[str | None, ...]] = {int(index): (None,) for index in exact}
    for index in near.tolist():
        plan[index] = (*plan.get(index, ()), CHANGES[int(rng.integers(len(CHANGES)))])
    return plan


def change_slightly(image: Grey, change: str, rng: np.random.Generator) -> Grey:
    """Return an image, uint8 (H, W), that a person would call the same picture."""
    if change in ("brighter", "darker"):
        step = rng.uniform(0.05, 0.12) * (1 if change == "brighter" else -1)
        changed = np.rint(image * (1.0 + step) + 60.0 * step)
        return np.asarray(np.clip(changed, 0, 255), dtype=np.uint8)
    if change == "shifted":
        by = max(1, round(rng.uniform(0.005, 0.015) * image.shape[0]))
        return np.pad(image, ((by, 0), (by, 0)), mode="edge")[: image.shape[0], : image.shape[1]]
    picture = PILImage.fromarray(image)
    if change == "recompressed":
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(45, 75)))
        return np.asarray(PILImage.open(buffer))
    if change == "rescaled":
        smaller = (max(1, image.shape[1] * 3 // 4), max(1, image.shape[0] * 3 // 4))
        small = picture.resize(smaller, PILImage.Resampling.BILINEAR)
        return np.asarray(small.resize(picture.size, PILImage.Resampling.BICUBIC))
    raise ValueError(f"change must be one of {', '.join(CHANGES)}, got {change!r}")


def move_to_another_split(
    records: Sequence[Record], patients: Sequence[str], rng: np.random.Generator
) -> list[Record]:
    """Return the records under new patients in splits other than their own."""
    moved = []
    for record, patient in zip(records, patients, strict=True):
        others = [split for split in ("train", "val", "test") if split != record.split]
        split = others[int(rng.integers(len(others)))]
        moved.append(replace(record, group=patient, split=split))
    return moved
