"""Choosing and loading an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from medx.core import settings
from medx.core.console import note
from medx.core.errors import InputError
from retrieval.config import AUTO
from retrieval.encoders import ENCODERS, encoder_entry, shown_name, split_name
from retrieval.encoders.adapted import is_own_precision
from retrieval.encoders.base import Encoder
from retrieval.encoders.biomedclip_files import find_biomedclip
from retrieval.encoders.folders import recognise_folder
from retrieval.encoders.runtimes.load import load_at_runtime


class EncoderChoice(NamedTuple):
    """The name of an encoder and why it was taken."""

    name: str
    reason: str


def choose_encoder(name: str, *, weights: Path | None = None) -> EncoderChoice:
    """Return the encoder that ``name`` stands for; the network is never touched.

    ``auto`` is what ``weights`` holds, else BiomedCLIP when its weights are at hand, else
    ``compact``.

    Raises:
        UnknownNameError: When no encoder has that name.
        InputError: When the name lacks the member of a family, or names one of none.
    """
    if name != AUTO:
        return EncoderChoice(_checked_name(name, weights), "asked for by name")
    if weights is not None:
        found, why = recognise_folder(weights)
        return EncoderChoice(found, f"auto: {why}")
    if find_biomedclip() is not None:
        return EncoderChoice("biomedclip", "auto: BiomedCLIP's weights are on this machine")
    return EncoderChoice("compact", "auto: BiomedCLIP's weights are not on this machine")


def load_encoder(
    name: str = AUTO,
    *,
    weights: Path | None = None,
    device: str = AUTO,
    runtime: str = AUTO,
    precision: str | None = None,
) -> Encoder:
    """Load an encoder; what ``auto`` took, and why, goes to stderr and into ``reason``.

    Args:
        name: ``auto``, a registered name or ``family:member``.
        weights: Folder or file with the weights; None takes the usual place.
        device: A ``--device`` value.
        runtime: What computes the embeddings: ``torch``, ``onnx``, ``openvino``, or ``auto``, the
            first of them that knows the precision.
        precision: ``fp32``, ``bf16`` or ``int8``; None takes ``fp32``.

    Raises:
        UnknownNameError: When no encoder has that name.
        InputError: When the name lacks the member of a family, or names one of none.
        WeightsUnavailableError: When its weights cannot be had.
    """
    if settings.offline():
        settings.set_offline()
    precision = precision or "fp32"
    choice = choose_encoder(name, weights=weights)
    if name == AUTO:
        note(f"encoder {choice.name} ({choice.reason})")
    family, member = split_name(name if name != AUTO else choice.name)
    named: dict[str, Any] = {"member": member} if encoder_entry(family).member else {}

    def load(device: str) -> Encoder:
        encoder: Encoder = ENCODERS.load(family).load(weights=weights, device=device, **named)
        return encoder

    if family == "adapted" and is_own_precision(precision, member, weights):
        named["runtime"] = runtime  # a head has none: it is that of the encoder below
        encoder = load(device)
    else:
        encoder = load_at_runtime(
            choice.name, load, weights=weights, device=device, runtime=runtime, precision=precision
        )
    encoder.reason = choice.reason
    # An encoder whose name is a place, a classifier's run, says itself where that was.
    if weights is not None:
        encoder.weights_folder = weights.resolve()
    return encoder


def _checked_name(name: str, weights: Path | None) -> str:
    """Return the name under which an index remembers an encoder."""
    family, member = split_name(name)
    entry = encoder_entry(family)
    if member and not entry.member:
        raise InputError(
            f"encoder {family!r} has no members: {name!r}", hint=f"use --encoder {family}"
        )
    if entry.member and not member and weights is None:
        raise InputError(
            f"{family} is a family of encoders: say which",
            hint=f"--encoder {shown_name(family)}, or a folder with --weights",
        )
    if family in ("classifier", "adapted") and member:
        return f"{family}:{Path(member).resolve().name}"
    return name
