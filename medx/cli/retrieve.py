"""``medx retrieve``: build an index, search it by words or by image, measure it."""

from __future__ import annotations

import typer

from medx.cli.retrieve_adapt import adapt
from medx.cli.retrieve_add import add
from medx.cli.retrieve_build import build
from medx.cli.retrieve_compact import compact
from medx.cli.retrieve_compare import compare
from medx.cli.retrieve_embed import embed
from medx.cli.retrieve_encoders import encoders
from medx.cli.retrieve_evaluate import evaluate
from medx.cli.retrieve_export_encoder import export_encoder
from medx.cli.retrieve_info import info
from medx.cli.retrieve_list import list_indexes
from medx.cli.retrieve_merge import merge
from medx.cli.retrieve_remove import remove
from medx.cli.retrieve_search import image_search, search, text_search
from medx.cli.retrieve_train_encoder import train_encoder
from medx.cli.retrieve_update import update
from medx.cli.retrieve_verify import verify

app = typer.Typer(
    help="Find images by words or by image, and measure how well.", no_args_is_help=True
)
app.command()(embed)
app.command()(build)
app.command("text-search")(text_search)
app.command("image-search")(image_search)
app.command()(search)
app.command()(evaluate)
app.command("list")(list_indexes)
app.command()(encoders)
app.command()(info)
app.command()(add)
app.command()(update)
app.command()(remove)
app.command()(compact)
app.command()(merge)
app.command()(verify)
app.command("train-encoder")(train_encoder)
app.command("export-encoder")(export_encoder)
app.command()(adapt)
app.command()(compare)
