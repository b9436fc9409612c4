"""The ``medx`` command; ``app`` holds it, imported late so that Ctrl-C is caught from the start."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main(args: list[str] | None = None) -> None:
    """Run the command; exit 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        from medx.cli.app import run

        run(args)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
