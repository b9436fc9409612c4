"""``medx data crop``: boxes to one picture an object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import DataDirOption, JsonOption
from medx.core.words import many


def crop(
    dataset: Annotated[str, typer.Argument(help="A dataset folder with boxes.")],
    output: Annotated[
        Path, typer.Option("--output", help="Folder to write; must not hold anything yet.")
    ],
    margin: Annotated[
        float,
        typer.Option(
            "--margin", min=0, max=10, help="Added on each side, as a share of the box's."
        ),
    ] = 0.10,
    min_size: Annotated[
        int, typer.Option("--min-size", min=1, help="Leave out boxes with a shorter side.")
    ] = 1,
    label_map: Annotated[
        str | None,
        typer.Option(
            "--label-map",
            help="Merge, rename, drop classes: old=new,old= or a YAML, JSON, CSV file, or "
            "bbbc041-binary.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Cut every box out as a picture of its own.

    Its parent image is its group.
    """
    from medx.core.console import print_json, print_line, print_table, told_on_interrupt, warn
    from medx.core.errors import InputError
    from medx.datasets.catalog import load_dataset
    from medx.datasets.crop import CropConfig, crop_dataset
    from medx.datasets.presets import find_label_map

    try:
        config = CropConfig(margin=margin, min_size=min_size)
    except ValueError as error:
        raise InputError(str(error)) from error
    loaded = load_dataset(dataset, data_dir=data_dir, download=False)
    mapping = find_label_map(label_map) if label_map else None
    with told_on_interrupt("interrupted: crops are written when they are complete"):
        summary = crop_dataset(loaded, output, config, label_map=mapping)
    if json:
        print_json(summary)
        return
    if summary.skipped:
        first = summary.skipped[0]
        warn(
            f"skipped {len(summary.skipped)}, listed in skipped.csv; first: "
            f"{first.path}: {first.reason}"
        )
    made_up = " (synthetic)" if summary.synthetic else ""
    crops, parents = many(summary.crops, "crop"), many(summary.parents, "image")
    print_line(f"{summary.name}{made_up}: {crops} of {parents}")
    splits = list(summary.counts)
    print_table(
        (
            (label, *(summary.counts[split].get(label, 0) for split in splits))
            for label in summary.classes
        ),
        columns=("class", *(split if split != "-" else "crops" for split in splits)),
    )
    print_line(f"dataset: {summary.folder}")
