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
        first = index.description.dataset
        self._items = index.items.to_list()
        self._row_of = {item.id: row for row, item in enumerate(self._items)}
        self._datasets = [item.dataset or first for item in self._items]
        self._index = index
        self._taken: set[str] = set()

    def place(self, item: Item) -> Placed:
        """Return what ``item`` is to the index.

        An id that belongs to another dataset gets the dataset's name in front.

        Raises:
            InputError: When that id is another dataset's, too.
        """
        qualified = f"{item.dataset}/{item.id}"
        for name in (item.id, qualified):
            row = self._row_of.get(name)
            if row is not None and self._datasets[row] == item.dataset:
                return self._compare(replace(item, id=name), row)
        for name in (item.id, qualified):
            if name not in self._row_of and name not in self._taken:
                self._taken.add(name)
                return Placed(item=replace(item, id=name), row=None, state="new")
        raise InputError(
            f"id {item.id!r} of {item.dataset} is taken in index {self._index.name} by another "
            f"dataset, and so is {qualified!r}",
            hint="give the images other ids in the manifest",
        )

    def rows_of(self, dataset: str) -> set[int]:
        """Return the rows of a dataset's images."""
        return {row for row, name in enumerate(self._datasets) if name == dataset}

    def rows_named(self, ids: Iterable[str], dataset: str) -> set[int]:
        """Return the rows of those images of a dataset that are indexed."""
        names = [name for own in ids for name in (own, f"{dataset}/{own}")]
        rows = {self._row_of[name] for name in names if name in self._row_of}
        return {row for row in rows if self._datasets[row] == dataset}

    def _compare(self, item: Item, row: int) -> Placed:
        before = replace(self._items[row], dataset=item.dataset)
        if before.content_hash != item.content_hash:
            return Placed(item=item, row=row, state="changed")
        return Placed(item=item, row=row, state="same" if before == item else "relabelled")
