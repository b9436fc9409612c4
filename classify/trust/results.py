"""What an evaluation says of when not to trust the classifier."""

from __future__ import annotations

from pydantic import Field

from classify.trust.abstention import AbstentionResult
from classify.trust.conformal import ConformalResult
from classify.trust.label_shift import LabelShift
from medx.core.values import Interval, Value


class OodResult(Value):
    """How many images are unlike the training images."""

    flagged: Interval | None = Field(description="Share with a score above 1; about .01 on val.")
    median: float
    highest: float
    most_unlike: list[str] = Field(description="Ids of flagged images, highest score first.")


class ShiftResult(Value):
    """What a label-shift correction makes of the same images; never part of the plain figures."""

    shift: LabelShift
    accuracy: Interval | None = Field(description="Of the most probable class, corrected.")
    balanced_accuracy: Interval | None
    plain_accuracy: Interval | None = Field(description="At the operating point, uncorrected.")
    plain_balanced_accuracy: Interval | None
    observed_share: dict[str, float] = Field(description="The true mix here, to compare with.")


class TrustReport(Value):
    """When not to trust this classifier, measured on one split."""

    conformal: ConformalResult | None
    abstention: AbstentionResult
    ood: OodResult | None
    label_shift: ShiftResult | None = Field(description="None unless asked for.")
    figures: list[str]
