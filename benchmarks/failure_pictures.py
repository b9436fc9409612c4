"""The wrong answers of an evaluation, class by class, each beside where the classifier looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from classify.explanation.heatmaps import heatmaps
from classify.predict import Classifier
from medx.core.figures import Outline, save_image_grid
from medx.core.images import Pixels
from medx.core.overlays import lay_map, shown_image
from medx.datasets.manifest import Box

SHOWN, SIDE = 3, 192
#: Of the whole picture, in pixels.
WIDTH = 1000
GREEN = "#00c853"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One image with a wrong answer.

    Args:
        pixels: ``uint8``.
        boxes: What is to be seen in it.
        truth: Its class.
        said: What it was called.
        probabilities: Of each class.
        conformal_set: The classes that it may be of.
        seeds: How many seeds got it wrong, of how many.
    """

    pixels: Pixels
    boxes: Sequence[Box]
    truth: str
    said: str
    probabilities: dict[str, float]
    conformal_set: Sequence[str]
    seeds: str


def save_failures(
    mistakes: Sequence[Mistake], classifier: Classifier, path: Path, *, title: str
) -> Path:
    """Write a row a class: its least probable truths, each with the map of the wrong answer."""
    shown, rows = [], []
    for name in classifier.classes:
        own = [mistake for mistake in mistakes if mistake.truth == name]
        chosen = sorted(own, key=lambda mistake: mistake.probabilities[name])[:SHOWN]
        if chosen:
            rows.append(f"{name}\n{len(own)} wrong")
            shown.append(chosen)
    flat = [mistake for row in shown for mistake in row]
    pixels = np.stack([classifier.fit(mistake.pixels) for mistake in flat])
    said = [classifier.classes.index(mistake.said) for mistake in flat]
    maps = iter(heatmaps(classifier, pixels, target=said, description="looking where it looked"))
    images: list[Pixels | None] = []
    captions: list[str] = []
    outlines: list[Sequence[Outline]] = []
    for row in shown:
        for mistake in row:
            images += [mistake.pixels, _under(mistake.pixels, next(maps))]
            captions += _captions(mistake)
            outlines += [_outlines(mistake, 1.0), _outlines(mistake, SIDE / len(mistake.pixels))]
        gaps = 2 * (SHOWN - len(row))
        images += [None] * gaps
        captions += [""] * gaps
        outlines += [()] * gaps
    save_image_grid(
        images,
        captions,
        path,
        columns=2 * SHOWN,
        title=title,
        row_titles=rows,
        outlines=outlines,
    )
    _shrink(path)
    return path


def _under(pixels: Pixels, values: npt.NDArray[np.float32]) -> Pixels:
    return np.asarray(lay_map(shown_image(pixels, smallest=SIDE, largest=SIDE), values))


def _captions(mistake: Mistake) -> list[str]:
    of = mistake.probabilities
    held = mistake.conformal_set
    short = held[0] if len(held) == 1 else f"{len(held)} of {len(of)} classes"
    missed = "" if mistake.truth in held else ", without the truth"
    return [
        f"called {mistake.said}: {of[mistake.said]:.2f}\ntruth: {of[mistake.truth]:.2f}; "
        f"{mistake.seeds} seeds",
        f"evidence for {mistake.said}\nset: {short}{missed}",
    ]


def _outlines(mistake: Mistake, scale: float) -> list[Outline]:
    return [
        Outline(
            x=box.x * scale,
            y=box.y * scale,
            width=box.width * scale,
            height=box.height * scale,
            colour=GREEN,
        )
        for box in mistake.boxes
    ]


def _shrink(path: Path) -> None:
    """Store a picture smaller and in few colours: it is to be looked at, not measured."""
    with PILImage.open(path) as picture:
        height = round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize((WIDTH, height), PILImage.Resampling.LANCZOS)
    few = small.quantize(256, PILImage.Quantize.FASTOCTREE, dither=PILImage.Dither.NONE)
    few.save(path, optimize=True)
