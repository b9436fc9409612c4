"""The texts that stand for a class in text→image evaluation; every result lists them."""

from __future__ import annotations

#: What radiologists write for a label besides its own name.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "normal": ("no acute abnormality", "clear lungs"),
    "pneumonia": ("consolidation", "airspace opacity"),
    "consolidation": ("pneumonia", "airspace opacity"),
    "pleural effusion": ("effusion", "pleural fluid"),
    "effusion": ("pleural effusion", "pleural fluid"),
    "pneumothorax": ("collapsed lung",),
    "cardiomegaly": ("enlarged heart",),
    "nodule": ("pulmonary nodule", "lung nodule"),
    "interstitial opacity": ("interstitial markings", "reticular opacities"),
}


def prompts_for(label: str) -> tuple[str, ...]:
    """Return the texts whose mean embedding stands for ``label``: its name, then its synonyms."""
    name = " ".join(label.replace("_", " ").split())
    return (name, *SYNONYMS.get(name.lower(), ()))


#: Around the words of a query; ``{modality}`` is what the dataset says its images are.
TEMPLATES = (
    "{words}",
    "{modality} showing {words}",
    "{modality} with {words}",
    "there is {words} in this {modality}",
    "findings: {words}",
)


def templates_for(modality: str) -> tuple[str, ...]:
    """Return the templates of a prompt ensemble for one kind of image, ``{words}`` still open."""
    # What drew the image is not in it, and "blood smear, microscopy" is no noun.
    name = modality.partition(",")[0].removeprefix("synthetic ").strip() or "medical image"
    return tuple(template.replace("{modality}", name) for template in TEMPLATES)


def fill_templates(words: str, modality: str) -> tuple[str, ...]:
    """Return the texts whose mean embedding stands for ``words`` (Radford et al. 2021, 3.1.4)."""
    return tuple(template.replace("{words}", words) for template in templates_for(modality))
