"""Bringing a dataset's images into an index: the new ones, or all that is different."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

from medx.core.console import warn
from medx.core.errors import InputError, UnknownNameError
from medx.core.words import many
from medx.datasets.manifest import Dataset
from retrieval.config import BuildConfig
from retrieval.encoders.base import Encoder
from retrieval.index.description import IndexDescription
from retrieval.index.origin import joined, origin_of, select, with_origin
from retrieval.place import Place
from retrieval.store.arrivals import Arrivals
from retrieval.store.opening import IndexChange, changing_place
from retrieval.store.results import ChangeResult


def add_images(
    place: Place,
    dataset: Dataset,
    encoder: Encoder,
    *,
    split: str = BuildConfig.split,
    batch_size: int | str = BuildConfig.batch_size,
    wait: bool = True,
) -> ChangeResult:
    """Add the images of a dataset that an index lacks; what it has stays as it is.

    Raises:
        InputError: When there is no index, no image can be read, or the index holds another
            dataset of that name.
        IndexMismatchError: When another encoder made the index.
    """
    started = time.perf_counter()
    with changing_place(place, wait=wait) as change:
        index = change.index
        arrivals = Arrivals(index, encoder, batch_size=batch_size, replace=False)
        origin = coming = origin_of(dataset, split=split)
        held = {origin.name: origin for origin in index.description.origins}
        if dataset.name in held:
            origin = joined(held[dataset.name], coming)
        added = change.write(arrivals.batches(dataset.split(split)))
        if dataset.name in arrivals.whole:
            origin = origin.model_copy(update={"digest": coming.digest})
        described = with_origin(index.description, origin)
        state = _publish_if_new(change, arrivals, added, described)
    _warn_of_differing(arrivals.intake.differing, dataset.name)
    return _result("add", place, state, arrivals, time.perf_counter() - started)


def update_images(
    place: Place,
    datasets: Sequence[Dataset],
    encoder: Encoder,
    *,
    batch_size: int | str = BuildConfig.batch_size,
    wait: bool = True,
) -> ChangeResult:
    """Make an index hold what its datasets hold now: new, changed and deleted images are found.

    Images are compared by their pixels, so all are read; only pixels the index has never seen are
    embedded. An indexed image that is there but cannot be read stays as it was, and is listed.

    Raises:
        InputError: When there is no index, no image of a dataset can be read, or one is named
            twice.
        UnknownNameError: When the index holds no image of a dataset.
        IndexMismatchError: When another encoder made the index.
    """
    started = time.perf_counter()
    if len({dataset.name for dataset in datasets}) < len(datasets):
        raise InputError("a dataset is named twice", hint="name each one once")
    with changing_place(place, wait=wait) as change:
        index = change.index
        arrivals = Arrivals(index, encoder, batch_size=batch_size, replace=True)
        held = {origin.name: origin for origin in index.description.origins}
        described = index.description
        chosen = []
        for dataset in datasets:
            if dataset.name not in held:
                raise UnknownNameError(f"dataset of index {index.name}", dataset.name, held)
            part = held[dataset.name]
            chosen.append(select(dataset, part))
            origin = origin_of(dataset, split=part.split, limit=part.limit)
            described = with_origin(described, origin)
        batches = chain.from_iterable(arrivals.batches(part) for part in chosen)
        added = change.write(batches)
        state = _publish_if_new(change, arrivals, added, described)
    return _result("update", place, state, arrivals, time.perf_counter() - started)


def _publish_if_new(
    change: IndexChange,
    arrivals: Arrivals,
    added: Any | None,
    described: IndexDescription,
) -> IndexDescription:
    leaving = arrivals.intake.leaving
    if added is None and len(leaving) == 0 and described == change.index.description:
        return described
    return change.publish(removed=leaving, added=added, description=described)


def _warn_of_differing(ids: Sequence[str], dataset: str) -> None:
    if ids:
        warn(
            f"{many(len(ids), 'image differs', 'images differ')} from the indexed one of {dataset} "
            f"(first: {ids[0]}) and stayed out: `medx retrieve update` takes what differs"
        )


def _result(
    command: Literal["add", "update"],
    place: Place,
    state: IndexDescription,
    arrivals: Arrivals,
    seconds: float,
) -> ChangeResult:
    counts = arrivals.intake.counts
    return ChangeResult(
        command=command,
        index=state.name,
        index_dir=str(place),
        added=counts["new"],
        changed=counts["changed"],
        relabelled=counts["relabelled"],
        removed=counts["gone"],
        unchanged=counts["same"],
        embedded=arrivals.embedded,
        differing=tuple(arrivals.intake.differing),
        renamed=tuple(arrivals.intake.renamed),
        skipped=tuple(arrivals.skipped),
        count=state.count,
        segments=len(state.segments),
        seconds=seconds,
    )
