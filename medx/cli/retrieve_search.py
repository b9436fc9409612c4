"""``medx retrieve text-search``, ``image-search`` and ``search``: three ways into one search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from medx.cli.options import (
    BatchSizeOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
    SplitOption,
)
from medx.cli.retrieve_options import (
    BackendOption,
    EncoderOption,
    FigureOption,
    IndexOption,
    PrecisionOption,
    RuntimeOption,
    TopKOption,
    UriOption,
    WeightsOption,
)
from medx.cli.retrieve_search_options import (
    AllowUrlOption,
    DedupAboveOption,
    DedupOption,
    DiversityOption,
    EnsembleOption,
    HeatmapOption,
    MinSimilarityOption,
    OutputFileOption,
    PageOption,
    QueriesOption,
    ResumeQueriesOption,
    VoteCheckOption,
    VoteOption,
    WhereOption,
)
from medx.core.device import Device
from retrieval.config import GalleryConfig, SearchConfig

if TYPE_CHECKING:
    from retrieval.gallery import Gallery
    from retrieval.search.query import Query
    from retrieval.search.search import Answer

Config = TypeVar("Config")


def text_search(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    where: WhereOption = SearchConfig.where,
    top_k: TopKOption = SearchConfig.top_k,
    ensemble: EnsembleOption = SearchConfig.ensemble,
    min_similarity: MinSimilarityOption = SearchConfig.min_similarity,
    dedup: DedupOption = SearchConfig.dedup,
    dedup_above: DedupAboveOption = SearchConfig.dedup_above,
    diversity: DiversityOption = SearchConfig.diversity,
    vote: VoteOption = SearchConfig.vote,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    queries: QueriesOption = None,
    output: OutputFileOption = None,
    resume: ResumeQueriesOption = False,
    figure: FigureOption = None,
    page: PageOption = None,
    heatmap: HeatmapOption = False,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images by words.

    The index is built first when it is not there yet.
    """
    from retrieval.search.query import words

    _run(context.params, text, words)


def image_search(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(help="An indexed id, any image file, or a URL.")
    ] = None,
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    where: WhereOption = SearchConfig.where,
    top_k: TopKOption = SearchConfig.top_k,
    min_similarity: MinSimilarityOption = SearchConfig.min_similarity,
    dedup: DedupOption = SearchConfig.dedup,
    dedup_above: DedupAboveOption = SearchConfig.dedup_above,
    diversity: DiversityOption = SearchConfig.diversity,
    vote: VoteOption = SearchConfig.vote,
    vote_check: VoteCheckOption = False,
    allow_url: AllowUrlOption = SearchConfig.allow_url,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    queries: QueriesOption = None,
    output: OutputFileOption = None,
    resume: ResumeQueriesOption = False,
    figure: FigureOption = None,
    page: PageOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images like an indexed one or like a file.

    The indexed one itself is left out.
    """
    from retrieval.search.query import like

    _run(context.params, query, like)


def search(
    context: typer.Context,
    expression: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPR]",
            help="Words in quotes, ids, image files and URLs, joined by + and -, each with a "
            'weight: \'"consolidation" + ./q.png - 0.5 * "pleural effusion"\'.',
        ),
    ] = None,
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    where: WhereOption = SearchConfig.where,
    top_k: TopKOption = SearchConfig.top_k,
    ensemble: EnsembleOption = SearchConfig.ensemble,
    min_similarity: MinSimilarityOption = SearchConfig.min_similarity,
    dedup: DedupOption = SearchConfig.dedup,
    dedup_above: DedupAboveOption = SearchConfig.dedup_above,
    diversity: DiversityOption = SearchConfig.diversity,
    vote: VoteOption = SearchConfig.vote,
    vote_check: VoteCheckOption = False,
    allow_url: AllowUrlOption = SearchConfig.allow_url,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    queries: QueriesOption = None,
    output: OutputFileOption = None,
    resume: ResumeQueriesOption = False,
    figure: FigureOption = None,
    page: PageOption = None,
    heatmap: HeatmapOption = False,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images by words and images together.

    Each has its own weight.

    Parts are added as unit vectors. A sign stands between blanks, so that ids may hold dashes;
    id:, file: and text: say what a part is where that is not plain.
    """
    from retrieval.search.expression import parse_query

    _run(context.params, expression, parse_query)


def _run(options: dict[str, Any], asked: str | None, parse: Callable[[str], Query]) -> None:
    _check_options(options, asked)
    config = _settings(SearchConfig, options)
    if options["queries"] is not None:
        from medx.cli.retrieve_batch import answer_file

        answer_file(lambda: _open(options), options, parse, config)
        return
    from medx.cli.retrieve_tables import print_search
    from medx.core.console import warn
    from retrieval.search.search import search

    query = parse(asked or "")
    gallery = _open(options)
    answer = search(gallery.index, lambda: gallery.encoder, query, config)
    answer = _with_vote_check(gallery, answer, options)
    if answer.result.warning and options["json"]:  # the table begins with it
        warn(answer.result.warning)
    print_search(answer.result, json=options["json"])
    _save_pictures(gallery, answer, options)


def _check_options(options: dict[str, Any], asked: str | None) -> None:
    from medx.core.errors import InputError

    if (asked is None) == (options["queries"] is None):
        raise InputError(
            "nothing to search for" if asked is None else "one query and a file of queries",
            hint="give one query, or --queries FILE",
        )
    drawn = options["figure"] or options["page"]
    if options.get("heatmap") and not drawn:
        raise InputError("--heatmap has nowhere to draw", hint="add --page or --figure")
    _check_target("--figure", options["figure"], ".png")
    _check_target("--page", options["page"], ".html", ".htm")
    if options["queries"] is not None and (drawn or options.get("vote_check")):
        raise InputError(
            "--page, --figure and --vote-check are for one query", hint="leave --queries out"
        )
    if options["queries"] is None and (options["output"] or options["resume"]):
        raise InputError("--output and --resume are for --queries", hint="--json prints one result")
    if options.get("vote_check") and not options["vote"]:
        raise InputError("--vote-check measures --vote", hint="add --vote")


def _check_target(option: str, path: Path | None, *suffixes: str) -> None:
    """Refuse, before anything is searched, a file that could not be written afterwards."""
    from medx.core.errors import InputError

    if path is not None and (path.is_dir() or path.suffix.lower() not in suffixes):
        what = "is a folder" if path.is_dir() else f"does not end in {suffixes[0]}"
        raise InputError(f"{option} {path} {what}", hint=f"name a file such as hits{suffixes[0]}")


def _settings(kind: type[Config], options: dict[str, Any]) -> Config:
    given = {f.name: options[f.name] for f in fields(kind) if f.name in options}  # type: ignore[arg-type]
    return kind(**{k: v.value if isinstance(v, Device) else v for k, v in given.items()})


def _open(options: dict[str, Any]) -> Gallery:
    from retrieval.gallery import open_gallery

    return open_gallery(_settings(GalleryConfig, options))


def _with_vote_check(gallery: Gallery, answer: Answer, options: dict[str, Any]) -> Answer:
    if not options.get("vote_check"):
        return answer
    from retrieval.search.vote_check import check_vote

    return check_vote(gallery.index, answer)


def _save_pictures(gallery: Gallery, answer: Answer, options: dict[str, Any]) -> None:
    figure: Path | None = options["figure"]
    page: Path | None = options["page"]
    if not (figure or page):
        return
    from medx.core.console import note
    from retrieval.search.pictures import collect_pictures

    encoder = gallery.encoder if options.get("heatmap") else None
    pictures = collect_pictures(
        gallery.index, answer, data_dir=options["data_dir"], heatmaps_by=encoder
    )
    if figure:
        from retrieval.search.figures import save_search_figure

        save_search_figure(answer.result, pictures, figure)
        note(f"wrote {figure}")
    if page:
        from retrieval.search.page import save_search_page

        save_search_page(answer.result, pictures, page)
        note(f"wrote {page}")
