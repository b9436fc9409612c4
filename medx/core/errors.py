"""What can go wrong, as one tree.

Catch ``MedxError`` to catch everything the user can fix::

    MedxError
    ├── InputError               an image, folder or option that cannot be used
    ├── UnknownNameError         a name no registry holds
    │   └── UnknownSplitError    a split no image is in
    ├── MissingExtraError        a feature whose packages are not installed
    ├── WeightsUnavailableError  gated, offline or absent model weights
    ├── DataUnavailableError     a dataset that is neither here nor to be had
    ├── IndexMismatchError       an index built by another encoder
    ├── EngineError              a report engine that could not write a report
    └── CheckpointError          a run folder or checkpoint that cannot be read

Each carries ``hint``: what to do next. A caller's mistake is a ``ValueError`` instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MedxError(Exception):
    """Anything the user can fix; ``hint`` says how."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InputError(MedxError):
    """An image, folder or option that cannot be used."""


class UnknownNameError(MedxError):
    """A name that no registry, dataset or index holds."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else None
        if names:
            hint = f"{hint} known: {', '.join(names)}" if hint else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}", hint=hint)


class UnknownSplitError(UnknownNameError):
    """A split that holds none of the images of a dataset or an index."""

    def __init__(self, owner: str, name: str, known: Iterable[str]) -> None:
        present = [split for split in known if split != "-"]
        super().__init__(f"split of {owner}", name, [*present, "all"])
        if not present:
            self.hint = (
                "none of its images has a split: `medx data split` makes them; "
                "--split all takes every image"
            )


class MissingExtraError(MedxError):
    """A feature whose packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        from medx.core.settings import offline  # it imports this module

        hint = f"pip install 'medx[{extra}]'"
        if offline():
            hint += (
                "\nfor a machine without internet, in a clone of medx elsewhere:\n"
                f"  pip wheel --wheel-dir DIR -c constraints.txt '.[{extra}]'\n"
                "copy DIR here, then:\n"
                f"  pip install --no-index --find-links DIR 'medx[{extra}]'"
            )
        super().__init__(f"{feature!r} needs packages that are not installed", hint=hint)


class WeightsUnavailableError(MedxError):
    """Model weights that are gated, offline or absent."""


class DataUnavailableError(MedxError):
    """A dataset that is neither on this machine nor to be had."""


class IndexMismatchError(MedxError):
    """An index that was built by another encoder."""


class EngineError(MedxError):
    """A report engine that could not write a report."""


class CheckpointError(MedxError):
    """A run folder or checkpoint that cannot be read."""
