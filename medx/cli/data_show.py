"""``medx data show``: look at a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from medx.cli.data_names import output_name
from medx.cli.options import (
    DataDirOption,
    DatasetArgument,
    JsonOption,
    OfflineOption,
    SeedOption,
    SplitOption,
)

ByOption = Annotated[
    Literal["label", "split", "source"], typer.Option("--by", help="What a row is of.")
]
CountOption = Annotated[int, typer.Option("--count", min=1, max=40, help="Images a row.")]
BoxesOption = Annotated[bool, typer.Option("--boxes/--no-boxes", help="Draw the boxes.")]
SheetOption = Annotated[
    Path | None,
    typer.Option(
        "--output", help="A .png or .html file. [default: outputs/data/show/<dataset>.png]"
    ),
]


def show(
    dataset: DatasetArgument,
    by: ByOption = "label",
    count: CountOption = 8,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    boxes: BoxesOption = True,
    output: SheetOption = None,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Draw a contact sheet by label, split or source, with boxes.

    As PNG or HTML.
    """
    from medx.core.console import print_json, print_line, print_table, told_on_interrupt
    from medx.core.settings import output_dir
    from medx.datasets.catalog import load_dataset
    from medx.datasets.contact_sheet import build_contact_sheet, check_suffix, save_contact_sheet

    if output:
        check_suffix(output)
    loaded = load_dataset(dataset, data_dir=data_dir).split(split)
    path = output or output_dir() / "data" / "show" / f"{output_name(dataset)}.png"
    with told_on_interrupt("interrupted: a sheet is written when it is complete"):
        sheet = build_contact_sheet(loaded, by=by, count=count, seed=seed, boxes=boxes)
    shown = sheet.summary(save_contact_sheet(sheet, path))
    if json:
        print_json(shown)
        return
    print_line(sheet.title)
    print_table(
        ((row.name, row.records, len(row.shown)) for row in shown.rows),
        columns=(by, "images", "shown"),
    )
    print_line(f"written to {shown.path}")
