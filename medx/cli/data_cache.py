"""``medx data cache``: how much the decoded pixels take, and giving the space back."""

from __future__ import annotations

import typer

from medx.cli.options import JsonOption

app = typer.Typer(help="Show or empty the cache of decoded pixels.", no_args_is_help=True)


@app.command()
def info(json: JsonOption = False) -> None:
    """Show where the pixel cache is, how much it holds and its limit."""
    from medx.core.console import print_json, print_line
    from medx.datasets.pixel_store import describe_cache

    about = describe_cache()
    if json:
        print_json(about)
        return
    print_line(
        f"{about.location}: {about.entries} entries, {_mib(about.bytes)} "
        f"of at most {_mib(about.limit_bytes)} (MEDX_CACHE_LIMIT)"
    )


@app.command()
def clear(json: JsonOption = False) -> None:
    """Remove every cached pixel.

    Images are decoded again when they are needed.
    """
    from medx.core.console import print_json, print_line
    from medx.datasets.pixel_store import clear_cache

    removed = clear_cache()
    if json:
        print_json(removed)
        return
    print_line(f"removed {removed.entries} entries, {_mib(removed.bytes)}")


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
