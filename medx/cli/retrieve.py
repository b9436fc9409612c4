"""``medx retrieve``: build an index, search it by words or by image, measure it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResumeOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device
from retrieval.config import (
    BuildConfig,
    EvaluateConfig,
    GalleryConfig,
    SearchConfig,
    TrainEncoderConfig,
)
from retrieval.encoders import ENCODERS

if TYPE_CHECKING:
    from retrieval.evaluation.results import EvaluationResult
    from retrieval.search.queries import SearchResult

app = typer.Typer(
    help="Find images by words or by image, and measure how well.", no_args_is_help=True
)

EncoderOption = Annotated[
    str,
    typer.Option(
        "--encoder",
        help=f"auto or {', '.join(ENCODERS)}. auto takes BiomedCLIP when its weights are at hand, "
        "else compact.",
        autocompletion=lambda: ["auto", *ENCODERS],
    ),
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="Local folder with the encoder's weights.")
]
IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index", help="Name or folder of an index. [default: that of --dataset and --encoder]"
    ),
]
TopKOption = Annotated[int, typer.Option("--top-k", min=1, help="How many hits.")]
FigureOption = Annotated[
    Path | None, typer.Option("--figure", help="Write a picture of the hits to this PNG.")
]
IndexNameOption = Annotated[
    str | None,
    typer.Option("--name", help="Name or folder of the index. [default: <dataset>-<encoder>]"),
]


@app.command()
def build(
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    split: SplitOption = BuildConfig.split,
    limit: LimitOption = BuildConfig.limit,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    name: IndexNameOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Embed a dataset's images and write an index; an index of that name is replaced."""
    from medx.core.console import print_json, print_line
    from medx.datasets.catalog import default_dataset, load_dataset
    from retrieval.build import build_index
    from retrieval.encoders.load import load_encoder
    from retrieval.index.locate import index_name, new_index_dir

    images = load_dataset(dataset or default_dataset(data_dir), data_dir=data_dir)
    with_encoder = load_encoder(encoder, weights=weights, device=device.value)
    folder = new_index_dir(name or index_name(images.name, with_encoder.name))
    config = BuildConfig(split=split, limit=limit, batch_size=batch_size)
    result = build_index(images, with_encoder, folder, config)
    if json:
        print_json(result)
        return
    made_up = " synthetic" if result.synthetic else ""
    print_line(
        f"index {result.index}: {result.count}{made_up} images of {result.dataset} by "
        f"{result.encoder} in {result.seconds:.1f} s, {len(result.skipped)} skipped, "
        f"at {result.index_dir}"
    )


@app.command("text-search")
def text_search(
    text: Annotated[str, typer.Argument(help="What to look for, in words.")],
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    top_k: TopKOption = SearchConfig.top_k,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    figure: FigureOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images by words; the index is built first when it is not there yet."""
    from medx.core.console import note, warn
    from medx.core.errors import InputError
    from retrieval.gallery import open_gallery
    from retrieval.search.queries import text_search as search

    if not text.strip():
        raise InputError("nothing to search for: the text is empty")
    gallery = open_gallery(
        GalleryConfig(
            index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
            device=device.value, batch_size=batch_size,
        )
    )  # fmt: skip
    result = search(gallery.index, gallery.encoder, text, top_k=top_k, split=split)
    if result.warning:
        warn(result.warning)
    _print_search(result, json=json)
    if figure:
        from retrieval.search.figures import save_search_figure

        save_search_figure(gallery.index, result, figure, data_dir=data_dir)
        note(f"wrote {figure}")


@app.command("image-search")
def image_search(
    query: Annotated[str, typer.Argument(help="An indexed id, or any image file.")],
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    top_k: TopKOption = SearchConfig.top_k,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    figure: FigureOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images like an indexed one (itself left out) or like a file."""
    from medx.core.console import note
    from retrieval.gallery import open_gallery
    from retrieval.search.image_query import search_like

    gallery = open_gallery(
        GalleryConfig(
            index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
            device=device.value, batch_size=batch_size,
        )
    )  # fmt: skip
    result, pixels = search_like(gallery, query, top_k=top_k, split=split)
    _print_search(result, json=json)
    if figure:
        from retrieval.search.figures import read_images, save_search_figure

        if pixels is None:
            pixels = read_images(gallery.index, [query], data_dir=data_dir)[0]
        save_search_figure(gallery.index, result, figure, query=pixels, data_dir=data_dir)
        note(f"wrote {figure}")


@app.command()
def evaluate(
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = EvaluateConfig.split,
    top_k: Annotated[
        list[int] | None,
        typer.Option(
            "--top-k", min=1, help="A k of Precision@k; may be repeated. [default: 1 5 10]"
        ),
    ] = None,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    name: NameOption = None,
    output: OutputOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    seed: SeedOption = EvaluateConfig.seed,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Measure P@k of image→image and text→image search, with chance levels and intervals."""
    from medx.core.console import note, print_json
    from medx.core.runs import create_run_dir, logging_to, save_config
    from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
    from retrieval.gallery import open_gallery

    where = GalleryConfig(
        index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
        device=device.value, batch_size=batch_size,
    )  # fmt: skip
    config = EvaluateConfig(split=split, top_ks=_top_ks(top_k), seed=seed)
    gallery = open_gallery(where)
    run_dir = create_run_dir("retrieve", "evaluate", name=name, output=output)
    with logging_to(run_dir):
        result = evaluate_index(gallery.index, gallery.encoder, config)
        resolved = replace(where, index=gallery.index.name, dataset=result.dataset)
        save_config(run_dir, _plain({**asdict(resolved), **asdict(config)}))
        result = save_evaluation(result, run_dir)
    if json:
        print_json(result)
    else:
        _print_evaluation(result)
    note(f"wrote {run_dir}")


@app.command("list")
def list_indexes(json: JsonOption = False) -> None:
    """List the encoders and the indexes that are built."""
    from medx.core.console import print_json, print_table
    from retrieval.index.listing import list_retrieval

    listing = list_retrieval()
    if json:
        print_json(listing)
        return
    print_table(
        ((e.name, "yes" if e.at_hand else "no", e.summary) for e in listing.encoders),
        columns=("encoder", "weights at hand", "what"),
    )
    print_table(
        (
            (i.name, i.encoder, i.dataset, {True: "yes", False: "no"}.get(bool(i.synthetic)),
             i.count, ", ".join(f"{s} {n}" for s, n in (i.splits or {}).items()),
             f"{i.megabytes:.1f} MB", i.problem or "")
            for i in listing.indexes
        ),
        columns=("index", "encoder", "dataset", "synthetic", "images", "splits", "size", "problem"),
        title=f"indexes in {listing.index_dir}",
    )  # fmt: skip


@app.command("train-encoder")
def train_encoder(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", help="Folder for the weights.")] = Path(
        "outputs/retrieve/train-encoder/compact"
    ),
    dataset: Annotated[
        str, typer.Option("--dataset", help="Labelled radiographs; only their train split is read.")
    ] = TrainEncoderConfig.dataset,
    data_dir: DataDirOption = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Optimiser steps.")
    ] = TrainEncoderConfig.steps,
    batch_size: BatchSizeOption = TrainEncoderConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = TrainEncoderConfig.seed,
    config: ConfigOption = None,
    set_: SetOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
) -> None:
    """Train the compact encoder from scratch; use it with --encoder compact --weights FOLDER."""
    from medx.core.console import print_line
    from medx.datasets.catalog import load_dataset
    from retrieval.training.train_encoder import train_encoder as train

    settings = resolve_config(
        TrainEncoderConfig(), given=given_options(context), config_file=config, assignments=set_
    )
    path = train(settings, load_dataset(settings.dataset, data_dir=data_dir), output, resume=resume)
    print_line(f"wrote {path}")


def _print_search(result: SearchResult, *, json: bool) -> None:
    from medx.core.console import print_json, print_table

    if json:
        print_json(result)
        return
    made_up = "SYNTHETIC " if result.synthetic else ""
    title = (
        f"{result.query!r} among {result.count} {made_up}images of {result.dataset}"
        f" (encoder {result.encoder})"
    )
    same = ("", " = query's pixels")
    print_table(
        (
            (h.rank, h.similarity, h.label, h.split, h.id + same[h.id in result.duplicates],
             h.text or h.path)
            for h in result.hits
        ),
        columns=("rank", "similarity", "label", "split", "id", "text or path"),
        title=title + (f"\nwarning: {result.warning}" if result.warning else ""),
    )  # fmt: skip


def _print_evaluation(result: EvaluationResult) -> None:
    from medx.core.console import print_line, print_table

    made_up = "SYNTHETIC " if result.synthetic else ""
    for p in result.protocols:
        print_table(
            (
                (row.metric, row.label or row.scope, str(row.precision), row.chance, row.n)
                for row in (*p.rows, *p.average_precisions)
            ),
            columns=("metric", "of", "precision [95 % interval]", "chance", "n"),
            title=f"{p.task}, {p.protocol}: {made_up}{result.dataset}, {p.queries} queries of "
            f"split {p.split} in {p.gallery} images of split {p.gallery_split} "
            f"(encoder {result.encoder.name}; left out: {p.excluded_duplicates} duplicate pairs, "
            f"{p.excluded_same_group} same-group pairs)"
            + (f"\nnot measured: {', '.join(p.unmeasured)}" if p.unmeasured else ""),
        )
    looks = "once" if result.test_evaluations == 1 else f"{result.test_evaluations} times"
    print_line(f"test split of {result.dataset} evaluated {looks} so far with this encoder")


def _top_ks(values: list[int] | None) -> tuple[int, ...]:
    return tuple(sorted(set(values))) if values else EvaluateConfig.top_ks


def _plain(config: dict[str, object]) -> dict[str, object]:
    """Return a config as YAML can hold it."""
    plain = {}
    for name, value in config.items():
        value = str(value) if isinstance(value, Path) else value
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain
