"""What of the images that come in is new to an index, changed, or there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from medx.core.errors import InputError
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item

State = Literal["new", "same", "relabelled", "changed"]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An incoming image beside the indexed one of its id.

    Args:
        item: With the id it has, or gets, in the index.
        row: Where it is in the index; None when it is not, or has only just come.
    """

    item: Item
    row: int | None
    state: State


class Comparison:
    """Finds incoming images in an index, and among those that came before, by dataset and id.

    Their content hashes are compared.
    """

    def __init__(self, index: GalleryIndex) -> None:
        self._items = index.items
        self._first = index.description.dataset
        self._name = index.name
        self._new: dict[str, Item] = {}

    def expect(self, items: Sequence[Item]) -> None:
        """Look a batch up at once: an index on a server is asked only about these ids."""
        names = [name for item in items for name in (item.id, f"{item.dataset}/{item.id}")]
        self._items.remember(np.array(self._items.rows_of(names), np.int64))

    def place(self, item: Item) -> Placed:
        """Return what ``item`` is to the index.

        An id that belongs to another dataset gets the dataset's name in front.

        Raises:
            InputError: When that id is another dataset's, too.
        """
        qualified = f"{item.dataset}/{item.id}"
        for name in (item.id, qualified):
            before, row = self._find(name)
            if before is None:
                continue
            if (before.dataset or self._first) == item.dataset:
                return _compare(replace(item, id=name), before, row)
        for name in (item.id, qualified):
            if self._find(name)[0] is None:
                self._new[name] = replace(item, id=name)
                return Placed(item=self._new[name], row=None, state="new")
        raise InputError(
            f"id {item.id!r} of {item.dataset} is taken in index {self._name} by another "
            f"dataset, and so is {qualified!r}",
            hint="give the images other ids in the manifest",
        )

    def _find(self, name: str) -> tuple[Item | None, int | None]:
        if name in self._new or name not in self._items:
            return self._new.get(name), None
        row = self._items.row(name)
        return self._items.item(row), row

    def rows_of(self, dataset: str) -> set[int]:
        """Return the rows of a dataset's images."""
        quoted = dataset.replace("'", "''")
        chosen = f"dataset = '{quoted}'" + (" or dataset is null" * (dataset == self._first))
        return set(np.flatnonzero(self._items.mask_where(chosen)).tolist())

    def rows_named(self, ids: Iterable[str], dataset: str) -> set[int]:
        """Return the rows of those images of a dataset that are indexed."""
        names = [name for own in ids for name in (own, f"{dataset}/{own}")]
        rows = {row: self._items.item(row) for row in self._items.rows_of(names)}
        return {row for row, item in rows.items() if (item.dataset or self._first) == dataset}


def _compare(item: Item, before: Item, row: int | None) -> Placed:
    if before.content_hash != item.content_hash:
        return Placed(item=item, row=row, state="changed")
    same = replace(before, dataset=item.dataset) == item
    return Placed(item=item, row=row, state="same" if same else "relabelled")
