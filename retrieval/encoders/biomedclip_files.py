"""Where BiomedCLIP's files are on this machine, found without the network and without torch."""

from __future__ import annotations

from pathlib import Path

from medx.core.models.catalogue import CATALOGUE

BIOMEDCLIP = CATALOGUE["biomedclip"]


def find_biomedclip() -> Path | None:
    """Return the folder of a whole BiomedCLIP in the hub cache, or None."""
    return BIOMEDCLIP.find()


def how_to_get() -> str:
    """Return what to fetch and where to put it."""
    return BIOMEDCLIP.how_to_get(instead="--encoder compact")
