"""Options that mean the same in every command that writes reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.engines import ENGINES

ClassifierOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Folder or name of the classifier's train run. [default: the latest of the dataset]",
        show_default=False,
    ),
]
SimilarOption = Annotated[
    str | None,
    typer.Option(
        "--index",
        help="Name or folder of the index of similar cases. [default: the dataset's]",
        show_default=False,
    ),
]
EngineOption = Annotated[
    str,
    typer.Option("--engine", help=f"auto, {', '.join(ENGINES)}. auto says what it takes and why."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Hub id or local folder, or the server's name for it. "
        "[default: whichever MedGemma is at hand, or the server's only one]",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="Local folder with the weights of --model.")
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="Address of the OpenAI-compatible server of --engine openai, usually ending in /v1.",
    ),
]
