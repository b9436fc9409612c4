"""Which encoders there are, what each can do and whether it can be used here."""

from __future__ import annotations

from pydantic import Field

from medx.core.models.catalogue import CATALOGUE
from medx.core.values import Value
from retrieval.encoders import ENCODERS, encoder_entry, shown_name


class EncoderInfo(Value):
    """One encoder, or a family of them."""

    name: str = Field(description="What --encoder takes.")
    summary: str
    text: bool = Field(description="Whether it can be asked in words.")
    patches: bool = Field(description="Whether it can show where in an image a text fits.")
    at_hand: bool | None = Field(
        description="Whether its weights are on this machine; None: that depends on the member."
    )
    licence: str


class EncoderListing(Value):
    """What ``medx retrieve encoders`` shows."""

    schema_version: int = 1
    encoders: tuple[EncoderInfo, ...]


def list_encoders() -> EncoderListing:
    """Return every registered encoder; nothing is imported or downloaded for it."""
    return EncoderListing(encoders=tuple(_describe(family) for family in ENCODERS))


def _describe(family: str) -> EncoderInfo:
    entry = encoder_entry(family)
    model = CATALOGUE.get(entry.model)
    at_hand = None if entry.member else model is None or model.find() is not None
    return EncoderInfo(
        name=shown_name(family),
        summary=entry.summary,
        text=entry.text,
        patches=entry.patches,
        at_hand=at_hand,
        licence=model.licence if model else entry.licence,
    )
