"""A gallery in Milvus, in the place of one in a folder: same rows, same answers.

Answers are exact wherever those of a folder are: over a ``flat`` index always, over any other kind
as soon as the search is narrowed. Then the vectors that are left are fetched and compared here,
since Milvus's own filtered search of such a kind misses neighbours. Past ``LARGEST_EXACT`` of them
the server's answer is taken, with a warning.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Collection as SizedCollection

import numpy as np
import numpy.typing as npt

from medx.core.console import note, warn
from medx.core.errors import InputError, UnknownSplitError
from medx.core.values import Hit
from retrieval.encoders.base import Embeddings
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex, Neighbours, Rows
from retrieval.index.items import Items
from retrieval.index.where import parse_where
from retrieval.milvus.candidates import ServerCandidates
from retrieval.milvus.collection import MOST_ROWS
from retrieval.milvus.filters import literal, print_filter
from retrieval.milvus.items import MilvusItems
from retrieval.milvus.nearest import ask, compare, keep_best
from retrieval.milvus.part import Part, places_of, vectors_of
from retrieval.milvus.rows import ITEM_FIELDS, VECTOR, to_items

#: Vectors that are compared here for one narrowed search of a kind that is not ``flat``.
LARGEST_EXACT = 1_000_000
#: From so many on a note says why it takes a while.
WORTH_SAYING = 50_000


class MilvusGallery(GalleryIndex):
    """A gallery whose vectors and items are in a Milvus collection."""

    def __init__(self, description: IndexDescription, part: Part, items: MilvusItems) -> None:
        """Join what a gallery says of itself, its rows, and what is known of them."""
        self.description = description
        self.segments = ()
        self.part = part
        self._items = items

    def __len__(self) -> int:
        return len(self.part)

    @property
    def items(self) -> MilvusItems:
        """What is known of each row."""
        return self._items

    def batches(self) -> Iterator[tuple[Items, Embeddings]]:
        """Yield all rows in order, some at a time."""
        for page in self.part.pages("", (*ITEM_FIELDS, VECTOR)):
            yield to_items(page, self.items.columns), vectors_of(page, self.dim)

    def pictures(self) -> Iterator[tuple[list[str], Callable[[Rows], Embeddings]]]:
        """Yield the content hashes of all rows; vectors are asked for when they are read."""
        for page in self.part.pages("", ["content_hash"]):
            digests = [row["content_hash"] for row in page]
            yield digests, self.part.take(self.part.numbering.rows(places_of(page))).vectors

    def embeddings(self, rows: npt.NDArray[np.int64] | None = None) -> Embeddings:
        """Return the vectors ``(N, dim)`` of some rows, or of all."""
        return self.part.vectors(rows)

    def subset(self, rows: npt.NDArray[np.int64]) -> MilvusGallery:
        """Return a gallery of some rows, in the same collection."""
        part = self.part.take(rows)
        items = MilvusItems(part, self.items.columns, within=self.items)
        changes = {"count": len(part), "splits": items.splits}
        return MilvusGallery(self.description.model_copy(update=changes), part, items)

    def count(
        self,
        split: str = "all",
        where: str | None = None,
        *,
        among: SizedCollection[str] | None = None,
    ) -> int:
        """Return how many rows a search looks among; the server counts. See ``GalleryIndex``."""
        chosen = self._expression(split, where)
        if among is not None:
            return len(self.part.with_ids(among, chosen))
        if where is None and split != "all":
            return self.description.splits[split]
        return self.part.count(chosen)

    def search(
        self,
        embeddings: Embeddings,
        top_k: int,
        *,
        split: str = "all",
        where: str | None = None,
        exclude_ids: Sequence[SizedCollection[str]] | None = None,
        exact: bool = False,
    ) -> Neighbours:
        """Return the ``top_k`` most similar rows of each query, equal ones in row order.

        Args:
            embeddings: ``(Q, dim)``, of any length.
            top_k: How many rows a query.
            split: Only rows of this split, or ``all``.
            where: Only rows that fulfil this filter on the columns of the items.
            exclude_ids: For each query, ids that must not be among its rows.
            exact: Miss no neighbour, whatever the kind and however long it takes.

        Raises:
            InputError: When fewer than ``top_k`` rows can be returned, ``where`` cannot be read, or
                Milvus fails.
            UnknownNameError: When no row is in ``split``.
        """
        queries = self._checked_queries(embeddings, top_k)
        chosen = self._expression(split, where)
        banned = self._banned(exclude_ids)
        most = max((len(rows) for rows in banned), default=0)
        available = self.count(split, where)
        if top_k > available - most:
            left_out = (len(self.part.with_ids(ids, chosen)) for ids in exclude_ids or ())
            self.check_top_k(top_k, available - max(left_out, default=0), split, where)
        wanted = min(top_k + most, available)
        found = None
        if self._server_will_do(chosen, wanted, available, banned=bool(banned), exact=exact):
            about = self.description
            found = ask(
                self.part, queries, wanted, kind=about.kind, chosen=chosen, available=available,
                effort=about.tuning.effort if about.tuning else None,
            )  # fmt: skip
        if found is None:
            if available > WORTH_SAYING:
                note(f"comparing {available} vectors one by one, for an exact answer")
            found = compare(self.part, queries, wanted, chosen=chosen)
        for query, refused in enumerate(banned):
            found.similarities[query, np.isin(found.rows[query], refused)] = -np.inf
        return keep_best(found, top_k)

    def own_accelerator(
        self, rows: npt.NDArray[np.int64], kind: str | None = None
    ) -> ServerCandidates | None:
        """Return what the server's index proposes of some rows; None where it misses nothing.

        Raises:
            InputError: When another kind is asked for: the server has but the one.
        """
        about = self.description
        if kind not in (None, about.kind):
            raise InputError(
                f"gallery {self.name} is in a Milvus as {about.kind}: it cannot be searched "
                f"as {kind}",
                hint=f"make it so: medx retrieve compact {shlex.quote(self.name)} --kind {kind} "
                f"--backend milvus --uri {shlex.quote(self.part.collection.uri)}",
            )
        part = self.part.take(rows)
        if about.tuning is None or part.scope is None:
            return None
        return ServerCandidates(part, about.tuning)

    def hits(self, neighbours: Neighbours, query: int = 0) -> list[Hit]:
        """Return the neighbours of one query with what is known of each."""
        self.items.remember(neighbours.rows[query])
        return super().hits(neighbours, query)

    def _expression(self, split: str, where: str | None) -> str:
        """Return the expression for what a search is narrowed to, empty for nothing."""
        parts = []
        if split != "all":
            if split not in self.description.splits:
                raise UnknownSplitError("the index", split, self.description.splits)
            parts.append(f"split == {literal(split)}")
        if where is not None:
            parts.append(print_filter(parse_where(where, self.items.columns).expression))
        return " and ".join(parts)

    def _banned(self, exclude_ids: Sequence[SizedCollection[str]] | None) -> list[list[int]]:
        if not exclude_ids:
            return []
        self.items.rows_of({name for ids in exclude_ids for name in ids})  # all in one question
        return [self.items.rows_of(ids) for ids in exclude_ids]

    def _server_will_do(
        self, chosen: str, wanted: int, available: int, *, banned: bool, exact: bool
    ) -> bool:
        """Return whether the server's answer is as exact as it has to be, or has to do."""
        if self.part.scope is None or wanted > MOST_ROWS:
            return False
        kind, narrowed = self.description.kind, bool(chosen or self.part.scope or banned)
        if kind == "flat" or not (narrowed or exact):
            return True
        if exact or available <= LARGEST_EXACT:
            return False
        warn(
            f"the search is narrowed to {available} images, too many to compare one by one: "
            f"Milvus answers from its {kind} index, which may miss some; a flat one would not"
        )
        return True
