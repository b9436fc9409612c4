"""Bringing the images of indexes into another one; nothing is embedded again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from medx.core.console import warn
from medx.core.errors import IndexMismatchError, InputError
from medx.core.runs import now
from medx.core.words import many
from retrieval.encoders.base import Embeddings
from retrieval.index.commit import check_replaceable
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items
from retrieval.index.origin import joined, with_origin
from retrieval.place import Place, holds_index, load_index
from retrieval.store.intake import Intake
from retrieval.store.opening import making_place
from retrieval.store.results import ChangeResult
from retrieval.store.tracked import tracked_batches

#: The digest of a dataset of which two indexes held two states: it is out of date.
DIFFERENT_STATES = "different states"


def merge_indexes(sources: Sequence[Place], target: Place, *, wait: bool = True) -> ChangeResult:
    """Add the images of indexes to ``target``, which is made when it is not there.

    What the target has stays; of one image in two sources the first is taken. Sources stay as they
    are.

    Raises:
        InputError: When a folder holds no index, or ``target`` something else.
        IndexMismatchError: When not all were built by the same encoder.
    """
    if not sources:
        raise InputError("nothing to merge", hint="name the indexes to bring together")
    started = time.perf_counter()
    opened = [load_index(place) for place in sources]
    if isinstance(target, Path):
        check_replaceable(target)
    _check_one_encoder([*opened, *([load_index(target)] if holds_index(target) else [])])
    empty = _empty(opened[0], target.name)
    with making_place(target, empty, wait=wait) as change:
        index = change.index
        _check_one_encoder([*opened, index])
        intake = Intake(index, replace=False)
        described = index.description
        for source in opened:
            described = _with_origins(described, source.description)
        added = change.write(chain.from_iterable(_batches(source, intake) for source in opened))
        state = index.description
        if added is not None or described != state or state.generation == 0:
            none = np.array([], np.int64)
            state = change.publish(removed=none, added=added, description=described)
    if intake.differing:
        differ = many(len(intake.differing), "image differs", "images differ")
        warn(f"{differ} from one of the same id (first: {intake.differing[0]}) and stayed out")
    return ChangeResult(
        command="merge",
        index=state.name,
        index_dir=str(target),
        added=intake.counts["new"],
        unchanged=intake.counts["same"],
        differing=tuple(intake.differing),
        renamed=tuple(intake.renamed),
        count=state.count,
        segments=len(state.segments),
        seconds=time.perf_counter() - started,
    )


def _check_one_encoder(indexes: Sequence[GalleryIndex]) -> None:
    first = indexes[0].description
    for index in indexes[1:]:
        about = index.description
        if about.encoder != first.encoder:
            raise IndexMismatchError(
                f"index {about.name} was built by {about.encoder}, but {first.name} by "
                f"{first.encoder}: their vectors cannot be compared",
                hint=f"build one of them again by the other's encoder: {_rebuild(about, first)}",
            )


def _rebuild(about: IndexDescription, like: IndexDescription) -> str:
    changes = {"encoder": like.encoder, "encoder_weights": like.encoder_weights}
    return about.model_copy(update=changes).build_command()


def _empty(like: GalleryIndex, name: str) -> IndexDescription:
    changes = {
        "name": name,
        "generation": 0,
        "count": 0,
        "splits": {},
        "segments": (),
        "created": now(),
    }
    return IndexDescription.model_validate(like.description.model_dump() | changes)


def _batches(source: GalleryIndex, intake: Intake) -> Iterator[tuple[Items, Embeddings]]:
    first = source.description.dataset
    for items, embeddings in tracked_batches(source, "merging"):
        named = [replace(item, dataset=item.dataset or first) for item in items.to_list()]
        taken = intake.take(named, embeddings)
        if len(taken[0]):
            yield taken


def _with_origins(about: IndexDescription, source: IndexDescription) -> IndexDescription:
    for coming in source.origins:
        held = {origin.name: origin for origin in about.origins}.get(coming.name)
        if held is None:
            about = with_origin(about, coming)
            continue
        digest = held.digest if held.digest == coming.digest else DIFFERENT_STATES
        origin = joined(held, coming).model_copy(update={"digest": digest})
        about = with_origin(about, origin)
    return about
