"""``medx models``: the weights that medx uses and does not ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medx.cli.options import JsonOption, OfflineOption

app = typer.Typer(
    help="List, fetch and check model weights, also without internet.",
    no_args_is_help=True,
)
NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name of `medx models list`, timm:NAME or open_clip:NAME/PRETRAINED.",
    ),
]
PlaceArgument = Annotated[
    str,
    typer.Argument(metavar="NAME|DIR", help="A name, or a folder that `pull --to` made."),
]


@app.command("list")
def list_models(json: JsonOption = False) -> None:
    """List the models, their licences and whether weights are here."""
    from medx.core.console import print_json, print_line, print_table
    from medx.core.models.listing import list_models as listed

    listing = listed()
    if json:
        print_json(listing)
        return
    print_table(
        (
            (m.name, m.summary, m.revision[:12] if m.pinned else f"{m.revision} (not pinned)",
             f"{m.megabytes} MB" if m.megabytes else None, "yes" if m.folder else "no",
             ("gated; " if m.gated else "") + m.licence)
            for m in listing.models
        ),
        columns=("model", "what", "revision", "size", "at hand", "licence"),
        title=f"hub cache: {listing.hub_cache}",
    )  # fmt: skip
    print_line(f"pull also takes {' and '.join(listing.also)}, at the head of their repositories")


@app.command()
def pull(
    name: NameArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Folder to copy to another machine. [default: the hub cache]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Download again what is here.")] = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Fetch the weights of a model at its pinned revision.

    Their hashes are written down.
    """
    from medx.core.console import print_json, print_line
    from medx.core.models.pull import pull_model
    from medx.core.words import many

    result = pull_model(name, folder=to, force=force)
    if json:
        print_json(result)
        return
    about = result.manifest
    print_line(
        f"{about.name} at {about.revision[:12]}: {many(len(about.files), 'file')}, "
        f"{about.bytes / 1e6:.1f} MB, in {result.folder}"
    )
    print_line(f"licence: {about.licence}")
    if to is not None:
        print_line(f"copy {to}, there: medx models verify {to.name}; then --weights {to.name}")


@app.command()
def verify(place: PlaceArgument, json: JsonOption = False) -> None:
    """Check the files of a model against their known hashes."""
    from medx.core.console import print_json, print_table
    from medx.core.errors import WeightsUnavailableError
    from medx.core.models.verify import verify_model

    found = verify_model(place)
    if json:
        print_json(found)
    else:
        print_table(
            ((f.path, f.state, f.known_from, f.sha256 and f.sha256[:16]) for f in found.files),
            columns=("file", "state", "known from", "sha256"),
            title=f"{found.name} at {(found.revision or 'an unknown revision')[:12]}, "
            f"{found.folder}",
        )
    if not found.ok:
        raise WeightsUnavailableError(
            f"{found.name}: {'; '.join(found.problems)}",
            hint=f"copy it again, or medx models pull {found.name} --force",
        )


@app.command()
def path(name: NameArgument) -> None:
    """Print the folder in the hub cache with the weights of a model."""
    from medx.core.console import print_line
    from medx.core.models.pull import model_path

    print_line(str(model_path(name)))
