"""What the mock reads out of evidence: readings, probabilities, agreement of neighbours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reportgen.evidence import Evidence, foreign, positive_label
from reportgen.key_phrases import key_findings
from reportgen.labeler.finding import UNSIDED, Finding, Status
from reportgen.labels import is_normal, normal_label
from reportgen.laterality import patient_zone
from reportgen.modality import modality_of

#: Lower bounds of probability and the words for it.
LIKELIHOODS = (
    (0.90, "very likely"),
    (0.70, "likely"),
    (0.30, "possible"),
    (0.10, "unlikely"),
    (0.00, "very unlikely"),
)

#: A probability this near to the operating point could have gone either way.
CLOSE = 0.10


def likelihood(probability: float) -> str:
    """Return the word for a calibrated probability."""
    return next(word for bound, word in LIKELIHOODS if probability >= bound)


@dataclass(frozen=True)
class Facts:
    """Evidence with the questions that a report asks of it."""

    evidence: Evidence

    @property
    def label(self) -> str | None:
        """The reading that the evidence favours: the classifier's, else most neighbours'."""
        if self.evidence.prediction:
            return self.evidence.prediction.label
        votes = self.votes()
        return min(votes, key=lambda name: (-votes[name], name)) if votes else None

    @property
    def normal(self) -> str | None:
        """The class that means that nothing is wrong, where one does."""
        prediction = self.evidence.prediction
        classes = list(prediction.probabilities) if prediction else sorted(self.votes())
        return normal_label(classes)

    @property
    def positive(self) -> str | None:
        """The class that the operating point is about, where there is one."""
        prediction = self.evidence.prediction
        return positive_label(prediction) if prediction else None

    def votes(self) -> Counter[str]:
        """Return how many neighbours carry each label."""
        return Counter(hit.label for hit in self.evidence.neighbours if hit.label)

    def probability(self, label: str) -> float | None:
        """Return the classifier's probability of ``label``, or None."""
        prediction = self.evidence.prediction
        return prediction.probabilities.get(label) if prediction else None

    def readings(self) -> list[str]:
        """Return all readings, the most probable first, then the most frequent neighbour."""
        votes = self.votes()
        prediction = self.evidence.prediction
        names = {*votes, *(prediction.probabilities if prediction else ())}
        return sorted(names, key=lambda n: (-(self.probability(n) or 0.0), -votes[n], n))

    def agreeing(self, label: str) -> list[str]:
        """Return the item ids of the neighbours labelled ``label``."""
        hits = enumerate(self.evidence.neighbours, start=1)
        return [f"N{n}" for n, hit in hits if hit.label == label]

    def differing(self, label: str) -> list[str]:
        """Return the item ids of the neighbours that carry another label."""
        hits = enumerate(self.evidence.neighbours, start=1)
        return [f"N{n}" for n, hit in hits if hit.label and hit.label != label]

    def rival(self) -> str | None:
        """Return the label that more neighbours carry than the classifier's, or None."""
        prediction = self.evidence.prediction
        votes = self.votes()
        if not prediction or not votes:
            return None
        name = min(votes, key=lambda label: (-votes[label], label))
        return name if votes[name] > votes[prediction.label] else None

    def is_close(self) -> bool:
        """Return True when the classifier's decision hangs on less than 0.10 of probability."""
        prediction = self.evidence.prediction
        if prediction is None or prediction.operating_point is None or self.positive is None:
            return False
        return abs(prediction.probabilities[self.positive] - prediction.operating_point) < CLOSE

    @property
    def finding(self) -> Finding | None:
        """The CheXpert finding that the favoured reading names, where it names one."""
        label = self.label
        if label is None or is_normal(label) or not self._chest:
            return None
        stated = [f for f in key_findings(foreign(label)) if f.status is not Status.absent]
        return stated[0].finding if stated else None

    @property
    def place(self) -> str:
        """The patient's side and zone where the heat-map of the favoured reading peaks, or "".

        A finding that has no side of its own gets no place from a heat-map.
        """
        heatmap, finding = self.evidence.heatmap, self.finding
        if heatmap is None or finding is None or heatmap.label != self.label or finding in UNSIDED:
            return ""
        return str(patient_zone(heatmap.zone))

    @property
    def _chest(self) -> bool:
        return modality_of(self.evidence.modality).chest

    def stated(self) -> dict[Finding, list[str]]:
        """Return the findings that neighbours' reports state as present, with the item ids."""
        found: dict[Finding, list[str]] = {}
        for n, hit in enumerate(self.evidence.neighbours, start=1):
            for label in key_findings(hit.text or "") if self._chest else ():
                if label.status is Status.present:
                    found.setdefault(label.finding, []).append(f"N{n}")
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0].value)))

    def reading(self, label: str) -> str:
        """Return ``label`` as a report would name it."""
        return "normal image" if label == self.normal == "normal" else foreign(label)

    def classifier_sentence(self) -> str:
        """Say what the classifier says, with its threshold where it has one."""
        prediction = self.evidence.prediction
        if not prediction:
            return "No classifier result is available."
        name = positive_label(prediction) or prediction.label
        text = f"The classifier gives {foreign(name)} a probability of "
        text += f"{prediction.probabilities[name]:.2f}"
        if prediction.operating_point is not None:
            side = "at or above" if prediction.label == name else "below"
            text += f", {side} its operating point of {prediction.operating_point:.2f}"
        return f"{text} [P1]."

    def neighbour_sentence(self) -> str:
        """Say how the most similar archived images are labelled."""
        hits = self.evidence.neighbours
        votes = self.votes()
        if not hits:
            return "No similar archived images are available."
        if not votes:
            return f"The {len(hits)} most similar archived images carry no label."
        label = self.label if self.label in votes else votes.most_common(1)[0][0]
        ids = self.agreeing(str(label))
        shares = f"{len(ids)} of the {len(hits)} most similar archived images are"
        if len(ids) == len(hits):
            shares = f"All {len(hits)} most similar archived images are"
        if len(hits) == 1:
            shares = "The most similar archived image is"
        return f"{shares} labelled {foreign(str(label))} {cite(ids)}."


def cite(ids: list[str]) -> str:
    """Return ``[N1, N2]``."""
    return f"[{', '.join(ids)}]"


def capital(text: str) -> str:
    """Return ``text`` with its first letter upper-case."""
    return text[:1].upper() + text[1:]
