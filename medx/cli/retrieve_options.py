"""Options that several ``medx retrieve`` commands share."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from medx.cli.options import given_options
from retrieval.config import AUTO, BACKENDS
from retrieval.encoders import ENCODERS, shown_name
from retrieval.encoders.runtimes import PRECISIONS, RUNTIMES
from retrieval.index.kinds import KINDS

EncoderOption = Annotated[
    str,
    typer.Option(
        "--encoder",
        help=f"auto, {', '.join(map(shown_name, ENCODERS))}. auto takes what --weights holds, "
        "else BiomedCLIP when its weights are at hand, else compact.",
        autocompletion=lambda: ["auto", *ENCODERS],
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", help="Local folder, or file, with the encoder's weights."),
]
RuntimeOption = Annotated[
    str,
    typer.Option(
        "--runtime",
        help=f"auto, {', '.join(RUNTIMES)}. auto takes torch, or onnx for int8 and for queries by "
        "an encoder that was exported.",
        autocompletion=lambda: ["auto", *RUNTIMES],
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help=f"{', '.join(PRECISIONS)}: an index takes queries at its own only. "
        "[default: that of the index, fp32 for a new one]",
        autocompletion=lambda: list(PRECISIONS),
    ),
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
KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        help=f"auto, {', '.join(KINDS)}. auto takes flat, which misses nothing, while that is "
        "fast, then a graph, then what fits into --memory.",
        autocompletion=lambda: ["auto", *KINDS],
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="What --kind auto may hold in memory, such as 2GB. [default: half of the machine's]",
    ),
]
IndexNameOption = Annotated[
    str | None,
    typer.Option("--name", help="Name or folder of the index. [default: <dataset>-<encoder>]"),
]
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend",
        help=f"What keeps the index: {' or '.join(BACKENDS)}.",
        autocompletion=lambda: list(BACKENDS),
    ),
]
UriOption = Annotated[
    str | None,
    typer.Option(
        "--uri",
        help="Address of a Milvus, such as http://HOST:19530, or a file that ends in .db; a token "
        "goes into MEDX_MILVUS_TOKEN. [default: milvus.db beside the indexes]",
        show_default=False,
    ),
]
IndexArgument = Annotated[str, typer.Argument(metavar="INDEX", help="Name or folder of an index.")]
NoWaitOption = Annotated[
    bool,
    typer.Option("--no-wait", help="Fail when another process is changing the index."),
]


def read_batch_size(value: str | int) -> str | int:
    """Return a ``--batch-size`` as a number, or ``auto``.

    Raises:
        BadParameter: When it is neither.
    """
    size = value if isinstance(value, int) else int(value) if value.isdecimal() else 0
    if value != AUTO and size < 1:
        raise typer.BadParameter(f"{value!r} is neither a number from 1 nor {AUTO}")
    return size or AUTO


AutoBatchSizeOption = Annotated[
    Any,
    typer.Option(
        "--batch-size",
        metavar=f"INTEGER|{AUTO}",
        parser=read_batch_size,
        help="Images embedded at a time; auto takes what fits into memory.",
    ),
]


def told_command(context: typer.Context, *more: str) -> str:
    """Return the command that was typed, with more options, so that it can be typed again."""
    words = [*context.command_path.split(), *more]
    for name, value in given_options(context).items():
        option = f"--{name.replace('_', '-')}"
        if value is True and option not in words:
            words.append(option)
        elif value is not True and value is not False:
            words += [option, str(value)]
    return shlex.join(words)
