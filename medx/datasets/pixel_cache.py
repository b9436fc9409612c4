"""Pixels that are decoded and resized once, then mapped from disk.

A cache entry is one array for one list of images, at one size, in grey or colour. Its name is a
hash of what identifies each image's content, in order: records may be renamed, relabelled or moved
to another folder and keep their pixels. For another list of the same images, such as a new split,
rows are copied from entries that hold them instead of being decoded again.

MedMNIST rows at their own size are not cached: taking one from its array is as quick. Nor are
datasets with a reader of their own, whose output no file identifies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from medx.core import settings
from medx.core.console import warn
from medx.core.errors import InputError, MedxError
from medx.core.images import Pixels
from medx.core.words import many
from medx.datasets.decode import decode, decode_in_order, pixel_shape
from medx.datasets.image_identity import Identity, identify
from medx.datasets.manifest import Dataset, LoadedPixels
from medx.datasets.manifest_files import FileReader, npz_image_shape
from medx.datasets.pixel_store import (
    PIXELS_FILE,
    Entry,
    evict,
    images_of,
    open_entry,
    publish,
    remove_entry,
    similar_entries,
    store_dir,
    temporary_entry,
    write_rows,
)

#: Bump when ``read_image``, ``to_grey``, ``to_rgb`` or ``resize`` give other pixels.
READER_VERSION = 1


def load_pixels(dataset: Dataset, size: int, *, description: str) -> LoadedPixels:
    """Return what ``Dataset.load_pixels`` returns, from the cache where it can."""
    if not is_cached(dataset, size):
        return _read_into_memory(dataset, size, description)
    try:
        return _load_cached(dataset, size, description)
    except OSError as error:
        reason = f"decoded pixels are not kept: {error}"
    _warn_once(reason)
    return _read_into_memory(dataset, size, description)


def is_cached(dataset: Dataset, size: int) -> bool:
    """Return False for pixels that are as quick to read from where they are."""
    if not dataset.records or not isinstance(dataset.reader, FileReader):
        return False
    if settings.cache_limit() == 0:
        return False
    first = dataset.records[0]
    return npz_image_shape(first, dataset.reader.root) != pixel_shape(dataset, size)


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What to load and where it is kept."""

    dataset: Dataset
    size: int
    description: str
    identity: Identity
    root: Path
    folder: Path

    @property
    def shape(self) -> tuple[int, ...]:
        return pixel_shape(self.dataset, self.size)


def _load_cached(dataset: Dataset, size: int, description: str) -> LoadedPixels:
    try:
        store = store_dir()
    except InputError as error:
        raise OSError(str(error)) from error
    root = dataset.reader.root if isinstance(dataset.reader, FileReader) else Path()
    memory = store / "files" / f"{_short_hash(str(root.resolve()))}.json"
    identity = identify(dataset.records, root, memory)
    kind = f"v{READER_VERSION}-{size}-{'colour' if dataset.colour else 'grey'}"
    request = _Request(
        dataset=dataset,
        size=size,
        description=description,
        identity=identity,
        root=root,
        folder=store / f"{kind}-{_short_hash(*map(str, identity.images))}",
    )
    entry = open_entry(request.folder, request.shape)
    if entry:
        reasons = {position: _why_unreadable(request, position) for position in entry.skipped}
        if all(reasons.values()):
            return _loaded(dataset, entry.pixels, {p: str(r) for p, r in reasons.items()})
    # What could not be read then can be now (a decoder was installed): the entry is out of date.
    return _build(request, replaced=entry is not None)


def _build(request: _Request, *, replaced: bool) -> LoadedPixels:
    """Decode into a new entry and return it; Ctrl-C or a crash leaves no entry."""
    needed = len(request.dataset) * int(np.prod(request.shape))
    skipped: dict[int, str] = {}
    with temporary_entry(request.folder, needed) as temporary:
        with closing(_rows(request, skipped)) as rows:
            write_rows(temporary, rows, request.shape)
        if len(skipped) == len(request.dataset):
            raise _nothing_readable(request.dataset)
        if not request.identity.still_holds(request.root):
            # A file was edited meanwhile: these pixels serve now, but nobody knows of what.
            return _loaded(request.dataset, np.load(temporary / PIXELS_FILE), skipped)
        if replaced:
            remove_entry(request.folder)
        publish(temporary, request.folder)
    evict(keep=request.folder)
    entry = open_entry(request.folder, request.shape)
    if entry is None:
        raise OSError(f"{request.folder} was removed while it was in use")
    return _loaded(request.dataset, entry.pixels, skipped)


def _rows(
    request: _Request, skipped: dict[int, str]
) -> Generator[tuple[str | None, Pixels | None], None, None]:
    """Yield what identifies each image and its pixels, copied or decoded; fill ``skipped``."""
    images, records = request.identity.images, request.dataset.records
    held = _held_rows(request)
    missing = [r for r, image in zip(records, images, strict=True) if image not in held]
    decoding = decode_in_order(request.dataset, missing, request.size, request.description)
    with closing(decoding) as decoded:
        for position, image in enumerate(images):
            if image in held:
                entry, row = held[image]
                yield image, entry.pixels[row]
                continue
            result = next(decoded)
            if isinstance(result, MedxError):
                skipped[position] = str(result)
                yield image, None
            else:
                yield image, result


def _held_rows(request: _Request) -> dict[str | None, tuple[Entry, int]]:
    """Return, of the images wanted, those that other entries hold."""
    wanted = {image for image in request.identity.images if image}
    held: dict[str | None, tuple[Entry, int]] = {}
    for folder in similar_entries(request.folder):
        if wanted.isdisjoint(images_of(folder)):
            continue
        if entry := open_entry(folder, request.shape):
            found = {i: (entry, row) for row, i in enumerate(entry.images) if i in wanted}
            held.update(found)
            wanted -= found.keys()
    return held


def _why_unreadable(request: _Request, position: int) -> str | None:
    try:
        decode(request.dataset, request.dataset.records[position], request.size)
    except MedxError as error:
        return str(error)
    return None


def _read_into_memory(dataset: Dataset, size: int, description: str) -> LoadedPixels:
    pixels = np.empty((len(dataset), *pixel_shape(dataset, size)), np.uint8)
    skipped: dict[int, str] = {}
    with closing(decode_in_order(dataset, dataset.records, size, description)) as results:
        for position, result in enumerate(results):
            if isinstance(result, MedxError):
                skipped[position] = str(result)
            else:
                pixels[position - len(skipped)] = result
    return _loaded(dataset, pixels[: len(dataset) - len(skipped)], skipped)


def _loaded(dataset: Dataset, pixels: Pixels, skipped: dict[int, str]) -> LoadedPixels:
    if len(pixels) == 0:
        raise _nothing_readable(dataset)
    if skipped:
        first = next(iter(skipped.values()))
        warn(f"skipped {many(len(skipped), 'unreadable image')}, first: {first}")
    return LoadedPixels(
        pixels=pixels,
        records=tuple(r for i, r in enumerate(dataset.records) if i not in skipped),
        skipped=tuple((dataset.records[i].id, reason) for i, reason in skipped.items()),
    )


def _nothing_readable(dataset: Dataset) -> InputError:
    return InputError(f"no readable image in {dataset.name}", hint="check the dataset")


def _short_hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:24]


@cache
def _warn_once(message: str) -> None:
    warn(message)
