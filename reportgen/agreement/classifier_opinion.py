"""What the classifier says of a claim."""

from __future__ import annotations

from medx.core.values import Prediction
from reportgen.agreement.class_meaning import class_meaning
from reportgen.agreement.opinion import Opinion
from reportgen.agreement.statement import Statement, strongest
from reportgen.control_tokens import plain_line
from reportgen.evidence import positive_label

ID = "P1"
#: A probability this near to the operating point could have gone either way.
CLOSE = 0.10
_EVEN = 0.5
_FEW = 4


def classifier_opinion(claim: Statement, prediction: Prediction | None, *, chest: bool) -> Opinion:
    """Return the classifier's opinion; one that abstains has none.

    It is decisive when what it says of the claim is more likely than not, and no closer than
    ``CLOSE`` to the operating point (to one half where there is none).
    """
    if prediction is None:
        return Opinion()
    if silence := why_silent(prediction):
        return Opinion(words=silence, silent=True)
    classes = list(prediction.probabilities)
    stances = {
        label: strongest(claim, class_meaning(label, classes, chest=chest)) for label in classes
    }
    stance = stances[prediction.label]
    if stance == 0:
        return Opinion(words=_beside(prediction, knows=any(stances.values())))
    share = sum(p for label, p in prediction.probabilities.items() if stances[label] == stance)
    decisive = is_decisive(prediction, share)
    return Opinion(
        stance=stance,
        decisive=decisive,
        supporting=[ID] if stance > 0 else [],
        opposing=[ID] if stance < 0 else [],
        words=f"the classifier says {named(prediction)}{'' if decisive else _caveat(share)}",
    )


def _caveat(share: float) -> str:
    return ", a close call" if share >= _EVEN else ", less likely than not"


def is_decisive(prediction: Prediction, share: float) -> bool:
    """Return True when a call of calibrated probability ``share`` is no close one."""
    positive = positive_label(prediction)
    if positive is None or prediction.operating_point is None:
        return share >= _EVEN + CLOSE
    distance = abs(prediction.probabilities[positive] - prediction.operating_point)
    return share >= _EVEN and distance >= CLOSE


def why_silent(prediction: Prediction) -> str:
    """Say why the classifier supports nothing of this image; empty when it may."""
    if prediction.out_of_distribution:
        return "the image is unlike those the classifier knows"
    held = prediction.conformal_set
    if prediction.abstain or (held is not None and held != [prediction.label]):
        undecided = f" between {_listed(held)}" if held and len(held) > 1 else ""
        return f"the classifier is undecided{undecided}"
    return ""


def named(prediction: Prediction) -> str:
    """Return the classifier's call: ``normal (0.92)``."""
    return f"{plain_line(prediction.label)} ({prediction.probability:.2f})"


def _beside(prediction: Prediction, *, knows: bool) -> str:
    """Say why a call says nothing of a claim; ``knows``: another class would have."""
    classes = [plain_line(name) for name in prediction.probabilities]
    if knows or len(classes) > _FEW:
        return f"the classifier says {named(prediction)}, which leaves it open"
    return f"the classifier tells only {_listed(classes)} apart"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
