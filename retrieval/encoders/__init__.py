"""Encoders: what turns images, and words, into embeddings. Importing this imports no framework."""

from __future__ import annotations

from medx.core.registry import Entry, Registry

ENCODERS = Registry(
    "encoder",
    {
        "biomedclip": Entry(
            "retrieval.encoders.biomedclip:BiomedCLIPEncoder",
            "BiomedCLIP ViT-B/16 + PubMedBERT through open_clip (784 MB of weights)",
            requires="open_clip",
        ),
        "compact": Entry(
            "retrieval.encoders.compact:CompactEncoder",
            "medx's own small dual encoder, weights inside the package, no torch needed",
        ),
    },
)
