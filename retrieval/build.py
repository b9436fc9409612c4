"""From a dataset to an index folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict

from pydantic import Field

from medx.core.errors import InputError, MedxError
from medx.core.processes import from_main
from medx.core.runs import now, package_versions
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.datasets.manifest import Dataset
from retrieval.config import BuildConfig, EmbedConfig
from retrieval.embedding.embed import embed_dataset
from retrieval.embedding.result import EmbeddedImages, SkippedImage
from retrieval.encoders.base import Embeddings, Encoder, Fingerprint
from retrieval.index.accelerate import accelerate
from retrieval.index.commit import changing, check_replaceable
from retrieval.index.description import IndexDescription
from retrieval.index.items import Items
from retrieval.index.kinds import Kind, resolve_kind
from retrieval.index.origin import dataset_digest, dataset_source, item_of
from retrieval.index.segment import write_segment
from retrieval.index.state import describe
from retrieval.index.tuning import Tuning
from retrieval.milvus.place import MilvusPlace
from retrieval.place import Place, holds_index, load_description_at

PACKAGES = ("medx", "numpy", "faiss-cpu", "pyarrow", "torch", "open_clip_torch")


class BuildResult(Value):
    """What ``build_index`` made."""

    schema_version: int = 1
    index: str
    index_dir: str
    encoder: Fingerprint
    encoder_reason: str
    dataset: str
    synthetic: bool
    count: int
    splits: dict[str, int]
    embedded: int = Field(description="Pictures that the encoder had to look at.")
    reused: int = Field(description="Images whose picture was embedded before.")
    skipped: tuple[SkippedImage, ...]
    kind: Kind
    tuning: Tuning | None = Field(description="Recall of a kind that is not exact.")
    seconds: float
    images_per_second: float
    disclaimer: str = DISCLAIMER


def build_index(
    dataset: Dataset, encoder: Encoder, place: Place, config: BuildConfig | None = None
) -> BuildResult:
    """Embed every readable image of ``dataset`` and write the index.

    Images that cannot be read are left out, counted and listed. Embeddings stay in the cache of
    their encoder, so that a build that was cut short goes on where it was.

    Raises:
        InputError: When no image can be read, there are too few for the kind, or ``place``
            holds something else.
    """
    config = config or BuildConfig()
    if not isinstance(place, MilvusPlace):
        check_replaceable(place)
    chosen = dataset.split(config.split, limit=config.limit)
    resolve_kind(config.kind, len(chosen), encoder.dim)
    embedded = embed_dataset(chosen, encoder, config=EmbedConfig(batch_size=config.batch_size))
    images = embedded.require_images()
    description = _describe(dataset, encoder, name=place.name, config=config)
    state = from_main(lambda: _write(images, description, place, config))
    return BuildResult(
        index=place.name,
        index_dir=str(place),
        encoder=encoder.fingerprint,
        encoder_reason=encoder.reason,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        count=state.count,
        splits=state.splits,
        embedded=embedded.embedded,
        reused=embedded.reused,
        skipped=embedded.skipped,
        kind=state.kind,
        tuning=state.tuning,
        seconds=embedded.seconds,
        images_per_second=embedded.images_per_second,
    )


def check_same_dataset(place: Place, dataset: Dataset) -> None:
    """Raise ``InputError`` when an index at ``place`` holds what ``dataset`` does not.

    One that cannot be read is there to be replaced.
    """
    if not holds_index(place):
        return
    try:
        held = load_description_at(place)
    except MedxError:
        return
    name = shlex.quote(held.name)
    replace_it = f"--name {name} replaces it all the same"
    if held.dataset_source != dataset_source(dataset):
        raise InputError(
            f"index {held.name} holds another dataset of the same name, from {held.dataset_source}",
            hint=f"pass --name OTHER; {replace_it}",
        )
    if held.also:
        also = ", ".join(origin.name for origin in held.also)
        raise InputError(
            f"index {held.name} holds images of other datasets, too ({also})",
            hint=f"`medx retrieve update {name}` follows all of them; {replace_it}",
        )


def _write(
    images: EmbeddedImages, description: IndexDescription, place: Place, config: BuildConfig
) -> IndexDescription:
    """Make embedded images, read shard by shard, the state of an index."""
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.store import write_gallery

        return write_gallery(
            place, _batches(images), description, kind=config.kind, memory_bytes=config.memory_bytes
        )
    with changing(place) as change:
        segment = write_segment(change, _batches(images), description.encoder.dim)
        if segment:
            segment = accelerate(change, segment, config.kind, memory_bytes=config.memory_bytes)
        state = describe(description, [segment] if segment else [])
        change.publish(state)
    return state


def _batches(images: EmbeddedImages) -> Iterator[tuple[Items, Embeddings]]:
    name = images.dataset.name
    for part in images.parts():
        pairs = zip(part.records, part.content_hashes, strict=True)
        yield (
            Items.from_items([item_of(record, digest, name) for record, digest in pairs]),
            part.embeddings,
        )


def _describe(
    dataset: Dataset, encoder: Encoder, *, name: str, config: BuildConfig
) -> IndexDescription:
    return IndexDescription(
        name=name,
        encoder=encoder.fingerprint,
        count=0,
        dataset=dataset.name,
        dataset_source=dataset_source(dataset),
        dataset_digest=dataset_digest(dataset),
        encoder_weights=str(encoder.weights_folder) if encoder.weights_folder else None,
        modality=dataset.modality,
        classes=dataset.classes,
        synthetic=dataset.synthetic,
        settings=asdict(config),
        packages=package_versions(PACKAGES),
        created=now(),
    )
