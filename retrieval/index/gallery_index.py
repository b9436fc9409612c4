"""The gallery: unit-length vectors in FAISS with what is known of each beside them.

On disk, ``indexes/<name>/`` holds ``index.json`` and the files it names: segments, each of vectors
and items, that are written once. ``commit`` says how they change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from medx.core.errors import IndexMismatchError, InputError
from medx.core.values import Hit
from retrieval.encoders.base import Embeddings, Encoder, normalize
from retrieval.index.accelerate import accelerate
from retrieval.index.accelerators import Accelerator
from retrieval.index.commit import changing, check_replaceable
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.items import Items
from retrieval.index.segment import Segment, write_segment
from retrieval.index.state import describe
from retrieval.index.vectors import FlatVectors

#: How often a reader looks again when the index changes just while it is opened.
OPEN_ATTEMPTS = 20
#: Vectors copied at a time.
BATCH_ROWS = 16_384
#: Restrictions whose rows an open index remembers: one serves many searches.
MASKS_KEPT = 8


Rows: TypeAlias = npt.NDArray[np.int64]


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
    """A cosine index over a gallery of images."""

    def __init__(self, description: IndexDescription, segments: Sequence[Segment]) -> None:
        """Join segments; rows count through all of them.

        Raises:
            InputError: When the parts do not belong together.
        """
        count, dims = sum(map(len, segments)), {segment.dim for segment in segments}
        if count != description.count or dims - {description.encoder.dim}:
            raise InputError(
                f"index {description.name} is damaged: {count} vectors of dim "
                f"{', '.join(map(str, sorted(dims)))} where index.json says {description.count} "
                f"of dim {description.encoder.dim}",
                hint=f"build it again: {description.build_command()}",
            )
        self.description = description
        self.segments = tuple(segments)
        self._starts = np.cumsum([0, *map(len, segments)])
        self._masks: dict[tuple[str, str | None], npt.NDArray[np.bool_]] = {}

    def __len__(self) -> int:
        return self.description.count

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return self.description.encoder.dim

    @property
    def name(self) -> str:
        """How commands call this index."""
        return self.description.name

    @cached_property
    def items(self) -> Items:
        """What is known of each row."""
        if len(self.segments) == 1:
            return self.segments[0].items
        return Items.concat([segment.items for segment in self.segments])

    @classmethod
    def from_embeddings(
        cls, embeddings: Embeddings, items: Items, description: IndexDescription
    ) -> GalleryIndex:
        """Return an index in memory over ``(N, dim)`` embeddings, row for row with ``items``."""
        vectors = FlatVectors.from_embeddings(normalize(embeddings))
        return cls(description, [Segment(items, vectors)])

    @classmethod
    def load(cls, index_dir: Path) -> GalleryIndex:
        """Open an index folder; vectors stay on disk until a search touches them.

        Raises:
            InputError: When a file is missing or damaged.
        """
        description = load_description(index_dir)
        for _ in range(OPEN_ATTEMPTS):
            try:
                segments = [Segment.open(index_dir, entry) for entry in description.segments]
                return cls(description, segments)
            except InputError as error:
                problem = error
            before, description = description, load_description(index_dir)
            if description == before:  # nobody changes it: what is missing stays missing
                break
        hint = f"build it again: {description.build_command()}"
        raise InputError(f"index {index_dir.name}: {problem}", hint=hint) from problem

    def save(
        self, index_dir: Path, *, kind: str = "flat", memory_bytes: int | None = None
    ) -> IndexDescription:
        """Make this, as one segment, the state of an index folder; return that state.

        Args:
            index_dir: The folder.
            kind: One of ``KINDS`` or ``auto``.
            memory_bytes: What ``auto`` may hold in memory; None is half of the machine's.

        Raises:
            InputError: When ``index_dir`` holds anything but an index, or there are too few images
                for the kind.
        """
        check_replaceable(index_dir)
        with changing(index_dir) as change:
            segment = write_segment(change, self.batches(), self.description.encoder.dim)
            if segment:
                segment = accelerate(change, segment, kind, memory_bytes=memory_bytes)
            state = describe(self.description, [segment] if segment else [])
            change.publish(state)
        return state

    def batches(self) -> Iterator[tuple[Items, Embeddings]]:
        """Yield all rows in order, some at a time."""
        for segment in self.segments:
            for start in range(0, len(segment), BATCH_ROWS):
                rows = np.arange(start, min(start + BATCH_ROWS, len(segment)))
                yield segment.items.take(rows), segment.embeddings(rows)

    def pictures(self) -> Iterator[tuple[list[str], Callable[[Rows], Embeddings]]]:
        """Yield the content hashes of all rows, some at a time, each with what reads vectors.

        That takes rows ``(N,)`` counted from the first of these, in any order, and returns
        ``(N, dim)``.
        """
        for segment in self.segments:
            for start in range(0, len(segment), BATCH_ROWS):
                end = min(start + BATCH_ROWS, len(segment))
                digests = segment.items.table.column("content_hash").slice(start, end - start)
                yield digests.to_pylist(), partial(_vectors_from, segment, start)

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
        if len(self.segments) == 1:
            return self.segments[0].embeddings(rows)
        rows = np.arange(len(self)) if rows is None else np.asarray(rows, np.int64)
        found = np.empty((len(rows), self.dim), np.float32)
        for start, segment in zip(self._starts, self.segments, strict=False):
            here = (rows >= start) & (rows < start + len(segment))
            found[here] = segment.embeddings(rows[here] - start)
        return found

    def subset(self, rows: npt.NDArray[np.int64]) -> GalleryIndex:
        """Return an index in memory over some rows."""
        items = self.items.take(rows)
        changes = {"count": len(rows), "splits": items.splits}
        description = self.description.model_copy(update=changes)
        vectors = FlatVectors.from_embeddings(self.embeddings(rows))
        return GalleryIndex(description, [Segment(items, vectors)])

    def own_accelerator(
        self, rows: npt.NDArray[np.int64], kind: str | None = None
    ) -> Accelerator | None:
        """Return what proposes some of the rows as a search would meet them; None: build one."""
        del rows, kind
        return None

    def count(
        self, split: str = "all", where: str | None = None, *, among: Collection[str] | None = None
    ) -> int:
        """Return how many rows a search looks among.

        Args:
            split: Only rows of this split, or ``all``.
            where: Only rows that fulfil this filter on the columns of the items.
            among: Count the rows of these ids alone.

        Raises:
            InputError: When ``where`` cannot be read.
            UnknownSplitError: When no row is in ``split``.
        """
        mask = self._mask(split, where)
        if among is not None:
            rows = self.items.rows_of(among)
            return len(rows) if mask is None else int(mask[rows].sum())
        return len(self) if mask is None else int(mask.sum())

    def search(
        self,
        embeddings: Embeddings,
        top_k: int,
        *,
        split: str = "all",
        where: str | None = None,
        exclude_ids: Sequence[Collection[str]] | None = None,
        exact: bool = False,
    ) -> Neighbours:
        """Return the ``top_k`` most similar rows of each query, equal ones in row order.

        No neighbour is missed where the search is restricted in any way, nor by the kind ``flat``;
        the other kinds may miss some, as often as was measured when they were built.

        Args:
            embeddings: ``(Q, dim)``, of any length.
            top_k: How many rows a query.
            split: Only rows of this split, or ``all``.
            where: Only rows that fulfil this filter on the columns of the items.
            exclude_ids: For each query, ids that must not be among its rows.
            exact: Miss no neighbour, whatever the kind.

        Raises:
            InputError: When fewer than ``top_k`` rows can be returned, or ``where`` cannot be read.
            UnknownNameError: When no row is in ``split``.
        """
        queries = self._checked_queries(embeddings, top_k)
        mask = self._mask(split, where)
        banned = [self.items.rows_of(ids) for ids in exclude_ids or ()]
        most = max((len(rows) for rows in banned), default=0)
        available = len(self) if mask is None else int(mask.sum())
        excluded = most if mask is None else max((int(mask[r].sum()) for r in banned), default=0)
        self.check_top_k(top_k, available - excluded, split, where)
        wanted = min(top_k + most, available)
        similarities, rows = self._candidates(queries, wanted, mask, exact=exact or bool(banned))
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

    def _candidates(
        self,
        queries: Embeddings,
        wanted: int,
        mask: npt.NDArray[np.bool_] | None,
        *,
        exact: bool,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return the best ``wanted`` rows of each segment side by side."""
        if len(self.segments) == 1:
            return self.segments[0].search(queries, wanted, mask=mask, exact=exact)
        similarities, rows = [], []
        for start, segment in zip(self._starts, self.segments, strict=False):
            part = None if mask is None else mask[start : start + len(segment)]
            values, found = segment.search(queries, wanted, mask=part, exact=exact)
            similarities.append(values)
            rows.append(found + start)
        return np.concatenate(similarities, axis=1), np.concatenate(rows, axis=1)

    def _checked_queries(self, embeddings: Embeddings, top_k: int) -> Embeddings:
        if top_k < 1:
            raise ValueError(f"top_k must be >= 1, got {top_k}")
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dim:
            raise ValueError(f"embeddings must be (Q, {self.dim}), got shape {embeddings.shape}")
        return normalize(embeddings)

    def _mask(self, split: str, where: str | None) -> npt.NDArray[np.bool_] | None:
        """Return which rows may be found, None for all."""
        if split == "all" and where is None:
            return None
        if (split, where) not in self._masks:
            mask = np.zeros(len(self), bool)
            mask[self.items.split_rows(split)] = True
            if where is not None:
                mask &= self.items.mask_where(where)
            if len(self._masks) == MASKS_KEPT:
                del self._masks[next(iter(self._masks))]
            self._masks[split, where] = mask
        return self._masks[split, where]

    def check_top_k(
        self,
        top_k: int,
        available: int | None = None,
        split: str = "all",
        where: str | None = None,
    ) -> None:
        """Raise ``InputError`` when ``top_k`` is more than the images that can be found."""
        available = len(self) if available is None else available
        if top_k > available:
            place = f"split {split} of " if split != "all" else ""
            only, none = "", "add images to it"
            if where is not None:
                only, none = f" where {where}", "`medx retrieve info` shows what it holds"
            raise InputError(
                f"top_k {top_k} is more than the {available} images of {place}index {self.name} "
                f"that can be found{only}",
                hint=f"use --top-k {available} or less" if available > 0 else none,
            )


def _vectors_from(segment: Segment, start: int, rows: Rows) -> Embeddings:
    return segment.embeddings(start + rows)
