"""``medx data``: which datasets there are, what is in them, and fetching them."""

from __future__ import annotations

import typer

from medx.cli import data_cache, data_synth
from medx.cli.data_audit import audit
from medx.cli.data_crop import crop
from medx.cli.data_import import import_data
from medx.cli.data_show import show
from medx.cli.data_split import split
from medx.cli.options import DataDirOption, DatasetArgument, JsonOption, OfflineOption
from medx.core.words import many

app = typer.Typer(help="List, describe and fetch datasets.", no_args_is_help=True)
app.add_typer(data_synth.app, name="synth")
app.add_typer(data_cache.app, name="cache")


@app.command("list")
def list_datasets(data_dir: DataDirOption = None, json: JsonOption = False) -> None:
    """List the datasets medx knows and whether they are here."""
    from medx.core.console import print_json, print_table
    from medx.datasets.listing import list_known

    listing = list_known(data_dir)
    if json:
        print_json(listing)
        return
    print_table(
        (
            (d.name, d.kind, ", ".join(d.at_hand) or "–", d.licence, d.summary)
            for d in listing.datasets
        ),
        columns=("name", "kind", "sizes at hand", "licence", "what"),
    )


@app.command()
def info(
    name: DatasetArgument,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Show classes, counts by split, modality, licence and citation."""
    from medx.core.console import print_json, print_line, print_table
    from medx.datasets.listing import describe_named

    about = describe_named(name, data_dir)
    if json:
        print_json(about)
        return
    title = f"{about.name}{' (synthetic)' if about.synthetic else ''}"
    print_line(f"{title}: {about.description}" if about.description else title)
    for field in ("location", "modality", "image_size", "licence", "citation"):
        print_line(f"{field.replace('_', ' ')}: {getattr(about, field) or '–'}")
    if not about.counts:
        print_line(f"labels: {', '.join(about.labels)}")
        print_table(about.totals.items(), columns=("split", "images"))
        return
    splits = sorted(about.counts, key=_split_order)
    print_table(
        ((label, *(about.counts[s].get(label, 0) for s in splits)) for label in about.labels),
        columns=("label", *splits),
    )


def _split_order(name: str) -> int:
    usual = ("train", "val", "test")
    return usual.index(name) if name in usual else len(usual)


@app.command()
def download(
    name: DatasetArgument,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Fetch a MedMNIST dataset, or render a phantom, into the cache.

    What is fetched is checked against its checksum.
    """
    from medx.core.console import print_json, print_line
    from medx.datasets.catalog import load_dataset
    from medx.datasets.listing import describe

    about = describe(load_dataset(name, data_dir=data_dir, download=True))
    if json:
        print_json(about)
    else:
        images = many(sum(about.totals.values()), "image")
        print_line(f"{about.name}: {images} at {about.location}")


app.command("split")(split)
app.command("audit")(audit)
app.command("import")(import_data)
app.command("show")(show)
app.command("crop")(crop)
