"""Choosing and loading an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from medx.core import settings
from medx.core.console import note
from retrieval.config import AUTO
from retrieval.encoders import ENCODERS
from retrieval.encoders.base import Encoder
from retrieval.encoders.biomedclip_files import find_biomedclip


class EncoderChoice(NamedTuple):
    """The name of an encoder and why it was taken."""

    name: str
    reason: str


def choose_encoder(name: str, *, weights: Path | None = None) -> EncoderChoice:
    """Return the encoder that ``name`` stands for; the network is never touched.

    ``auto`` is BiomedCLIP when its weights are at hand, else ``compact``.

    Raises:
        UnknownNameError: When no encoder has that name.
    """
    if name != AUTO:
        ENCODERS.entry(name)
        return EncoderChoice(name, "asked for by name")
    if weights is not None:
        if (weights / "compact.json").is_file():
            return EncoderChoice("compact", "auto: --weights holds a compact encoder")
        return EncoderChoice("biomedclip", "auto: --weights was given")
    if find_biomedclip() is not None:
        return EncoderChoice("biomedclip", "auto: BiomedCLIP's weights are on this machine")
    return EncoderChoice("compact", "auto: BiomedCLIP's weights are not on this machine")


def load_encoder(
    name: str = AUTO,
    *,
    weights: Path | None = None,
    device: str = AUTO,
) -> Encoder:
    """Load an encoder; what ``auto`` took, and why, goes to stderr and into ``reason``.

    Raises:
        UnknownNameError: When no encoder has that name.
        WeightsUnavailableError: When its weights cannot be had.
    """
    if settings.offline():
        settings.set_offline()
    choice = choose_encoder(name, weights=weights)
    if name == AUTO:
        note(f"encoder {choice.name} ({choice.reason})")
    encoder: Encoder = ENCODERS.load(choice.name).load(weights=weights, device=device)
    encoder.reason = choice.reason
    encoder.weights_folder = weights.resolve() if weights else None
    return encoder
