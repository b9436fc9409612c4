"""Images of which no report may be written."""

from __future__ import annotations

from reportgen.evidence import Evidence


def refuse(evidence: Evidence) -> str | None:
    """Return why no report may be written of the image, or None when one may.

    An image unlike all that the classifier was trained on, be it another modality, a blank frame
    or a spoilt one, gets none. A case that is merely undecided does.
    """
    prediction = evidence.prediction
    if prediction is None or not prediction.out_of_distribution:
        return None
    reasons = [reason for reason in prediction.abstain_reasons if "% set" not in reason]
    score = prediction.ood_score
    measured = f" (score {score:.2f}, limit 1)" if score is not None else ""
    why = f": {'; '.join(reasons)}" if reasons else ""
    return f"the image is unlike those the classifier was trained on{measured}{why}"
