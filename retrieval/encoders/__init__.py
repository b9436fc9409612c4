"""Encoders: what turns images, and words, into embeddings. Importing this imports no framework."""

from __future__ import annotations

from dataclasses import dataclass

from medx.core.registry import Entry, Registry


@dataclass(frozen=True)
class EncoderEntry(Entry):
    """An encoder, or a family of them that is named as ``family:member``.

    Args:
        member: What follows the colon, as shown to people; empty for a single encoder.
        text: Whether it can be asked in words.
        patches: Whether it can show where in an image a text fits.
        model: Its name in ``medx.core.models``, or empty.
        licence: Of the weights, where they have no entry there.
    """

    member: str = ""
    text: bool = True
    patches: bool = False
    model: str = ""
    licence: str = ""


ENCODERS = Registry(
    "encoder",
    {
        "biomedclip": EncoderEntry(
            "retrieval.encoders.biomedclip:BiomedCLIPEncoder",
            "BiomedCLIP ViT-B/16 + PubMedBERT through open_clip (784 MB of weights)",
            patches=True,
            model="biomedclip",
        ),
        "medsiglip": EncoderEntry(
            "retrieval.encoders.medsiglip:MedSigLIPEncoder",
            "Google's MedSigLIP at 448 px, or any SigLIP, through transformers (gated)",
            model="medsiglip",
        ),
        "open_clip": EncoderEntry(
            "retrieval.encoders.open_clip_encoder:OpenCLIPEncoder",
            "any open_clip model by name, or a folder of one",
            member="NAME[/PRETRAINED]",
            patches=True,
            licence="each model's own",
        ),
        "timm": EncoderEntry(
            "retrieval.encoders.timm_encoder:TimmEncoder",
            "any timm network's pooled features",
            member="NAME",
            text=False,
            licence="each model's own",
        ),
        "classifier": EncoderEntry(
            "retrieval.encoders.classifier:ClassifierEncoder",
            "the features of a classifier that medx trained",
            member="RUN",
            text=False,
            licence="that of its training images",
        ),
        "adapted": EncoderEntry(
            "retrieval.encoders.adapted:AdaptedEncoder",
            "another encoder with a head trained on your archive (`medx retrieve adapt`)",
            member="FOLDER",
            licence="that of the encoder below it and of its training images",
        ),
        "compact": EncoderEntry(
            "retrieval.encoders.compact:CompactEncoder",
            "medx's own small dual encoder, weights inside the package, no torch needed",
            patches=True,
            licence="Apache-2.0",
        ),
    },
)


def encoder_entry(family: str) -> EncoderEntry:
    """Return what is known of an encoder or family; raise ``UnknownNameError`` with near names."""
    entry = ENCODERS.entry(family)
    if isinstance(entry, EncoderEntry):
        return entry
    return EncoderEntry(entry.target, entry.summary, entry.extra)


def split_name(name: str) -> tuple[str, str]:
    """Return family and member of an encoder's name; the member is empty where none is named."""
    family, _, member = name.partition(":")
    return family, member


def shown_name(family: str) -> str:
    """Return how people name an encoder: ``biomedclip``, ``timm:NAME``."""
    member = encoder_entry(family).member
    return f"{family}:{member}" if member else family


def text_encoders() -> list[str]:
    """Return the names of the encoders that can be asked in words."""
    return [shown_name(family) for family in ENCODERS if encoder_entry(family).text]


def patch_encoders() -> list[str]:
    """Return the names of the encoders that can show where in an image a text fits."""
    return [shown_name(family) for family in ENCODERS if encoder_entry(family).patches]
