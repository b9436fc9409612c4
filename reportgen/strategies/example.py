"""Invented evidence for looking at a filled prompt; nobody's image."""

from __future__ import annotations

from medx.core.values import Hit, Prediction
from reportgen.evidence import Evidence, HeatMapFact

_TEXTS = (
    "Right lower lobe consolidation, unchanged compared with the prior film. No effusion.",
    "Possible left basal atelectasis. Heart size is normal.",
    None,
)
_LABELS = ("pneumonia", "pneumonia", "normal")


def example_evidence(*, bare: bool = False, modality: str = "chest radiograph") -> Evidence:
    """Return evidence with one item of each kind, or with none."""
    facts = Evidence(
        image_id="example", dataset="example", modality=modality, image_size=(512, 512),
        synthetic=True,
    )  # fmt: skip
    if bare:
        return facts
    prediction = Prediction(
        id="example",
        probabilities={"normal": 0.18, "pneumonia": 0.82},
        label="pneumonia",
        operating_point=0.43,
        classifier="example",
        conformal_set=["normal", "pneumonia"],
        conformal_level=0.9,
    )
    neighbours = [
        Hit(rank=n, id=f"train-{n}", similarity=1 - n / 50, label=label, text=text, split="train")
        for n, (label, text) in enumerate(zip(_LABELS, _TEXTS, strict=True), start=1)
    ]
    heatmap = HeatMapFact(label="pneumonia", method="gradcam", peak=(0.2, 0.8), zone="lower left")
    return facts.model_copy(
        update={
            "prediction": prediction,
            "heatmap": heatmap,
            "neighbours": neighbours,
            "index": "example",
            "notes": ["view position: PA"],
        }
    )
