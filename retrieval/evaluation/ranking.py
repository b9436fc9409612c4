"""Putting a gallery in order for every query, without the images it must not meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.console import progress_bar
from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.accelerator_build import build_accelerator
from retrieval.index.accelerators import Accelerator
from retrieval.index.kinds import resolve_kind
from retrieval.index.vectors import FlatVectors

Rows = npt.NDArray[np.int64]

#: Similarities held at a time.
BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class RankedBlock:
    """The order of the gallery for some queries.

    Args:
        queries: Which queries.
        order: ``(q, G)``: gallery positions, best first.
        similarities: ``(q, G)`` in that order.
        found: bool ``(q, G)``: False from where on there is nothing the query may meet.
    """

    queries: slice
    order: Rows
    similarities: npt.NDArray[np.float32]
    found: npt.NDArray[np.bool_]


def rank_gallery(
    queries: Embeddings, gallery: Embeddings, banned: Sequence[Rows]
) -> Iterator[RankedBlock]:
    """Yield the exact order of the gallery for a block of queries at a time.

    Equal similarities stay in gallery order.

    Args:
        queries: ``(Q, dim)``, unit length.
        gallery: ``(G, dim)``, unit length.
        banned: Gallery positions that each query must not meet.
    """
    step = max(1, BLOCK // max(1, len(gallery)))
    columns = np.arange(len(gallery))
    with progress_bar("ranking the gallery", len(queries)) as progress:
        for start in range(0, len(queries), step):
            part = slice(start, min(start + step, len(queries)))
            similarities = queries[part] @ gallery.T
            refused = banned[part]
            for row, positions in zip(similarities, refused, strict=True):
                row[positions] = -np.inf
            order = np.argsort(-similarities, axis=1, kind="stable")
            allowed = len(gallery) - np.array([len(positions) for positions in refused])
            yield RankedBlock(
                part,
                order,
                np.take_along_axis(similarities, order, axis=1),
                columns < allowed[:, None],
            )
            progress.advance(progress.task_ids[0], part.stop - part.start)


def rank_candidates(
    queries: Embeddings,
    gallery: Embeddings,
    banned: Sequence[Rows],
    accelerator: Accelerator,
    top_k: int,
) -> Iterator[RankedBlock]:
    """Yield what an accelerator finds for each query, in exact order, without the banned.

    Args:
        queries: ``(Q, dim)``, unit length.
        gallery: ``(G, dim)``, unit length; what the accelerator was built over.
        banned: Gallery positions that each query must not meet.
        accelerator: Proposes positions.
        top_k: How many neighbours are wanted.
    """
    wanted = top_k + max(len(positions) for positions in banned)
    step = max(1, BLOCK // max(1, wanted * gallery.shape[1]))
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        rows = np.sort(accelerator.candidates(queries[part], wanted), axis=1)
        similarities = np.einsum("qd,qnd->qn", queries[part], gallery[np.maximum(rows, 0)])
        refused = np.stack([np.isin(r, b) for r, b in zip(rows, banned[part], strict=True)])
        similarities[(rows < 0) | refused] = -np.inf
        order = np.argsort(-similarities, axis=1, kind="stable")
        similarities = np.take_along_axis(similarities, order, axis=1)
        positions = np.take_along_axis(np.maximum(rows, 0), order, axis=1)
        yield RankedBlock(part, positions, similarities, np.isfinite(similarities))


def accelerate_gallery(kind: str, gallery: Embeddings, *, seed: int = 0) -> Accelerator | None:
    """Return an accelerator of a kind over a gallery; None for ``flat``.

    Raises:
        UnknownNameError: When there is no such kind.
        InputError: When the gallery is too small for it.
    """
    resolved, _ = resolve_kind(kind, len(gallery), gallery.shape[1])
    return build_accelerator(resolved, FlatVectors.from_embeddings(gallery), seed=seed)


def check_top_k(top_k: int, available: int, index: str, split: str) -> None:
    """Raise ``InputError`` when ``top_k`` is more than the images a query can meet."""
    if top_k > available:
        raise InputError(
            f"top_k {top_k} is more than the {available} images of split {split} of index {index} "
            "that can be found",
            hint=f"use --top-k {available} or less" if available > 0 else "add images to it",
        )
