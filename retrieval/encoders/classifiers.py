"""Classifiers from another floor, whose features embed images.

The subsystems do not know each other, so whoever runs both says here how a run is loaded, as
``classify.embedders`` is told how an encoder is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from medx.core.embedders import Embedder
from medx.core.errors import InputError


class ClassifierRun(NamedTuple):
    """A trained classifier as an embedder, and the folder of its run."""

    embedder: Embedder
    run_dir: Path


#: From a run's name or folder and a ``--device`` value.
Loader = Callable[[str, str], ClassifierRun]

_loaders: list[Loader] = []


def provide_classifiers(loader: Loader) -> None:
    """Say how the runs of classifiers are loaded; the last one said counts."""
    _loaders[:] = [loader]


def load_classifier_run(run: str, device: str = "auto") -> ClassifierRun:
    """Load a classifier's run by name or folder.

    Raises:
        InputError: When nobody said how.
        CheckpointError: When there is no such run, or a damaged one.
    """
    if not _loaders:
        raise InputError(
            f"the classifier {run!r} belongs to another part of medx",
            hint="call medx.embedder.join_subsystems first, as the medx command does",
        )
    return _loaders[0](run, device)
