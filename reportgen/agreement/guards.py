"""Answers that are none, and claims that the image or the evidence cannot carry."""

from __future__ import annotations

import re

from reportgen.agreement.refusal import refuse
from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.evidence import Evidence
from reportgen.resolution import unresolvable_terms

__all__ = ["check_text", "cited_items", "refuse"]

_BRACKETS = re.compile(r"\[([A-Z]\d+(?:\s*[,;]\s*[A-Z]\d+)*)\]")


def cited_items(text: str) -> list[str]:
    """Return the evidence ids that ``text`` cites in square brackets, in order, once each."""
    groups = _BRACKETS.findall(text)
    found = [item for group in groups for item in re.findall(r"[A-Z]\d+", group)]
    return list(dict.fromkeys(found))


def check_text(text: str, evidence: Evidence, *, cut_off: bool) -> list[ReportWarning]:
    """Return what a reader should distrust in ``text``."""
    known = {item.id for item in evidence.items()}
    cited = cited_items(text)
    warnings: list[ReportWarning] = []

    def warn(kind: WarningKind, words: str) -> None:
        warnings.append(ReportWarning(kind=kind, text=words))

    if cut_off:
        warn(WarningKind.cut_off, "the text was cut off: the tokens ran out")
    if unknown := [item for item in cited if item not in known]:
        words = f"cites {', '.join(unknown)}, which is not in the evidence"
        warn(WarningKind.unknown_citation, words)
    if known and not cited:
        warn(WarningKind.no_citation, "cites no evidence")
    if terms := unresolvable_terms(text, evidence.image_size, evidence.modality):
        height, width = evidence.image_size
        words = f"describes {', '.join(terms)}: not visible at {height} × {width} pixels"
        warn(WarningKind.unresolvable, words)
    return warnings
