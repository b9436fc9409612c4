"""The gallery: unit-length vectors in FAISS with what is known of each beside them.

On disk, ``indexes/<name>/`` holds ``index.json`` (what it is), ``index.faiss`` (the vectors) and
``items.parquet`` (one row a vector).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.errors import IndexMismatchError, InputError
from medx.core.files import atomic_dir
from medx.core.values import Hit
from retrieval.encoders.base import Embeddings, Encoder, normalize
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.items import Items
from retrieval.index.locate import DESCRIPTION_FILE
from retrieval.index.vectors import FlatVectors

VECTORS_FILE, ITEMS_FILE = "index.faiss", "items.parquet"
INDEX_FILES = frozenset({DESCRIPTION_FILE, VECTORS_FILE, ITEMS_FILE})


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The best rows of each of Q queries, best first.

    Args:
        rows: int64 ``(Q, top_k)``.
        similarities: float32 ``(Q, top_k)``, cosine.
    """

    rows: npt.NDArray[np.int64]
    similarities: npt.NDArray[np.float32]


class GalleryIndex:
    """An exact cosine index over a gallery of images."""

    def __init__(self, description: IndexDescription, items: Items, vectors: FlatVectors) -> None:
        """Join the three parts.

        Raises:
            InputError: When the parts do not belong together.
        """
        sizes = {description.count, len(items), len(vectors)}
        if len(sizes) > 1 or vectors.dim != description.encoder.dim:
            raise InputError(
                f"index {description.name} is damaged: {len(vectors)} vectors of dim "
                f"{vectors.dim} and {len(items)} items where index.json says {description.count} "
                f"of dim {description.encoder.dim}",
                hint=f"build it again: {description.build_command()}",
            )
        self.description = description
        self.items = items
        self._vectors = vectors

    def __len__(self) -> int:
        return self.description.count

    @property
    def name(self) -> str:
        """How commands call this index."""
        return self.description.name

    @classmethod
    def from_embeddings(
        cls, embeddings: Embeddings, items: Items, description: IndexDescription
    ) -> GalleryIndex:
        """Return an index in memory over ``(N, dim)`` embeddings, row for row with ``items``."""
        return cls(description, items, FlatVectors.from_embeddings(normalize(embeddings)))

    @classmethod
    def load(cls, index_dir: Path) -> GalleryIndex:
        """Open an index folder; vectors stay on disk until a search touches them.

        Raises:
            InputError: When a file is missing or damaged.
        """
        description = load_description(index_dir)
        hint = f"build it again: {description.build_command()}"
        for name in INDEX_FILES:
            if not (index_dir / name).is_file():
                raise InputError(f"{index_dir} is not a whole index: no {name} in it", hint=hint)
        try:
            vectors = FlatVectors.load(index_dir / VECTORS_FILE)
            items = Items.load(index_dir / ITEMS_FILE)
        except InputError as error:
            raise InputError(f"index {index_dir.name}: {error}", hint=hint) from error
        return cls(description, items, vectors)

    def save(self, index_dir: Path) -> None:
        """Write the folder in one step; a folder of something else is never replaced.

        Raises:
            InputError: When ``index_dir`` holds anything but an index.
        """
        check_replaceable(index_dir)
        with atomic_dir(index_dir) as temporary:
            self._vectors.save(temporary / VECTORS_FILE)
            self.items.save(temporary / ITEMS_FILE)
            text = self.description.model_dump_json(indent=2) + "\n"
            (temporary / DESCRIPTION_FILE).write_text(text, encoding="utf-8")

    def check_encoder(self, encoder: Encoder) -> None:
        """Raise ``IndexMismatchError`` unless ``encoder`` made this index."""
        if encoder.fingerprint != self.description.encoder:
            made_with = self.description.encoder_weights
            hint = f"build it again: {self.description.build_command(encoder)}"
            raise IndexMismatchError(
                f"index {self.name} was built by {self.description.encoder}, "
                f"not by {encoder.fingerprint}",
                hint=f"pass --weights {made_with}, or {hint}" if made_with else hint,
            )

    def embeddings(self, rows: npt.NDArray[np.int64] | None = None) -> Embeddings:
        """Return the vectors ``(N, dim)`` of some rows, or of all."""
        return self._vectors.take(rows)

    def subset(self, rows: npt.NDArray[np.int64]) -> GalleryIndex:
        """Return an index in memory over some rows."""
        items = self.items.take(rows)
        changes = {"count": len(rows), "splits": items.splits}
        description = self.description.model_copy(update=changes)
        return GalleryIndex(description, items, FlatVectors.from_embeddings(self.embeddings(rows)))

    def search(
        self,
        embeddings: Embeddings,
        top_k: int,
        *,
        split: str = "all",
        exclude_ids: Sequence[Collection[str]] | None = None,
    ) -> Neighbours:
        """Return the ``top_k`` most similar rows of each query, equal ones in row order.

        Args:
            embeddings: ``(Q, dim)``, of any length.
            top_k: How many rows a query.
            split: Only rows of this split, or ``all``.
            exclude_ids: For each query, ids that must not be among its rows.

        Raises:
            InputError: When fewer than ``top_k`` rows can be returned.
            UnknownNameError: When no row is in ``split``.
        """
        queries = self._checked_queries(embeddings, top_k)
        mask = None
        if split != "all":
            mask = np.zeros(len(self), bool)
            mask[self.items.split_rows(split)] = True
        banned = [self.items.rows_of(ids) for ids in exclude_ids or ()]
        most = max((len(rows) for rows in banned), default=0)
        available = len(self) if mask is None else int(mask.sum())
        excluded = most if mask is None else max((int(mask[r].sum()) for r in banned), default=0)
        self.check_top_k(top_k, available - excluded, split)
        wanted = min(top_k + most, available)
        similarities, rows = self._vectors.search(queries, wanted, mask=mask)
        if banned:
            out = [np.isin(found, refused) for found, refused in zip(rows, banned, strict=True)]
            similarities[np.stack(out)] = -np.inf
        order = np.lexsort((rows, -similarities), axis=1)[:, :top_k]
        return Neighbours(
            rows=np.take_along_axis(rows, order, axis=1),
            similarities=np.take_along_axis(similarities, order, axis=1),
        )

    def hits(self, neighbours: Neighbours, query: int = 0) -> list[Hit]:
        """Return the neighbours of one query with what is known of each."""
        pairs = zip(neighbours.rows[query], neighbours.similarities[query], strict=True)
        return [
            self.items.hit(int(row), rank=rank, similarity=float(similarity))
            for rank, (row, similarity) in enumerate(pairs, start=1)
        ]

    def _checked_queries(self, embeddings: Embeddings, top_k: int) -> Embeddings:
        if top_k < 1:
            raise ValueError(f"top_k must be >= 1, got {top_k}")
        if embeddings.ndim != 2 or embeddings.shape[1] != self._vectors.dim:
            raise ValueError(
                f"embeddings must be (Q, {self._vectors.dim}), got shape {embeddings.shape}"
            )
        return normalize(embeddings)

    def check_top_k(self, top_k: int, available: int | None = None, split: str = "all") -> None:
        """Raise ``InputError`` when ``top_k`` is more than the images that can be found."""
        available = len(self) if available is None else available
        if top_k > available:
            where = (
                f"split {split} of index {self.name}" if split != "all" else f"index {self.name}"
            )
            raise InputError(
                f"top_k {top_k} is more than the {available} images of {where} that can be found",
                hint=f"use --top-k {available} or less" if available > 0 else "add images to it",
            )


def check_replaceable(index_dir: Path) -> None:
    """Raise ``InputError`` when ``index_dir`` is there and holds anything but an index."""
    if index_dir.is_file():
        raise InputError(f"{index_dir} is a file", hint="name a folder that is not there yet")
    strange = [p.name for p in index_dir.glob("*") if p.name not in INDEX_FILES]
    if strange:
        raise InputError(
            f"{index_dir} holds other files ({strange[0]}), it would be replaced as a whole",
            hint="name a folder that is empty or not there yet",
        )
