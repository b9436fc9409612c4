"""From a dataset to one tensor in memory, and from there to normalised batches."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medx.core.console import note, warn
from medx.core.errors import InputError, MedxError
from medx.core.images import Pixels
from medx.core.words import many
from medx.datasets.manifest import Dataset, Record


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Decoded images of one split with their labels.

    Args:
        pixels: ``uint8`` ``(N, channels, S, S)``.
        target: Class indices ``(N,)``.
        records: The N records.
        skipped: ``(id, reason)`` of each image that could not be read.
    """

    pixels: Tensor
    target: Tensor
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.records)


def load_images(dataset: Dataset, size: int, *, description: str) -> ImageSet:
    """Decode every record of a labelled dataset at ``(size, size)``.

    Raises:
        InputError: When labels are missing, unknown or several an image, or no image is readable.
    """
    check_labels(dataset)
    loaded = dataset.load_pixels(size, description=description)
    kept = replace(dataset, records=loaded.records)
    return ImageSet(
        pixels=as_tensor(loaded.pixels),
        target=torch.from_numpy(kept.targets()),
        records=loaded.records,
        skipped=loaded.skipped,
    )


def check_labels(dataset: Dataset) -> None:
    """Raise ``InputError`` unless each record carries exactly one of two or more classes."""
    several = next((r for r in dataset.records if "|" in (r.label or "")), None)
    if several is not None:
        raise InputError(
            f"{dataset.name} has images with several labels (first: {several.id}: "
            f"{several.label!r}); medx classifies into one class an image",
            hint="choose a dataset with one label an image, such as phantom-cxr",
        )
    if len(dataset.classes) < 2:
        names = ", ".join(dataset.classes) or "none"
        raise InputError(
            f"{dataset.name} has {len(dataset.classes)} class ({names}); "
            "a classifier needs two or more",
            hint="check the label column of its manifest.csv",
        )
    if not any(r.label for r in dataset.records):
        raise InputError(f"no image of {dataset.name} in this split has a label")
    dataset.targets()


def say_limit(limit: int | None) -> list[str]:
    """Return what to say of figures on the first ``limit`` records of a split."""
    return [] if limit is None else [f"only the first {limit} records were asked for"]


def leave_out_unlabelled(part: Dataset, *, where: str = "") -> tuple[Dataset, list[str]]:
    """Return the records that have a label, and what to say of the others; all if none has one.

    Args:
        part: Some records of a dataset.
        where: What to say they are left out of, such as ``" of train"``.
    """
    kept = part.where(lambda record: bool(record.label))
    if not kept.records or len(kept) == len(part):
        return part, []
    without = many(len(part) - len(kept), "image")
    return kept, [f"left out{where}, for want of a label: {without} of {len(part)}"]


def training_splits(dataset: Dataset, *, limit: int | None = None) -> tuple[Dataset, Dataset]:
    """Return train and val, checked: both labelled, both with two classes or more.

    Raises:
        InputError: When a split is missing or cannot be learned from.
    """
    missing = [name for name in ("train", "val") if name not in dataset.splits]
    if missing:
        # An official test split stays what it is; val is drawn from its train.
        kept = " --holdout split=test" if {"train", "test"} <= {*dataset.splits} else ""
        force = " --force" if dataset.splits else ""
        raise InputError(
            f"{dataset.name} has no {' and no '.join(missing)} split",
            hint="training learns from train and selects on val; make them with: "
            f"medx data split {shlex.quote(dataset.location)}{kept}{force}",
        )
    parts = []
    for name in ("train", "val"):
        given = dataset.split(name, limit=limit)
        part, left_out = leave_out_unlabelled(given, where=f" of {name}")
        for text in left_out:
            note(text)
        parts.append(part)
        check_labels(part)
        found = {record.label for record in part.records}
        if len(found) < 2:
            raise InputError(
                f"the {name} split of {dataset.name} holds only {found.pop()!r}",
                hint="it needs images of two classes or more"
                + ("; raise --limit" if limit else ""),
            )
        if absent := [c for c in dataset.classes if c not in found]:
            warn(f"the {name} split has no image of {', '.join(absent)}")
    return parts[0], parts[1]


def native_size(dataset: Dataset) -> int:
    """Return the longer side of the first readable image."""
    for record in dataset.records:
        try:
            return max(dataset.read(record).native_size)
        except MedxError:
            continue
    raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")


def as_tensor(pixels: Pixels) -> Tensor:
    """Return ``(N, channels, S, S)`` of pixels ``(N, S, S)`` or ``(N, S, S, 3)``; only read it."""
    with warnings.catch_warnings():
        # Mapped pixels are read-only and stay so: nothing writes to images.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        tensor = torch.from_numpy(np.ascontiguousarray(pixels))
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


def as_pixels(images: Tensor) -> Pixels:
    """Return pixels ``(N, S, S)`` or ``(N, S, S, 3)`` of a tensor ``(N, channels, S, S)``."""
    shaped = images[:, 0] if images.shape[1] == 1 else images.permute(0, 2, 3, 1)
    return np.asarray(shaped.cpu().numpy())


def as_unit(pixels: Tensor) -> Tensor:
    """Return ``uint8`` pixels as ``float32`` 0 to 1, in the layout convolutions like best."""
    return pixels.float().div_(255.0).contiguous(memory_format=torch.channels_last)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images - mean) / std`` by channel."""
    return (images - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)


def channel_statistics(pixels: Tensor) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each channel, of pixels as 0 to 1.

    Counting the 256 values is exact and holds no float copy of the images.
    """
    values = np.arange(256) / 255.0
    means, stds = [], []
    for channel in pixels.transpose(0, 1):
        # In parts, since counting widens its input to 64 bits.
        counts = (
            np.bincount(part.reshape(-1).numpy(), minlength=256) for part in channel.split(256)
        )
        share = np.asarray(sum(counts)) / channel.numel()
        mean = float(share @ values)
        means.append(mean)
        stds.append(float(np.sqrt(share @ (values - mean) ** 2)))
    return np.array(means), np.maximum(np.array(stds), 1e-3)
