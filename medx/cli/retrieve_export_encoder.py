"""``medx retrieve export-encoder``: an encoder for ONNX Runtime and OpenVINO, ahead of its use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import DataDirOption, JsonOption, OfflineOption
from medx.cli.retrieve_options import EncoderOption, WeightsOption
from retrieval.config import GalleryConfig

LIMIT = 256


def export_encoder(
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: Annotated[str, typer.Option("--runtime", help="onnx or openvino.")] = "onnx",
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            help="fp32, int8, with openvino bf16; may be repeated. [default: all it knows]",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="Compare with fp32 on images of this dataset. [default: synthetic radiographs]",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    limit: Annotated[
        int, typer.Option("--limit", min=2, help="How many of its images to compare on.")
    ] = LIMIT,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Also copy it to this new folder, which --weights takes."),
    ] = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Export an encoder for queries that start without torch.

    With int8 it embeds faster; both are measured.
    """
    from medx.core.console import print_json, print_line, print_table
    from medx.datasets.catalog import load_dataset
    from retrieval.encoders.runtimes import RUNTIMES
    from retrieval.encoders.runtimes.export_encoder import dataset_sample
    from retrieval.encoders.runtimes.export_encoder import export_encoder as export

    sample = None
    if dataset is not None:
        sample = dataset_sample(load_dataset(dataset, data_dir=data_dir), limit)
    result = export(
        encoder, weights=weights, runtime=runtime, sample=sample, output=output,
        precisions=precision or RUNTIMES.get(runtime, ("fp32",)),
    )  # fmt: skip
    if json:
        print_json(result)
        return
    size = sum(result.files.values()) / 1e6
    print_line(f"{result.encoder}: {len(result.files)} files, {size:.0f} MB, in {result.folder}")
    rows = (
        (name, f.compared_with, f"{f.sample}{' (synthetic)' if f.synthetic else ''}", kind,
         a.count, f"{a.mean_cosine:.5f}", f"{a.worst_cosine:.5f}", f"{a.top10_overlap:.3f}")
        for name, f in result.fidelity.items()
        for kind, a in (("images", f.images), ("texts", f.texts))
        if a is not None
    )  # fmt: skip
    print_table(
        rows,
        columns=(
            "what", "beside", "sample", "kind", "count", "mean cosine", "worst cosine",
            "top-10 overlap",
        ),
    )  # fmt: skip
