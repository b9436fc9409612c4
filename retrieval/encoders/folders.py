"""Which encoder a folder of weights is for, read from its small files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: What BiomedCLIP's config calls its text tower.
BIOMEDICAL_TOWERS = ("BiomedBERT", "PubMedBERT")


def recognise_folder(folder: Path) -> tuple[str, str]:
    """Return the name of the encoder whose weights ``folder`` holds, and how that is known.

    A folder that says nothing is taken for BiomedCLIP, which then tells what it lacks.
    """
    if (folder / "compact.json").is_file():
        return "compact", "--weights holds a compact encoder"
    if (folder / "adapter.json").is_file():
        return f"adapted:{folder.resolve().name}", "--weights holds an adapted encoder"
    if isinstance(exported := _read(folder / "export.json").get("encoder"), dict):
        return str(exported.get("name")), "--weights holds an exported encoder"
    if isinstance(_read(folder / "model.json").get("classes"), list):
        return f"classifier:{folder.resolve().name}", "--weights holds a classifier's run"
    open_clip = _read(folder / "open_clip_config.json")
    if open_clip and not _is_biomedical(open_clip):
        return "open_clip", "--weights holds an open_clip model"
    config = _read(folder / "config.json")
    if not open_clip and config.get("model_type") == "siglip":
        return "medsiglip", "--weights holds a SigLIP"
    if not open_clip and isinstance(architecture := config.get("architecture"), str):
        return f"timm:{architecture}", "--weights holds a timm network"
    return "biomedclip", "--weights was given"


def _is_biomedical(config: dict[str, Any]) -> bool:
    tower = str(config.get("model_cfg", {}).get("text_cfg", {}).get("hf_tokenizer_name", ""))
    return any(name in tower for name in BIOMEDICAL_TOWERS)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
