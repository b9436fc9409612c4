"""What was found out about an image, in sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from medx.core.values import Hit, Prediction
from medx.core.words import many
from reportgen.agreement.results import Agreement, Verdict
from reportgen.evidence import HeatMapFact, positive_label
from reportgen.report import Report
from retrieval.search.results import shown_similarity


def call_line(prediction: Prediction) -> str:
    """Say what the classifier calls the image, and how sure it is."""
    called = f"{prediction.label}, calibrated probability {prediction.probability:.2f}"
    if prediction.out_of_distribution:
        return f"{called}: no figure to rely on for an image unlike the training images"
    share = 100 * prediction.probability
    often = f"about {share:.0f}" if 1 <= share <= 99 else "fewer than 1" if share < 1 else "over 99"
    return f"{called}: of 100 images with this figure, {often} are {prediction.label}"


def threshold_line(prediction: Prediction) -> str:
    """Say where the call changes."""
    positive = positive_label(prediction)
    if positive is None:
        return "the most probable class is taken"
    threshold, probability = prediction.operating_point, prediction.probabilities[positive]
    if f"{threshold:.2f}" == f"{probability:.2f}":
        return f"{positive}, here {probability:.4f}, is called from {threshold:.4f} upwards"
    return f"{positive} is called from {threshold:.2f} upwards"


def set_line(prediction: Prediction) -> str:
    """Say which classes remain possible."""
    held = prediction.conformal_set
    if held is None or prediction.conformal_level is None:
        return "which classes remain possible is not known: the classifier kept nothing of val"
    if prediction.out_of_distribution:
        return "which classes remain possible cannot be told for an unlike image"
    level = f"{100 * prediction.conformal_level:g} %"
    if not held:
        return f"no class is likely enough to remain possible at {level}"
    if len(held) == 1:
        return f"only {held[0]} remains possible at {level}"
    if len(held) == len(prediction.probabilities) > 2:
        return f"every class remains possible at {level}"
    every = "both" if len(held) == 2 else "all"
    return f"{', '.join(held[:-1])} and {held[-1]} {every} remain possible at {level}"


def likeness_line(prediction: Prediction) -> str:
    """Say whether the image is like those the classifier learned from."""
    if prediction.out_of_distribution is None or prediction.ood_score is None:
        return "whether it is like the training images was not looked at"
    like = "UNLIKE" if prediction.out_of_distribution else "like"
    return f"{like} the training images (score {prediction.ood_score:.2f}, flagged above 1)"


def neighbours_line(neighbours: Sequence[Hit]) -> str:
    """Say how the similar cases are labelled."""
    if not neighbours:
        return "none"
    counts = Counter(hit.label or "no label" for hit in neighbours)
    listed = ", ".join(f"{count} {label}" for label, count in counts.most_common())
    best = max(hit.similarity for hit in neighbours)
    return f"{listed} of {many(len(neighbours), 'case')}; most similar {shown_similarity(best)}"


def heatmap_line(heatmap: HeatMapFact | None, reason: str | None) -> str:
    """Say where the evidence for the call is, or why that is not known."""
    if heatmap is None:
        return f"none: {reason}"
    return f"evidence for {heatmap.label} is highest at the {heatmap.zone}, as seen"


def impression_line(report: Report | None) -> str:
    """Return the impression on one line."""
    if report is None:
        return "no report"
    impression = report.section("impression")
    return " ".join(impression.text.split()) if impression else "none in the report"


def agreement_line(agreement: Agreement | None) -> str:
    """Count how a report's statements stand to the evidence."""
    if agreement is None:
        return "not looked at"
    counts = {verdict: agreement.count(verdict) for verdict in Verdict}
    return (
        f"{many(len(agreement.claims), 'statement')}: {counts[Verdict.agree]} agree with the "
        f"evidence, {counts[Verdict.contradict]} contradict it, "
        f"{counts[Verdict.unsupported]} have nothing that speaks for them"
    )
