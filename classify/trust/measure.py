"""When not to trust a classifier, measured: sets, abstention, unlike images, another class mix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.evaluation.metrics import measure_decisions
from classify.predict import Classifier
from classify.trust.abstention import certainty, measure_abstention, save_risk_coverage
from classify.trust.conformal import measure_conformal
from classify.trust.label_shift import LabelShift, estimate_label_shift
from classify.trust.ood import combine
from classify.trust.results import OodResult, ShiftResult, TrustReport
from medx.core.bootstrap import Bootstrap
from medx.core.console import warn
from medx.core.shares import measure_share

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

RISK_COVERAGE = "figures/risk_coverage.png"


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Images with known truth and what the classifier says of them.

    Args:
        ids: N names.
        target: Indices of the classifier's classes ``(N,)``.
        probs: Calibrated, ``(N, C)``.
        predicted: Class indices ``(N,)`` at the operating point.
        ood_parts: Of ``Classifier.ood_parts``.
    """

    ids: list[str]
    target: Ints
    probs: Floats
    predicted: Ints
    ood_parts: dict[str, Doubles] | None


def measure_trust(
    classifier: Classifier,
    judged: Judged,
    how: Bootstrap,
    output_dir: Path,
    *,
    label_shift: str | None = None,
) -> TrustReport:
    """Measure conformal sets, abstention, unlike images and, when asked, a label-shift correction.

    Args:
        classifier: A trained one, as ``load_classifier`` gives it.
        judged: The images.
        how: What belongs together in intervals.
        output_dir: Gets the figure.
        label_shift: ``em``, ``bbse`` or None.
    """
    right = judged.predicted == judged.target
    sureness = certainty(judged.probs, classifier.description.operating_point)
    save_risk_coverage(right, sureness, output_dir / RISK_COVERAGE)
    conformal = None
    if classifier.conformal is not None and classifier.val is not None:
        conformal = measure_conformal(
            classifier.conformal,
            judged.probs,
            judged.target,
            classifier.classes,
            how,
            calibrated_on=len(classifier.val),
        )
    shift = None
    if label_shift is not None:
        shift = _measure_shift(classifier, judged, how, label_shift)
    return TrustReport(
        conformal=conformal,
        abstention=measure_abstention(right, sureness, how),
        ood=_measure_ood(judged, how),
        label_shift=shift,
        figures=[RISK_COVERAGE],
    )


def shift_of(classifier: Classifier, probs: Floats, method: str) -> LabelShift:
    """Return the mix of classes estimated from calibrated probabilities ``(N, C)``."""
    if method == "em" and classifier.description.calibration_method == "none":
        warn("em takes probabilities at their word, and these were never calibrated: try bbse")
    val_probs = classifier.val_probs
    return estimate_label_shift(
        method,
        classifier.classes,
        val_probs=val_probs,
        val_target=classifier.val.target,  # type: ignore[union-attr]
        probs=probs,
    )


def _measure_ood(judged: Judged, how: Bootstrap) -> OodResult | None:
    if judged.ood_parts is None:
        return None
    scores = combine(judged.ood_parts)
    order = np.argsort(-scores, kind="stable")
    return OodResult(
        flagged=measure_share(scores > 1, how),
        median=float(np.median(scores)),
        highest=float(scores.max()),
        most_unlike=[judged.ids[i] for i in order[:10] if scores[i] > 1],
    )


def _measure_shift(
    classifier: Classifier, judged: Judged, how: Bootstrap, method: str
) -> ShiftResult:
    shift = shift_of(classifier, judged.probs, method)
    corrected = np.asarray(shift.adjust(judged.probs).argmax(axis=1), np.int64)
    count = len(classifier.classes)
    after, plain = (
        measure_decisions(judged.target, predicted, count, how)
        for predicted in (corrected, judged.predicted)
    )
    shares = (np.bincount(judged.target, minlength=count) / len(judged.target)).tolist()
    return ShiftResult(
        shift=shift,
        accuracy=after["accuracy"],
        balanced_accuracy=after["balanced_accuracy"],
        plain_accuracy=plain["accuracy"],
        plain_balanced_accuracy=plain["balanced_accuracy"],
        observed_share=dict(zip(classifier.classes, shares, strict=True)),
    )
