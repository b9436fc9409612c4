"""Earlier films, measurements and histories that nobody gave the writer of a report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.evidence import Evidence
from reportgen.labeler.labeler import find_mentions
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.passages import find_passages

_EARLIER = r"(?:prior|previous|earlier|preceding|last|older|old)"
_COMPARED = re.compile(
    rf"\b(?:compar(?:ed|ison)|relative|similar)\s+(?:is made\s+|was made\s+)?(?:to|with)\s+"
    rf"(?:the\s+|a\s+|an\s+|any\s+)?{_EARLIER}\b"
    rf"|\b(?:since|from|than|on)\s+(?:the\s+|a\s+)?{_EARLIER}\s+(?:\w+\s+)?"
    r"(?:stud|exam|film|radiograph|image|x-?ray|chest|ct\b|cxr)"
    r"|\binterval\s+(?:change|increase|decrease|improvement|worsening|development|resolution|"
    r"progression|removal|placement|enlargement|clearing)"
    r"|\b(?:remains?|is|are|appears?)\s+unchanged\b",
    re.I,
)
_COURSE = re.compile(
    r"\b(?:new|newly|worse|worsen(?:ed|ing)|improv(?:ed|ing|ement)|unchanged|stable|resolv(?:ed|ing)|"
    r"increasing|decreasing|progress(?:ed|ion|ive|ing)|larger|smaller|persist\w*|redemonstrated|"
    r"again (?:seen|noted|demonstrated|identified)|interval|no longer|"
    r"ha(?:s|ve) (?:\w+ )?(?:increased|decreased|cleared|grown|enlarged|developed|appeared))\b",
    re.I,
)
#: "It is larger now."
_AFTERWARDS = re.compile(r"\W*(?:it|this|that|they|these|those|both|the)\b[^.;!?\n]*", re.I)
_UNAVAILABLE = re.compile(
    rf"\bno\s+(?:\w+\s+)?(?:{_EARLIER}|comparison)|\bnot?\b[^.\n]{{0,60}}\b(?:available|provided|"
    r"given|supplied)|\bunavailable\b|\bnone\b|\bn/?a\b|\bnil\b|\bwithout\b[^.\n]{0,20}"
    rf"(?:{_EARLIER}|comparison)|\bcannot be\b|\bnot\s+(?:applicable|compared|possible)",
    re.I,
)
_ADVICE = re.compile(
    r"\b(?:if|should|recommend\w*|consider|advis\w+|correlat\w+|follow-?\s?up|suggested|"
    r"guidelines?|in case of|would)\b",
    re.I,
)
_NUMBER = r"\d+(?:[.,]\d+)?"
_MEASURED = re.compile(
    rf"(?<![\w.]){_NUMBER}(?:\s*(?:x|×|by|-|–|to)\s*{_NUMBER})*\s*(?:mm|cm|ml|cc|HU|°|"
    r"millimet(?:er|re)s?|centimet(?:er|re)s?|millilit(?:er|re)s?|degrees?)(?!\w)"
    rf"|\b(?:cardio-?\s?thoracic|CT)\s+(?:ratio|index)\b[^.\n\d]{{0,25}}{_NUMBER}"
    rf"|(?<![\w.]){_NUMBER}\s*%\s+(?:of\s+the\s+)?(?:(?:left|right)\s+)?(?:hemi-?thorax|lung|"
    r"pneumothorax|collapse|height|volume)",
    re.I,
)
_HISTORY = re.compile(
    r"\b\d{1,3}[\s-]?(?:years?|yrs?|months?|weeks?|days?)[\s-]old\b|\b\d{1,3}\s?y/?o\b"
    r"|\b(?:history|h/o|hx)\s+of\b|\bstatus[\s-]post\b|\bs/p\b"
    r"|\bpatient\s+(?:reports?|reported|complains?|complained|presents?|presented|presenting|"
    r"underwent|denies|denied|with (?:a )?(?:fever|cough|dyspn))"
    r"|\b(?:known|long-?standing)\s+(?:copd|asthma|hypertension|diabetes|smoker|cancer|malignancy)"
    r"|\b(?:presents?|presenting|presented|complain\w*)\s+(?:with|of)\s+(?:\w+\s+){0,2}?"
    r"(?:fever|cough|dyspn\w+|pain|shortness)",
    re.I,
)
_TOLD_ELSEWHERE = {
    "comparison": WarningKind.comparison,
    "comparisons": WarningKind.comparison,
    "indication": WarningKind.history,
    "indications": WarningKind.history,
    "history": WarningKind.history,
    "clinical history": WarningKind.history,
    "clinical indication": WarningKind.history,
    "clinical information": WarningKind.history,
    "patient history": WarningKind.history,
    "medical history": WarningKind.history,
}


def find_inventions(text: str, evidence: Evidence) -> list[ReportWarning]:
    """Return at most one warning of each kind; what a note says is no invention.

    The evidence never holds an earlier image of the patient, so any comparison rests on nothing.
    """
    notes = " ".join(evidence.notes).lower()
    found: dict[WarningKind, str] = {}
    for kind, words in _all(text):
        if not _is_noted(kind, words, notes):
            found.setdefault(kind, " ".join(words.split()))
    say = {
        WarningKind.comparison: "compares with an earlier image that nobody gave",
        WarningKind.measurement: "measures what was not measured",
        WarningKind.history: "tells a history that nobody gave",
    }
    return [
        ReportWarning(kind=kind, text=f"{words}: “{found[kind]}”")
        for kind, words in say.items()
        if kind in found
    ]


def _all(text: str) -> Iterator[tuple[WarningKind, str]]:
    for sentence in _sentences(text):
        if _ADVICE.search(sentence):
            continue
        if (match := _COMPARED.search(sentence)) and not _UNAVAILABLE.search(sentence):
            yield WarningKind.comparison, match[0]
        if match := _MEASURED.search(sentence):
            yield WarningKind.measurement, match[0]
        if (match := _HISTORY.search(sentence)) and not _UNAVAILABLE.search(sentence):
            yield WarningKind.history, match[0]
    for mention in find_mentions(text):
        if mention.changes and mention.stated:
            start, end = mention.sentence
            here, then = text[start:end], _AFTERWARDS.match(text, end)
            course = _COURSE.search(here) or _COURSE.search(then[0] if then else "")
            if course and not _ADVICE.search(here):
                yield WarningKind.comparison, course[0]
    yield from _under_headings(text)


def _under_headings(text: str) -> Iterator[tuple[WarningKind, str]]:
    """Yield what stands under COMPARISON or HISTORY, unless it says that there is none."""
    for passage in find_passages(text, load_lexicon()):
        kind = _TOLD_ELSEWHERE.get(passage.heading)
        body = text[passage.start : passage.end].split("\n\n")[0].strip(" \n*_:\"'.-")
        if kind and any(c.isalpha() for c in body) and not _UNAVAILABLE.search(body):
            if kind is WarningKind.comparison and body.lower().startswith(("no ", "not ")):
                continue
            yield kind, body[:60]


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.;!?])\s+|\n\s*(?:\n|[-*•]|\d{1,2}[.)])\s*|\n(?=[A-Z])", text)


def _is_noted(kind: WarningKind, words: str, notes: str) -> bool:
    if kind is WarningKind.comparison:
        return bool(re.search(rf"\b(?:{_EARLIER}|compar\w+|follow-?\s?up)\b", notes))
    return all(word in notes for word in re.findall(r"\w+", words.lower()))
