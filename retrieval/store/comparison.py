"""What of the images that come in is new to an index, changed, or there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from medx.core.errors import InputError
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item

State = Literal["new", "same", "relabelled", "changed"]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An incoming image beside the indexed one of its id.

    Args:
        item: With the id it has, or gets, in the index.
        row: Where it is in the index; None when it is new.
    """

    item: Item
    row: int | None
    state: State


class Comparison:
    """Finds incoming images in an index by dataset and id, and compares their content hashes."""

    def __init__(self, index: GalleryIndex) -> None:
        self._items = index.items
        self._first = index.description.dataset
        self._name = index.name
        self._taken: set[str] = set()

    def place(self, item: Item) -> Placed:
        """Return what ``item`` is to the index.

        An id that belongs to another dataset gets the dataset's name in front.

        Raises:
            InputError: When that id is another dataset's, too.
        """
        qualified = f"{item.dataset}/{item.id}"
        for name in (item.id, qualified):
            if name in self._items:
                row = self._items.row(name)
                before = self._items.item(row)
                if (before.dataset or self._first) == item.dataset:
                    return _compare(replace(item, id=name), before, row)
        for name in (item.id, qualified):
            if name not in self._items and name not in self._taken:
                self._taken.add(name)
                return Placed(item=replace(item, id=name), row=None, state="new")
        raise InputError(
            f"id {item.id!r} of {item.dataset} is taken in index {self._name} by another "
            f"dataset, and so is {qualified!r}",
            hint="give the images other ids in the manifest",
        )

    def rows_of(self, dataset: str) -> set[int]:
        """Return the rows of a dataset's images."""
        names = self._items.column("dataset")
        return {row for row, name in enumerate(names) if (name or self._first) == dataset}

    def rows_named(self, ids: Iterable[str], dataset: str) -> set[int]:
        """Return the rows of those images of a dataset that are indexed."""
        names = [name for own in ids for name in (own, f"{dataset}/{own}")]
        rows = {row: self._items.item(row) for row in self._items.rows_of(names)}
        return {row for row, item in rows.items() if (item.dataset or self._first) == dataset}


def _compare(item: Item, before: Item, row: int) -> Placed:
    if before.content_hash != item.content_hash:
        return Placed(item=item, row=row, state="changed")
    same = replace(before, dataset=item.dataset) == item
    return Placed(item=item, row=row, state="same" if same else "relabelled")
