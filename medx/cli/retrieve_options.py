"""Options that several ``medx retrieve`` commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retrieval.encoders import ENCODERS

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
