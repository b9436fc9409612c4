"""Answers that are none, and claims that the image or the evidence cannot carry."""

from __future__ import annotations

import re

from reportgen.agreement.answers import find_non_answer, find_refusal
from reportgen.agreement.inventions import find_inventions
from reportgen.agreement.refusal import refuse
from reportgen.agreement.repetition import find_repetition
from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.agreement.sides import find_contradictions, find_wrong_sides
from reportgen.evidence import Evidence
from reportgen.resolution import unresolvable_terms

__all__ = ["check_text", "cited_items", "refuse"]

_BRACKETS = re.compile(r"\[([A-Z]\d+(?:\s*[,;]\s*[A-Z]\d+)*)\]")


def cited_items(text: str) -> list[str]:
    """Return the evidence ids that ``text`` cites in square brackets, in order, once each."""
    groups = _BRACKETS.findall(text)
    found = [item for group in groups for item in re.findall(r"[A-Z]\d+", group)]
    return list(dict.fromkeys(found))


def check_text(
    text: str, evidence: Evidence, *, cut_off: bool, prompt: str = ""
) -> list[ReportWarning]:
    """Return what a reader should distrust in ``text``.

    Args:
        text: The report, under headings where it has them.
        evidence: What its writer was given.
        cut_off: Whether the tokens ran out.
        prompt: The prompt, to find it given back; empty: not looked for.
    """
    warnings = []
    if cut_off:
        words = "the text was cut off: the tokens ran out"
        warnings.append(ReportWarning(kind=WarningKind.cut_off, text=words))
    return [
        *warnings,
        *find_refusal(text),
        *find_non_answer(text, evidence, prompt),
        *find_repetition(text),
        *_check_citations(text, evidence),
        *_check_resolution(text, evidence),
        *find_wrong_sides(text, evidence),
        *find_contradictions(text, evidence),
        *find_inventions(text, evidence),
    ]


def _check_citations(text: str, evidence: Evidence) -> list[ReportWarning]:
    known = {item.id for item in evidence.items()}
    cited = cited_items(text)
    if unknown := [item for item in cited if item not in known]:
        words = f"cites {', '.join(unknown)}, which is not in the evidence"
        return [ReportWarning(kind=WarningKind.unknown_citation, text=words)]
    if known and not cited:
        return [ReportWarning(kind=WarningKind.no_citation, text="cites no evidence")]
    return []


def _check_resolution(text: str, evidence: Evidence) -> list[ReportWarning]:
    terms = unresolvable_terms(text, evidence.image_size, evidence.modality)
    if not terms:
        return []
    height, width = evidence.image_size
    words = f"describes {', '.join(terms)}: not visible at {height} × {width} pixels"
    return [ReportWarning(kind=WarningKind.unresolvable, text=words)]
