"""Where in an image a query's words fit, as far as its encoder tells places apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from medx.core.errors import InputError
from medx.core.images import Pixels, to_rgb
from retrieval.encoders.base import Embeddings, Encoder, normalize
from retrieval.search.parts import EmbeddedQuery

#: Below the middle of the scale the image is left as it is; the highest patch covers so much.
MOST_OPAQUE = 0.6
#: Perceptually uniform, and readable without colour vision.
COLOURS = "viridis"

Area = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMaps:
    """How well places fit the words of a query, on one scale for all images.

    Args:
        values: float32 ``(rows, cols)`` for each image, as ``Encoder.patch_similarities``.
        areas: What each covers: top, left, bottom, right as shares of the image.
        low: Where colour begins: the median over all patches.
        high: The highest value of all patches.
    """

    values: tuple[npt.NDArray[np.float32], ...]
    areas: tuple[Area, ...]
    low: float
    high: float


def map_similarities(
    encoder: Encoder, query: EmbeddedQuery, images: Sequence[Pixels]
) -> HeatMaps | None:
    """Return where in each image the words of a query fit; None when there is no image.

    Raises:
        InputError: When the query has no words, or the encoder cannot tell places apart.
    """
    direction = words_direction(query)
    if not images:
        return None
    values = [encoder.patch_similarities(image, direction) for image in images]
    everything = np.concatenate([value.ravel() for value in values])
    return HeatMaps(
        values=tuple(values),
        areas=tuple(encoder.patch_area(*image.shape[:2]) for image in images),
        low=float(np.median(everything)),
        high=float(everything.max()),
    )


def words_direction(query: EmbeddedQuery) -> Embeddings:
    """Return the unit vector ``(dim,)`` of a query's words alone, its images left out.

    Raises:
        InputError: When it has no words.
    """
    terms = [part.term for part in query.read.parts]
    chosen = [i for i, term in enumerate(terms) if term.kind == "text"]
    if not chosen:
        raise InputError(
            "a heat-map shows where words fit, and this query has none", hint="leave --heatmap out"
        )
    weights = np.array([terms[i].weight for i in chosen], np.float32)
    total = (weights[:, None] * query.parts[chosen]).sum(axis=0, keepdims=True)
    return np.asarray(normalize(total)[0], np.float32)


def colour_map(values: npt.NDArray[np.float32], low: float, high: float) -> Pixels:
    """Return a map as RGBA ``(rows, cols, 4)``: the higher, the more it covers."""
    from matplotlib import colormaps

    share = np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)
    colours = colormaps[COLOURS](share, bytes=True)
    colours[..., 3] = np.round(255 * MOST_OPAQUE * share)
    return np.asarray(colours, np.uint8)


def enlarge_map(
    values: npt.NDArray[np.float32], width: int, height: int
) -> npt.NDArray[np.float32]:
    """Return a map of ``(height, width)``, interpolated between the middles of its patches."""
    image = PILImage.fromarray(values).resize((width, height), PILImage.Resampling.BILINEAR)
    return np.asarray(image, np.float32)


def lay_over(pixels: Pixels, maps: HeatMaps, number: int) -> Pixels:
    """Return image ``number`` as RGB ``(H, W, 3)`` under its map."""
    height, width = pixels.shape[:2]
    scale = max(1, round(256 / max(height, width)))  # or a small image would show its map in steps
    shown = PILImage.fromarray(to_rgb(pixels)).resize(
        (width * scale, height * scale), PILImage.Resampling.NEAREST
    )
    top, left, bottom, right = maps.areas[number]
    box = [round(s * n) for s, n in zip((left, top, right, bottom), shown.size * 2, strict=True)]
    size = max(1, box[2] - box[0]), max(1, box[3] - box[1])
    enlarged = enlarge_map(maps.values[number], *size)
    cover = PILImage.fromarray(colour_map(enlarged, maps.low, maps.high))
    shown.paste(cover, (box[0], box[1]), cover)
    return np.asarray(shown)
