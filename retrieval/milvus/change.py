"""Changing a gallery that is there.

A change writes new rows behind those that count, then replaces the collection's state in one step,
then removes rows that no longer count. Stopped before the second step it has changed nothing;
stopped after it, the next change removes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from medx.core.runs import now
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.kinds import AUTO
from retrieval.milvus.catalog import Catalog, State, catalog_at
from retrieval.milvus.collection import Collection
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.lock import changing_gallery
from retrieval.milvus.numbering import Numbering, joined
from retrieval.milvus.part import places_of
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.rows import PLACE
from retrieval.milvus.store import Batches, Written, check_written, insert, replace_gallery, view

#: Gaps that a state can list. Past them the collection is rewritten without any.
MOST_GAPS = 20_000
#: No change adds so many images.
FURTHEST = 1 << 40


class MilvusChange:
    """The right to change one gallery; ``changing_milvus`` gives it."""

    def __init__(self, catalog: Catalog, collection: Collection, state: State) -> None:
        self._catalog = catalog
        self._collection = collection
        self._state = state
        self._clean()

    @cached_property
    def index(self) -> MilvusGallery:
        """The gallery as it was before."""
        return view(self._collection, self._state)

    def write(self, batches: Batches) -> Written | None:
        """Add rows that do not count yet; None when there is none."""
        first = self._state.end
        written = insert(self._collection, batches, first, self._state.columns)
        check_written(self._collection, first, written.end)
        return written if written.end > first else None

    def publish(
        self,
        *,
        removed: npt.NDArray[np.int64],
        added: Written | None,
        description: IndexDescription,
    ) -> IndexDescription:
        """Let the gallery be ``index`` less some rows, with those that were written.

        Args:
            removed: Rows that leave.
            added: What ``write`` returned.
            description: What has changed beside the rows.
        """
        before = self._state
        gone = Numbering.of_places(np.sort(self.index.items.places(removed)))
        gaps = tuple(joined([*before.gaps, *gone.ranges]))
        splits = Counter(before.description.splits)
        splits.subtract(self.index.items.splits_of(removed))
        splits.update(added.splits if added else {})
        end = added.end if added else before.end
        about = before.description.model_copy(
            update={
                **dict(description),
                "count": len(Numbering.up_to(end, gaps)),
                "splits": {name: count for name, count in splits.items() if count},
                "generation": description.generation + 1,
                "changed": now(),
            }
        )
        self._become(
            State(
                description=about,
                tuning=before.tuning,
                columns=added.columns if added else before.columns,
                end=end,
                gaps=gaps,
                purged=before.purged and not gone.ranges,
            )
        )
        return self._state.description

    def _become(self, state: State) -> None:
        about = state.description
        if len(state.gaps) > MOST_GAPS:
            batches = view(self._collection, state).batches()
            self._state = replace_gallery(self._catalog, about.name, batches, about, about.kind)
            return
        self._catalog.write_state(self._collection.name, state)
        self._state = state
        self._purge()

    def _clean(self) -> None:
        """Remove what an earlier change left that is not of the gallery."""
        end = self._state.end
        if self._collection.count(f"{PLACE} >= {end}"):
            for page in self._collection.pages("", [], end, end + FURTHEST):
                self._collection.delete(Numbering.of_places(places_of(page)).ranges)
        self._purge()

    def _purge(self) -> None:
        if not self._state.purged:
            self._collection.delete(self._state.gaps)
            self._state = self._state.model_copy(update={"purged": True})
            self._catalog.write_state(self._collection.name, self._state)


class MilvusMaking:
    """The right to make one gallery; ``making_milvus`` gives it."""

    def __init__(self, catalog: Catalog, empty: IndexDescription) -> None:
        self.index = GalleryIndex(empty, [])
        self._catalog = catalog

    def write(self, batches: Batches) -> Batches | None:
        """Keep the batches for ``publish``, which writes them; None when there is none."""
        batches = iter(batches)
        first = next(batches, None)
        return None if first is None else chain([first], batches)

    def publish(
        self,
        *,
        removed: npt.NDArray[np.int64],
        added: Batches | None,
        description: IndexDescription,
    ) -> IndexDescription:
        """Write a gallery of what was passed to ``write``; there is nothing to remove."""
        del removed
        name = description.name
        return replace_gallery(self._catalog, name, added or (), description, AUTO).description


@contextmanager
def making_milvus(
    place: MilvusPlace, empty: IndexDescription, *, wait: bool = True
) -> Iterator[MilvusChange | MilvusMaking]:
    """Hold the right to change a gallery, or to make one where there is none.

    Raises:
        InputError: When somebody else changes it and ``wait`` is False.
    """
    catalog = catalog_at(place.uri)
    with changing_gallery(catalog, place.name, wait=wait):
        if catalog.holds(place.name):
            yield MilvusChange(catalog, *catalog.find(place.name))
        else:
            yield MilvusMaking(catalog, empty)


@contextmanager
def changing_milvus(place: MilvusPlace, *, wait: bool = True) -> Iterator[MilvusChange]:
    """Hold the right to change a gallery, with what an earlier change left undone done.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When somebody else changes it and ``wait`` is False.
    """
    catalog = catalog_at(place.uri)
    catalog.find(place.name)  # where there is none, no lock is made
    with changing_gallery(catalog, place.name, wait=wait):
        yield MilvusChange(catalog, *catalog.find(place.name))
