"""``medx retrieve evaluate``: Precision@k with interval and chance."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

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
from medx.cli.retrieve_evaluation_tables import print_evaluation
from medx.cli.retrieve_options import (
    BackendOption,
    EncoderOption,
    IndexOption,
    PrecisionOption,
    RuntimeOption,
    UriOption,
    WeightsOption,
)
from medx.core.device import Device
from retrieval.config import (
    EvaluateConfig,
    GalleryConfig,
)

TopKsOption = Annotated[
    list[int] | None,
    typer.Option(
        "--top-k", min=1, help="A k of P@k and its like; may be repeated. [default: 1 5 10]"
    ),
]


def evaluate(
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = EvaluateConfig.split,
    top_k: TopKsOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="Find neighbours with this kind of index: flat, hnsw, ivf-sq8, ivf-pq. "
            "[default: that of the index]",
        ),
    ] = EvaluateConfig.kind,
    errors: Annotated[
        int,
        typer.Option("--errors", min=0, help="Most wrong nearest neighbours to show."),
    ] = EvaluateConfig.errors,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    name: NameOption = None,
    output: OutputOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    seed: SeedOption = EvaluateConfig.seed,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Measure P@k of image→image and text→image search.

    Chance levels and intervals stand beside the figures.
    """
    from medx.core.console import note, print_json
    from medx.core.runs import logging_to, new_run_dir, save_config
    from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
    from retrieval.gallery import open_gallery

    where = GalleryConfig(
        index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
        runtime=runtime, precision=precision, device=device.value, batch_size=batch_size,
        backend=backend, uri=uri,
    )  # fmt: skip
    config = EvaluateConfig(
        split=split, top_ks=settle_top_ks(top_k), kind=kind, errors=errors, seed=seed
    )
    gallery = open_gallery(where)
    with (
        new_run_dir("retrieve", "evaluate", name=name, output=output) as run_dir,
        logging_to(run_dir),
    ):
        result = evaluate_index(gallery.index, gallery.encoder, config)
        resolved = replace(where, index=gallery.index.name, dataset=result.dataset)
        save_config(run_dir, _plain({**asdict(resolved), **asdict(config)}))
        result = save_evaluation(result, run_dir, index=gallery.index, data_dir=data_dir)
    if json:
        print_json(result)
    else:
        print_evaluation(result)
    note(f"wrote {run_dir}")


def settle_top_ks(values: list[int] | None) -> tuple[int, ...]:
    """Return each k once, in order; the usual ones when none is given."""
    return tuple(sorted(set(values))) if values else EvaluateConfig.top_ks


def _plain(config: dict[str, object]) -> dict[str, object]:
    """Return a config as YAML can hold it."""
    plain = {}
    for name, value in config.items():
        value = str(value) if isinstance(value, Path) else value
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain
