"""Opening a gallery of a Milvus, and writing a whole one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from medx.core.errors import InputError
from medx.core.runs import now
from retrieval.encoders.base import Embeddings
from retrieval.index.description import IndexDescription
from retrieval.index.items import COLUMNS, Items
from retrieval.index.kinds import AUTO, Kind, resolve_kind
from retrieval.milvus.catalog import Catalog, State, catalog_at
from retrieval.milvus.collection import Collection, in_ranges
from retrieval.milvus.connection import is_lite
from retrieval.milvus.description import MilvusDescription
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.held import HeldImages
from retrieval.milvus.items import MilvusItems
from retrieval.milvus.kinds import LITE_KINDS
from retrieval.milvus.lock import changing_gallery
from retrieval.milvus.numbering import Numbering
from retrieval.milvus.part import Part
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.recall import tune
from retrieval.milvus.rows import PLACE

Batches = Iterable[tuple[Items, Embeddings]]


def open_milvus(place: MilvusPlace) -> MilvusGallery:
    """Open a gallery.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When its description is damaged.
    """
    return view(*catalog_at(place.uri).find(place.name))


def view(collection: Collection, state: State) -> MilvusGallery:
    """Return the gallery that a collection holds in a state."""
    numbering = Numbering.up_to(state.end, state.gaps)
    part = Part(collection, numbering, "" if state.purged else f"not ({in_ranges(state.gaps)})")
    return MilvusGallery(state.description, part, MilvusItems(part, state.columns))


def write_gallery(
    place: MilvusPlace,
    batches: Batches,
    description: IndexDescription,
    *,
    kind: str = AUTO,
    memory_bytes: int | None = None,
    wait: bool = True,
) -> IndexDescription:
    """Build a gallery, or put a new one in the place of that of the same name.

    Args:
        place: Where.
        batches: Items with unit vectors ``(n, dim)``.
        description: What made them; name, kind, count and splits are filled in.
        kind: A kind of index, or ``auto``.
        memory_bytes: What ``auto`` may hold in memory; None is half of this machine's.
        wait: Wait while somebody else changes the gallery.

    Raises:
        InputError: When a value does not fit into Milvus, or Milvus fails.
        ValueError: When two rows have one id.
    """
    catalog = catalog_at(place.uri)
    with changing_gallery(catalog, place.name, wait=wait):
        written = replace_gallery(
            catalog, place.name, batches, description, kind, memory_bytes=memory_bytes
        )
    return written.description


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


def replace_gallery(
    catalog: Catalog,
    name: str,
    batches: Batches,
    description: IndexDescription,
    kind: str,
    *,
    memory_bytes: int | None = None,
) -> State:
    """Write a gallery into a new collection and let its name lead there; hold the lock."""
    dim = description.encoder.dim
    about = f"medx gallery {name}: {description.dataset} by {description.encoder}"
    collection = catalog.new_collection(name, dim, about=about)
    try:
        state = _fill(
            catalog,
            collection,
            batches,
            description.model_copy(update={"name": name}),
            kind,
            memory_bytes,
        )
        catalog.write_state(collection.name, state)
    except BaseException:
        with suppress(InputError):  # what stopped it is what is told; the next build sweeps
            collection.drop()
        raise
    catalog.publish(name, collection)
    return state


def _fill(
    catalog: Catalog,
    collection: Collection,
    batches: Batches,
    description: IndexDescription,
    kind: str,
    memory_bytes: int | None,
) -> State:
    """Write rows into a new collection, build its index, and return what it is then."""
    dim = collection.dim
    held = HeldImages(kind, dim)
    written = insert(collection, batches, 0, COLUMNS, held=held)
    chosen = _choose_kind(kind, written.end, dim, catalog.uri, memory_bytes)
    collection.build(chosen, written.end - len(held))
    tuned = None
    if len(held):
        if chosen != "flat":
            numbering = Numbering.up_to(written.end, held.gaps)
            tuned = tune(Part(collection, numbering), chosen, held.embeddings)
        collection.insert(held.items, held.embeddings, held.places)
        collection.settle(written.end)
    check_written(collection, 0, written.end)
    described = MilvusDescription.model_validate(
        {
            **description.model_dump(), "kind": chosen, "count": written.end,
            "splits": dict(written.splits), "segments": (), "changed": now(),
            "generation": description.generation + 1,
        }
    )  # fmt: skip
    return State(
        description=described.opened(catalog.uri, tuned), tuning=tuned, columns=written.columns,
        end=written.end,
    )  # fmt: skip


def insert(
    collection: Collection,
    batches: Batches,
    first: int,
    columns: Iterable[str],
    *,
    held: HeldImages | None = None,
) -> Written:
    """Add rows at places from ``first`` on, but for those that are held.

    Raises:
        ValueError: When two of them have one id, or embeddings are not row for row with items.
    """
    end, splits, names, ids = first, Counter[str](), dict.fromkeys(columns), set[str]()
    for items, embeddings in batches:
        if embeddings.shape != (len(items), collection.dim):
            raise ValueError(
                f"embeddings must be ({len(items)}, {collection.dim}), got {embeddings.shape}"
            )
        coming = list(map(str, items.column("id")))
        repeated = [name for name, n in Counter(coming).items() if n > 1 or name in ids]
        if repeated:
            raise ValueError(f"ids must be unique, got {repeated[0]!r} more than once")
        ids.update(coming)
        places = np.arange(end, end + len(items))
        if held is None:
            collection.insert(items, embeddings, places)
        else:
            collection.insert(*held.draw(items, embeddings, places))
        end += len(items)
        splits.update(items.splits)
        names |= dict.fromkeys(items.table.column_names)
    return Written(end=end, columns=tuple(names), splits=splits)


def check_written(collection: Collection, first: int, end: int) -> None:
    """Raise ``InputError`` unless the rows from ``first`` to before ``end`` are all there."""
    found = collection.count(f"{PLACE} >= {first}") if end > first else 0
    if found != end - first:
        raise InputError(
            f"Milvus holds {found} of the {end - first} images that were written",
            hint="nothing has changed; run the command again",
        )


def _choose_kind(kind: str, count: int, dim: int, uri: str, memory_bytes: int | None) -> Kind:
    if kind == AUTO and is_lite(uri):
        return "flat"
    chosen, _ = resolve_kind(kind, count, dim, memory_bytes=memory_bytes)
    if is_lite(uri) and chosen not in LITE_KINDS:
        raise InputError(
            f"milvus-lite has no {chosen} index", hint="use a Milvus server, or --kind flat"
        )
    return chosen
