"""Writing galleries into a Milvus: building, adding, removing, rewriting.

A change writes new rows behind those that count, then replaces the collection's state in one step,
then removes rows that no longer count. Stopped before the second step it has changed nothing;
stopped after it, the next change removes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.runs import now
from retrieval.encoders.base import Embeddings
from retrieval.index.description import IndexDescription
from retrieval.index.items import COLUMNS, Items
from retrieval.index.kinds import AUTO, Kind, resolve_kind
from retrieval.milvus.catalog import Catalog, State
from retrieval.milvus.collection import Collection, in_ranges
from retrieval.milvus.connection import is_lite
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.items import MilvusItems
from retrieval.milvus.kinds import LITE_KINDS
from retrieval.milvus.lock import writing
from retrieval.milvus.numbering import Numbering, joined
from retrieval.milvus.part import Part
from retrieval.milvus.rows import PLACE

Rows = npt.NDArray[np.int64]
Batches = Iterable[tuple[Items, Embeddings]]

#: Gaps that a state can list. Past them the collection is rewritten without any.
MOST_GAPS = 20_000
#: No change adds so many images.
FURTHEST = 1 << 40


def open_milvus(catalog: Catalog, name: str) -> MilvusGallery:
    """Open a gallery by name.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When its description is damaged.
    """
    return view(*catalog.find(name))


def view(collection: Collection, state: State) -> MilvusGallery:
    """Return the gallery that a collection holds in a state."""
    numbering = Numbering.up_to(state.end, state.gaps)
    part = Part(collection, numbering, "" if state.purged else f"not ({in_ranges(state.gaps)})")
    return MilvusGallery(state.description, part, MilvusItems(part, state.columns))


def write_gallery(
    catalog: Catalog,
    name: str,
    batches: Batches,
    description: IndexDescription,
    *,
    kind: str = AUTO,
    wait: bool = True,
) -> State:
    """Build a gallery, or put a new one in the place of that of the same name; return its state.

    Args:
        catalog: Where.
        name: How commands call it.
        batches: Items with unit vectors ``(n, dim)``.
        description: What made them; kind, count and splits are filled in.
        kind: A kind of index, or ``auto``.
        wait: Wait while somebody else changes the gallery.

    Raises:
        InputError: When a value does not fit into Milvus, or Milvus fails.
        ValueError: When two rows have one id.
    """
    with writing(catalog, name, wait=wait):
        return _write(catalog, name, batches, description, kind)


def rewrite(catalog: Catalog, name: str, *, kind: str | None = None, wait: bool = True) -> State:
    """Write a gallery anew without the rows that left, and with an index of another kind."""
    with writing(catalog, name, wait=wait):
        gallery = open_milvus(catalog, name)
        about = gallery.description
        return _write(catalog, name, gallery.batches(), about, kind or about.kind)


@contextmanager
def changing_gallery(catalog: Catalog, name: str, *, wait: bool = True) -> Iterator[GalleryChange]:
    """Hold the right to change a gallery, with what an earlier change left undone done.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When somebody else changes it and ``wait`` is False.
    """
    catalog.find(name)
    with writing(catalog, name, wait=wait):
        collection, state = catalog.find(name)
        change = GalleryChange(catalog, collection, state)
        change.clean()
        yield change


@dataclass(frozen=True, kw_only=True)
class Written:
    """Rows that are in a collection and do not count yet.

    Args:
        end: The place behind them.
        columns: All that is known of an image now.
        splits: How many are of each split.
    """

    end: int
    columns: tuple[str, ...]
    splits: Counter[str]


class GalleryChange:
    """The right to change one gallery; ``changing_gallery`` gives it."""

    def __init__(self, catalog: Catalog, collection: Collection, state: State) -> None:
        self.state = state
        self._catalog = catalog
        self._collection = collection

    @property
    def gallery(self) -> MilvusGallery:
        """The gallery as it is now."""
        return view(self._collection, self.state)

    def clean(self) -> None:
        """Remove what an earlier change left that is not of the gallery."""
        end = self.state.end
        if self._collection.count(f"{PLACE} >= {end}"):
            for page in self._collection.pages("", [], end, end + FURTHEST):
                found = np.array([row[PLACE] for row in page], np.int64)
                self._collection.delete(Numbering.of_places(found).ranges)
        self._purge()

    def write(self, batches: Batches) -> Written:
        """Add rows that do not count yet."""
        written = _insert(self._collection, batches, self.state.end, self.state.columns)
        _check_written(self._collection, self.state.end, written.end)
        return written

    def publish(
        self, leaving: Rows, written: Written | None, description: IndexDescription
    ) -> IndexDescription:
        """Let the gallery be what it was less some rows, and with those that were written.

        Args:
            leaving: Rows of ``gallery``.
            written: What ``write`` returned.
            description: What has changed beside the rows.
        """
        gallery, before = self.gallery, self.state
        gone = Numbering.of_places(np.sort(gallery.items.places(leaving)))
        gaps = tuple(joined([*before.gaps, *gone.ranges]))
        splits = Counter(before.description.splits)
        splits.subtract(gallery.items.splits_of(leaving))
        splits.update(written.splits if written else {})
        end = written.end if written else before.end
        about = description.model_copy(
            update={
                "count": len(Numbering.up_to(end, gaps)),
                "splits": {name: count for name, count in splits.items() if count},
                "generation": description.generation + 1,
                "changed": now(),
            }
        )
        self._become(
            State(
                description=about,
                columns=written.columns if written else before.columns,
                end=end,
                gaps=gaps,
                purged=before.purged and not gone.ranges,
            )
        )
        return self.state.description

    def _become(self, state: State) -> None:
        about = state.description
        if len(state.gaps) > MOST_GAPS:
            batches = view(self._collection, state).batches()
            self.state = _write(self._catalog, about.name, batches, about, about.kind)
            return
        self._catalog.write_state(self._collection.name, state)
        self.state = state
        self._purge()

    def _purge(self) -> None:
        if not self.state.purged:
            self._collection.delete(self.state.gaps)
            self.state = self.state.model_copy(update={"purged": True})
            self._catalog.write_state(self._collection.name, self.state)


def _write(
    catalog: Catalog, name: str, batches: Batches, description: IndexDescription, kind: str
) -> State:
    dim = description.encoder.dim
    about = f"medx gallery {name}: {description.dataset} by {description.encoder}"
    collection = catalog.new_collection(name, dim, about=about)
    written = _insert(collection, batches, 0, COLUMNS)
    chosen = _choose_kind(kind, written.end, dim, catalog.uri)
    collection.build(chosen, written.end)
    _check_written(collection, 0, written.end)
    described = description.model_copy(
        update={
            "name": name, "kind": chosen, "count": written.end, "splits": dict(written.splits),
            "segments": (), "generation": description.generation + 1, "changed": now(),
        }
    )  # fmt: skip
    state = State(description=described, columns=written.columns, end=written.end)
    catalog.write_state(collection.name, state)
    catalog.publish(name, collection)
    return state


def _insert(
    collection: Collection, batches: Batches, first: int, columns: Iterable[str]
) -> Written:
    end, splits, names, ids = first, Counter[str](), dict.fromkeys(columns), set[str]()
    for items, embeddings in batches:
        if embeddings.shape != (len(items), collection.dim):
            raise ValueError(
                f"embeddings must be ({len(items)}, {collection.dim}), got {embeddings.shape}"
            )
        repeated = ids.intersection(items.column("id"))
        if repeated:
            raise ValueError(f"ids must be unique, got {repeated.pop()!r} more than once")
        items.check_unique()
        ids.update(map(str, items.column("id")))
        collection.insert(items, embeddings, end)
        end += len(items)
        splits.update(items.splits)
        names |= dict.fromkeys(items.table.column_names)
    return Written(end=end, columns=tuple(names), splits=splits)


def _check_written(collection: Collection, first: int, end: int) -> None:
    found = collection.count(f"{PLACE} >= {first}") if end > first else 0
    if found != end - first:
        raise InputError(
            f"Milvus holds {found} of the {end - first} images that were written",
            hint="nothing has changed; run the command again",
        )


def _choose_kind(kind: str, count: int, dim: int, uri: str) -> Kind:
    if kind == AUTO and is_lite(uri):
        return "flat"
    chosen, _ = resolve_kind(kind, count, dim)
    if is_lite(uri) and chosen not in LITE_KINDS:
        raise InputError(
            f"milvus-lite has no {chosen} index", hint="use a Milvus server, or --kind flat"
        )
    return chosen
