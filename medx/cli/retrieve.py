"""``medx retrieve``: build an index, search it by words or by image, measure it."""

from __future__ import annotations

import typer

from medx.cli.retrieve_build import build
from medx.cli.retrieve_evaluate import evaluate
from medx.cli.retrieve_list import list_indexes
from medx.cli.retrieve_search import image_search, search, text_search
from medx.cli.retrieve_train_encoder import train_encoder

app = typer.Typer(
    help="Find images by words or by image, and measure how well.", no_args_is_help=True
)
app.command()(build)
app.command("text-search")(text_search)
app.command("image-search")(image_search)
app.command()(search)
app.command()(evaluate)
app.command("list")(list_indexes)
app.command("train-encoder")(train_encoder)
