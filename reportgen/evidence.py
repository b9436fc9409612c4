"""What a report may lean on. The true label of the image is not among it, by construction."""

from __future__ import annotations

from pydantic import Field, model_validator

from medx.core.values import Hit, Prediction, Value
from reportgen.control_tokens import plain_line
from reportgen.laterality import patient_zone
from reportgen.modality import modality_of

#: Classes beyond these say nothing a report would use.
MAX_CLASSES = 5

_BRACKETS = str.maketrans("[]", "()")


class EvidenceItem(Value):
    """One citable fact: ``P1`` prediction, ``H1`` heat-map, ``N1``… neighbours, ``M1``… notes."""

    id: str
    statement: str


class HeatMapFact(Value):
    """What a heat-map says in words; the picture is not evidence for a text."""

    label: str = Field(description="The class whose evidence it shows.")
    method: str
    peak: tuple[float, float] = Field(description="Shares of width and height, as seen.")
    zone: str = Field(description="The ninth of the image with the peak, as seen.")


class Evidence(Value):
    """Everything an engine gets to know of one image besides its pixels."""

    schema_version: int = 1
    image_id: str
    dataset: str
    modality: str
    image_size: tuple[int, int] = Field(description="Native height and width in pixels.")
    synthetic: bool = False
    prediction: Prediction | None = None
    heatmap: HeatMapFact | None = None
    neighbours: list[Hit] = Field(default_factory=list)
    index: str = Field(default="", description="Name and fingerprint of the neighbours' index.")
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Evidence:
        if min(self.image_size) < 1:
            raise ValueError(f"image_size must be >= 1, got {self.image_size}")
        if any(hit.id == self.image_id for hit in self.neighbours):
            raise ValueError(f"neighbours must not hold the image itself ({self.image_id})")
        return self

    def items(self) -> list[EvidenceItem]:
        """Return the citable facts, each with a short stable id.

        Ids of records are left out: people write labels into file names.
        """
        items = []
        if self.prediction:
            items.append(EvidenceItem(id="P1", statement=_describe_prediction(self.prediction)))
        if self.heatmap:
            items.append(
                EvidenceItem(id="H1", statement=_describe_heatmap(self.heatmap, self.modality))
            )
        for n, hit in enumerate(self.neighbours, start=1):
            items.append(EvidenceItem(id=f"N{n}", statement=_describe_hit(hit)))
        for n, text in enumerate(self.notes, start=1):
            items.append(EvidenceItem(id=f"M{n}", statement=f"Note: {foreign(text)}"))
        return items


def positive_label(prediction: Prediction) -> str | None:
    """Return the class that the operating point of a binary prediction is about, or None."""
    if prediction.operating_point is None:
        return None
    return list(prediction.probabilities)[-1]


def foreign(text: str) -> str:
    """Return text of unknown origin (label, caption, DICOM) as a line that can pose as no item."""
    return plain_line(text).translate(_BRACKETS)


def _describe_prediction(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    probabilities = ", ".join(f"{foreign(name)} {p:.2f}" for name, p in ranked[:MAX_CLASSES])
    rest = len(ranked) - MAX_CLASSES
    if rest > 0:
        probabilities += f", {rest} other classes less"
    text = f"Image classifier: '{foreign(prediction.label)}'; calibrated probabilities: "
    text += probabilities
    positive = positive_label(prediction)
    if positive is not None:
        text += f"; called '{foreign(positive)}' from {prediction.operating_point:.2f} upwards"
    return f"{text}{_describe_doubt(prediction)}."


def _describe_doubt(prediction: Prediction) -> str:
    text = ""
    if prediction.conformal_set is not None and prediction.conformal_level is not None:
        names = ", ".join(f"'{foreign(n)}'" for n in prediction.conformal_set[:MAX_CLASSES])
        rest = len(prediction.conformal_set) - MAX_CLASSES
        more = f" and {rest} more" if rest > 0 else ""
        text += f"; set that holds the truth at {prediction.conformal_level:.0%}: "
        text += f"{names or 'empty'}{more}"
    if prediction.out_of_distribution:
        text += "; the image is unlike those it was trained on"
    if prediction.abstain:
        text += "; it abstains, a person should decide"
    return text


def _describe_heatmap(heatmap: HeatMapFact, modality: str) -> str:
    text = f"Heat-map of '{foreign(heatmap.label)}' ({foreign(heatmap.method)}): "
    text += f"highest at the {heatmap.zone}, as seen"
    place = str(patient_zone(heatmap.zone)) if modality_of(modality).chest else ""
    return f"{text} (the patient's {place}, if the radiograph is frontal)." if place else f"{text}."


def _describe_hit(hit: Hit) -> str:
    label = f"labelled '{foreign(hit.label)}'" if hit.label else "unlabelled"
    text = f"Similar archived image, {label}, cosine similarity {hit.similarity:.3f}"
    return f"{text}, described as: {foreign(hit.text)}" if hit.text else f"{text}."
