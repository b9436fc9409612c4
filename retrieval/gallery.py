"""Opening the gallery a command asks for, building it first when it is not there yet."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medx.core.console import note, told_on_interrupt
from medx.core.errors import IndexMismatchError, InputError
from retrieval.config import AUTO, GalleryConfig, SearchConfig
from retrieval.encoders.base import Encoder
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.encoders.runtimes.load import bulk_runtime, query_runtime
from retrieval.index.description import build_command
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.locate import FULL_PRECISION, index_name
from retrieval.index.origin import dataset_digest, dataset_source
from retrieval.place import Place, find_place, holds_index, load_index, new_place, place_options

if TYPE_CHECKING:
    from medx.core.images import Pixels
    from retrieval.search.query import Query
    from retrieval.search.results import SearchResult


class Gallery:
    """An open index with the encoder that made it; the encoder is loaded when first needed.

    Args:
        place: Where the index is.
        index: What is there.
        config: What was asked for.
        reason: Why it is this encoder.

    Raises:
        IndexMismatchError: When the index is of another precision than the one named.
    """

    def __init__(
        self, place: Place, index: GalleryIndex, config: GalleryConfig, reason: str
    ) -> None:
        made_at = index.description.encoder.precision
        if config.precision not in (None, made_at):
            raise IndexMismatchError(
                f"index {index.name} was built at {made_at}, not at {config.precision}",
                hint="leave --precision out",
            )
        self.place = place
        self.index = index
        self.encoder_reason = reason
        self._config = config

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder that made the index, at the runtime that answers a query soonest.

        Raises:
            IndexMismatchError: When its weights or preprocessing are not those of the index.
        """
        return self._load(for_queries=True)

    @cached_property
    def bulk_encoder(self) -> Encoder:
        """The encoder that made the index, for many images: torch, where that is possible.

        Raises:
            IndexMismatchError: When its weights or preprocessing are not those of the index.
        """
        return self._load(for_queries=False)

    def _load(self, *, for_queries: bool) -> Encoder:
        made_by, config = self.index.description.encoder, self._with_weights()
        choose_runtime = query_runtime if for_queries else bulk_runtime
        encoder = load_encoder(
            made_by.name,
            weights=config.weights,
            device=config.device,
            runtime=choose_runtime(config, made_by),
            precision=made_by.precision,
        )
        encoder.reason = self.encoder_reason
        self.index.check_encoder(encoder)
        return encoder

    def _with_weights(self) -> GalleryConfig:
        """Return the settings with the folder of weights that the index names, if it is there."""
        own = self.index.description.encoder_weights
        if self._config.weights is not None or own is None or not Path(own).exists():
            return self._config
        return replace(self._config, weights=Path(own))

    def search(
        self,
        query: Query | str | Path | Pixels,
        config: SearchConfig | None = None,
        **options: Any,
    ) -> SearchResult:
        """Return the images that fit a query best.

        Args:
            query: Words as a string, an image as a ``Path`` or an array, or what
                ``retrieval.search.query`` and ``parse_query`` make of several of them.
            config: Where to look and what to return.
            options: Settings of ``SearchConfig`` that differ, such as ``top_k=5``.

        Raises:
            InputError: When a file cannot be read, or not one image can be found.
            IndexMismatchError: When the encoder at hand did not make the index.
        """
        from retrieval.search.query import as_query
        from retrieval.search.search import search

        settled = replace(config or SearchConfig(), **options)
        return search(self.index, lambda: self.encoder, as_query(query), settled).result


def open_gallery(config: GalleryConfig | None = None, **options: Any) -> Gallery:
    """Open the index that ``config`` names, or that of its dataset and encoder.

    The latter is built first, with a note, when it is not there yet.

    Args:
        config: Which index.
        options: Settings of ``GalleryConfig`` that differ, such as ``dataset="phantom-cxr"``.

    Raises:
        UnknownNameError: When no index, dataset or encoder has that name.
        IndexMismatchError: When the named index was made by another encoder than the one named.
    """
    config = replace(config or GalleryConfig(), **options)
    if config.index is not None:
        return _open_named(config, config.index)
    choice = choose_encoder(config.encoder, weights=config.weights)
    if config.encoder == AUTO:
        note(f"encoder {choice.name} ({choice.reason})")
    name, source, digest = _dataset_of(config)
    place = new_place(
        index_name(name, choice.name, config.precision or FULL_PRECISION),
        backend=config.backend,
        uri=config.uri,
    )
    if not holds_index(place):
        _build(config, choice.name, source, place)
    index = load_index(place)
    command = build_command(
        source, choice.name, config.weights, precision=config.precision
    ) + place_options(place)
    _check_same(index, source, digest, command)
    _check_alone(index, command)
    _check_whole(index, command)
    return Gallery(place, index, config, choice.reason)


def _check_same(index: GalleryIndex, source: str, digest: str | None, command: str) -> None:
    held = index.description.dataset_source
    if held != source:
        raise InputError(
            f"index {index.name} holds another dataset of the same name, from {held}",
            hint=f"{command} --name OTHER, then pass --index OTHER",
        )
    built_from = index.description.dataset_digest
    if digest and built_from and digest != built_from:
        raise InputError(
            f"index {index.name} is out of date: {source} has changed since it was built",
            hint=f"bring it up to date: medx retrieve update {shlex.quote(index.name)}; "
            f"or use it as it is: --index {index.name}",
        )


def _check_alone(index: GalleryIndex, command: str) -> None:
    if also := [origin.name for origin in index.description.also]:
        raise InputError(
            f"index {index.name} holds images of other datasets, too ({', '.join(also)})",
            hint=f"use it on purpose: --index {index.name}; or build one of this dataset alone: "
            f"{command} --name OTHER, then pass --index OTHER",
        )


def _check_whole(index: GalleryIndex, command: str) -> None:
    made = index.description.settings
    split, limit = made.get("split", "all"), made.get("limit")
    if split != "all" or limit is not None:
        part = f"split {split}" + (f", the first {limit} images" if limit is not None else "")
        raise InputError(
            f"index {index.name} holds only a part of its dataset ({part})",
            hint=f"build the whole one: {command}; or use this one on purpose: "
            f"--index {index.name}",
        )


def _open_named(config: GalleryConfig, name: str) -> Gallery:
    place = find_place(name, backend=config.backend, uri=config.uri)
    index = load_index(place)
    made_by = index.description.encoder.name
    if config.encoder == AUTO:
        return Gallery(place, index, config, f"auto: index {index.name} was built by it")
    own = index.description.encoder_weights
    weights = config.weights or (Path(own) if own else None)
    asked = choose_encoder(config.encoder, weights=weights).name
    if asked != made_by:
        command = build_command(index.description.dataset_source, asked, config.weights)
        same = f"--encoder {made_by}" + (f" --weights {own}" if own else "")
        raise IndexMismatchError(
            f"index {index.name} was built by {made_by}, not by {asked}",
            hint=f"pass {same}, or build another: {command}",
        )
    return Gallery(place, index, config, "asked for by name")


def _dataset_of(config: GalleryConfig) -> tuple[str, str, str | None]:
    """Return the dataset's name, what ``load_dataset`` takes to find it, and a folder's digest."""
    from medx.datasets.catalog import default_dataset, is_built_in
    from medx.datasets.manifest_files import load_manifest

    spec = config.dataset or default_dataset(config.data_dir)
    if is_built_in(spec) or not Path(spec).is_dir():
        return spec, spec, None  # a name always means the same images
    dataset = load_manifest(Path(spec))
    return dataset.name, dataset_source(dataset), dataset_digest(dataset)


def _build(config: GalleryConfig, encoder: str, source: str, place: Place) -> None:
    from medx.datasets.catalog import load_dataset
    from retrieval.build import build_index
    from retrieval.config import BuildConfig

    dataset = load_dataset(source, data_dir=config.data_dir)
    built_by = load_encoder(
        encoder if config.encoder == AUTO else config.encoder,
        weights=config.weights,
        device=config.device,
        runtime=config.runtime,
        precision=config.precision,
    )
    made_up = " synthetic" if dataset.synthetic else ""
    note(f"no index {place.name} yet: building it from {len(dataset)}{made_up} images, once")
    with told_on_interrupt("the same command goes on"):
        result = build_index(dataset, built_by, place, BuildConfig(batch_size=config.batch_size))
    pace = f", {result.images_per_second:.0f} a second" if result.embedded else ""
    note(f"built {result.index}: {result.count} images{pace}")
