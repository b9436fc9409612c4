"""What to say of an index when Ctrl-C ends a change of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from medx.core.console import told_on_interrupt


@contextmanager
def telling_state(name: str, read: Callable[[], object | None]) -> Iterator[None]:
    """Say, when Ctrl-C ends the block, whether the index is as it was or as it should be.

    Args:
        name: Of the index.
        read: Returns its state, None where there is none.
    """
    before = read()

    def tell() -> str:
        if read() != before:
            return f"interrupted: index {name} was changed before, as a whole"
        if before is None:
            return f"interrupted: there is no index {name} yet; run the command again"
        return f"interrupted: index {name} is as it was; run the command again"

    with told_on_interrupt(tell):
        yield
