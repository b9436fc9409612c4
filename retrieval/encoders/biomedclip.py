"""BiomedCLIP (Zhang et al. 2023, arXiv:2303.00915) through open_clip, from local files.

The checkpoint is read from a folder laid out as on the hub. Its config names a second repository
for the text tower's shape; that is answered from the folder, or from the weights, so that nothing
but this one folder is needed.
"""

from __future__ import annotations

from pathlib import Path

from medx.core.device import resolve_device
from medx.core.hub import fetch_snapshot
from retrieval.encoders.biomedclip_files import BIOMEDCLIP, find_biomedclip, how_to_get
from retrieval.encoders.open_clip_encoder import OpenCLIPEncoder
from retrieval.encoders.open_clip_models import load_folder


class BiomedCLIPEncoder(OpenCLIPEncoder):
    """ViT-B/16 and PubMedBERT in one 512-dimensional space.

    Args:
        folder: The checkpoint as on the hub: config, weights and tokenizer.
        device: A ``--device`` value.

    Raises:
        WeightsUnavailableError: When the folder is incomplete or damaged.
    """

    name = "biomedclip"

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        device = resolve_device(device)
        loaded = load_folder(folder, device, what="BiomedCLIP", hint=how_to_get())
        super().__init__(loaded, name=self.name, device=device)

    @classmethod
    def load(
        cls, *, weights: Path | None = None, device: str = "auto", member: str = ""
    ) -> BiomedCLIPEncoder:
        """Return BiomedCLIP from a folder, from the hub cache, or downloaded into that cache."""
        del member
        return cls(weights or find_biomedclip() or _download(), device=device)


def _download() -> Path:
    return fetch_snapshot(
        BIOMEDCLIP.repository,
        files=BIOMEDCLIP.files,
        revision=BIOMEDCLIP.revision,
        hint=how_to_get(),
    )
