"""What sets images apart that a classifier gets wrong: brightness, contrast, their boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classify.evaluation.delong import delong_interval
from medx.datasets.manifest import Record

FEWEST, EVERY = 5, "every class"

Floats = npt.NDArray[np.float64]


def measure_properties(
    records: list[Record], pixels: list[npt.NDArray[np.uint8]]
) -> dict[str, Floats]:
    """Return a property → its value of each image, NaN where it has none."""
    of_pixels = {name: np.array([measure(p) for p in pixels]) for name, measure in MEASURES.items()}
    return of_pixels | measure_boxes(records, pixels)


def compare_properties(
    target: npt.NDArray[np.str_], wrong_share: Floats, measured: dict[str, Floats]
) -> dict[str, Any]:
    """Return how well a property tells the images most seeds get wrong from those none does.

    Of each class and of all images; left out where there are fewer than ``FEWEST`` of either.

    Args:
        target: N labels.
        wrong_share: Share of seeds that get each image wrong ``(N,)``.
        measured: A property → N values, NaN where an image has none.
    """
    rows: dict[str, Any] = {}
    for label in [*np.unique(target), EVERY]:
        of_label = (target == label) | (label == EVERY)
        for name, values in measured.items():
            known = of_label & np.isfinite(values)
            wrong, right = values[known & (wrong_share > 0.5)], values[known & (wrong_share == 0)]
            if min(len(wrong), len(right)) >= FEWEST:
                rows.setdefault(str(label), {})[name] = {
                    "images": [len(wrong), len(right)],
                    "wrong": float(np.median(wrong)),
                    "right": float(np.median(right)),
                    "auroc": separation(wrong, right),
                }
    return rows


def separation(wrong: Floats, right: Floats) -> dict[str, Any]:
    """Return the AUROC of a property for being wrong, with its interval."""
    is_wrong = np.repeat([True, False], [len(wrong), len(right)])
    interval = delong_interval(is_wrong, np.concatenate([wrong, right]))
    if interval is None:
        raise ValueError("wrong and right must hold two images each")
    return interval.model_dump()


def brightness(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean grey, 0 to 1."""
    return float(as_grey(pixels).mean())


def contrast(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the standard deviation of grey, of 0 to 1."""
    return float(as_grey(pixels).std())


def sharpness(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean absolute Laplacian as a share of the contrast."""
    grey = as_grey(pixels)
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2]
    return float(np.abs(laplacian - grey[1:-1, 2:]).mean() / max(float(grey.std()), 1e-6))


def symmetry(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the correlation of the image with its mirror image."""
    grey = as_grey(pixels)
    return float(np.corrcoef(grey.ravel(), grey[:, ::-1].ravel())[0, 1])


def lower_half(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the mean grey of the lower half less that of the upper one."""
    grey = as_grey(pixels)
    half = len(grey) // 2
    return float(grey[half:].mean() - grey[:half].mean())


def as_grey(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Return grey ``(H, W)``, 0 to 1."""
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    return np.asarray(grey, np.float64) / 255.0


def measure_boxes(records: list[Record], pixels: list[npt.NDArray[np.uint8]]) -> dict[str, Floats]:
    """Return what boxes say of what is to be seen; NaN for an image without any."""
    areas, offsets = np.full((2, len(records)), np.nan)
    for i, (record, image) in enumerate(zip(records, pixels, strict=True)):
        inside = np.zeros(image.shape[:2], bool)
        for box in record.boxes:
            inside[box.y : box.y + box.height, box.x : box.x + box.width] = True
        if inside.any() and not inside.all():
            grey = as_grey(image)
            areas[i] = inside.mean()
            offsets[i] = grey[inside].mean() - grey[~inside].mean()
    return {"box covers": areas, "box brighter than the rest by": offsets}


MEASURES = {
    "brightness": brightness,
    "contrast": contrast,
    "sharpness": sharpness,
    "left-right symmetry": symmetry,
    "lower half brighter by": lower_half,
}
