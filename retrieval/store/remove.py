"""Taking images out of an index."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from medx.core.errors import InputError
from retrieval.place import Place
from retrieval.store.opening import changing_place
from retrieval.store.results import ChangeResult


def remove_images(
    place: Place,
    ids: Sequence[str] = (),
    *,
    where: str | None = None,
    missing_ok: bool = False,
    wait: bool = True,
) -> ChangeResult:
    """Take images out by id, or all that fulfil a filter; ids of which none is there stay listed.

    Their vectors stay in the files, where nothing finds them, until the index is compacted.

    Raises:
        InputError: When there is no index, or ``where`` cannot be read.
        UnknownNameError: When an id is not in the index and ``missing_ok`` is False; then nothing
            is removed.
    """
    if not ids and where is None:
        raise InputError("nothing to remove", hint="name ids, or pass --where")
    started = time.perf_counter()
    with changing_place(place, wait=wait) as change:
        index = change.index
        absent = [name for name in dict.fromkeys(ids) if name not in index.items]
        if absent and not missing_ok:
            index.items.row(absent[0])
        rows = np.array(index.items.rows_of(ids), np.int64)
        if where is not None:
            rows = np.append(rows, np.flatnonzero(index.items.mask_where(where)))
        rows = np.unique(rows)
        state = index.description
        if len(rows):
            state = change.publish(removed=rows, added=None, description=state)
    return ChangeResult(
        command="remove",
        index=state.name,
        index_dir=str(place),
        removed=len(rows),
        absent=tuple(absent),
        count=state.count,
        segments=len(state.segments),
        seconds=time.perf_counter() - started,
    )
