"""``medx retrieve compare``: several indexes of the same images in one table and one figure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import (
    BatchSizeOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    NameOption,
    OfflineOption,
    OutputOption,
    SeedOption,
    SplitOption,
)
from medx.cli.retrieve_evaluate import TopKsOption, settle_top_ks
from medx.cli.retrieve_options import UriOption
from medx.core.device import Device
from retrieval.config import EvaluateConfig, GalleryConfig

if TYPE_CHECKING:
    from retrieval.evaluation.comparison import Contender


def compare(
    indexes: Annotated[
        list[str] | None, typer.Argument(metavar="[INDEX]...", help="Names or folders of indexes.")
    ] = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            "--encoder",
            help="Compare the index of --dataset by this encoder, too; may be repeated. It is "
            "built when it is not there.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="Search every index as this kind (flat, hnsw, ivf-sq8, ivf-pq); may be repeated. "
            "[default: each one's own]",
        ),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            help="Take each index from faiss or milvus; may be repeated. [default: faiss]",
        ),
    ] = None,
    uri: UriOption = GalleryConfig.uri,
    split: SplitOption = EvaluateConfig.split,
    top_k: TopKsOption = None,
    name: NameOption = None,
    output: OutputOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    seed: SeedOption = EvaluateConfig.seed,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Measure encoders and kinds of index on the same queries.

    With paired differences.

    Differences are to the first one named; their intervals draw the same queries for both.
    """
    from medx.cli.retrieve_evaluation_tables import print_comparison
    from medx.core.console import note, print_json
    from medx.core.runs import create_run_dir, logging_to, save_config
    from retrieval.evaluation.comparison import compare_indexes, save_comparison

    config = EvaluateConfig(split=split, top_ks=settle_top_ks(top_k), errors=0, seed=seed)
    common = GalleryConfig(
        dataset=dataset, data_dir=data_dir, device=device.value, batch_size=batch_size
    )
    backends = backend or [GalleryConfig.backend]
    kept = [
        replace(common, backend=name, uri=uri if name == "milvus" else None) for name in backends
    ]
    contenders = [
        found
        for place in kept
        for found in _open_all(
            indexes or [], encoder or [], kind or [None], place, told=len(kept) > 1
        )
    ]
    result = compare_indexes(contenders, config)
    run_dir = create_run_dir("retrieve", "compare", name=name, output=output)
    with logging_to(run_dir):
        save_config(
            run_dir,
            {
                "indexes": [contender.name for contender in contenders],
                "split": split,
                "top_ks": list(config.top_ks),
                "seed": seed,
            },
        )
        result = save_comparison(result, run_dir)
    if json:
        print_json(result)
    else:
        print_comparison(result)
    note(f"wrote {run_dir}")


def _open_all(
    indexes: list[str],
    encoders: list[str],
    kinds: list[str] | list[None],
    common: GalleryConfig,
    *,
    told: bool,
) -> list[Contender]:
    from pathlib import Path

    from retrieval.evaluation.comparison import Contender
    from retrieval.gallery import open_gallery
    from retrieval.place import find_place, load_description_at

    wanted = []
    for name in indexes:
        place = find_place(name, backend=common.backend, uri=common.uri)
        own = load_description_at(place).encoder_weights
        wanted.append(replace(common, index=name, weights=Path(own) if own else None))
    wanted += [replace(common, encoder=encoder) for encoder in encoders]
    backend = common.backend if told else ""
    galleries = [open_gallery(config) for config in wanted]
    return [
        Contender(index=gallery.index, encoder=gallery.encoder, kind=kind, backend=backend)
        for gallery in galleries
        for kind in kinds
    ]
