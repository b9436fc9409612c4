"""What a neighbour's report states, in a few words of medx's own.

Only names from the labeler's vocabulary come out: none of the text's own words, so no courtesy, no
course ("unchanged", "compared with") and no instruction hidden in it.
"""

from __future__ import annotations

from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import FindingLabel

_WORDS = {Status.present: "", Status.uncertain: "possible ", Status.absent: "no "}
_ORDER = list(Status)

#: What is absent is told as far as this, the labeler's order first.
MAX_ABSENT = 4


def key_findings(text: str) -> list[FindingLabel]:
    """Return what ``text`` states, present before uncertain before absent; No Finding apart."""
    labels = [f for f in label_report(text).findings if f.finding is not Finding.no_finding]
    return sorted(labels, key=lambda label: _ORDER.index(label.status))


def key_phrases(text: str) -> str:
    """Return the findings of a report: ``right lower consolidation; no pneumothorax``.

    Empty when it states none; ``no abnormality`` when it says just that.
    """
    labels = key_findings(text)
    absent = [label for label in labels if label.status is Status.absent][:MAX_ABSENT]
    told = [label for label in labels if label.status is not Status.absent] + absent
    if told:
        return "; ".join(map(phrase, told))
    normal = label_report(text).status(Finding.no_finding)
    return "no abnormality" if normal is Status.present else ""


def phrase(label: FindingLabel) -> str:
    """Return one finding in words, with side and zones where it is not absent."""
    name = label.finding.value.lower()
    if label.status is Status.absent:
        return f"no {name}"
    place = [label.side.value] if label.side else []
    place += [zone.value for zone in label.zones]
    return _WORDS[label.status] + " ".join([*place, name])
