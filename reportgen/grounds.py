"""Evidence boiled down for a prompt: findings instead of reports, and who agrees with whom."""

from __future__ import annotations

from collections import Counter

from medx.core.values import Hit
from reportgen.evidence import Evidence, EvidenceItem, foreign
from reportgen.key_phrases import key_findings, key_phrases
from reportgen.labeler.finding import Finding, Status

#: Findings of the neighbours that the sum tells, the most frequent first.
MAX_FINDINGS = 3


def grounds(evidence: Evidence) -> list[EvidenceItem]:
    """Return the citable facts with each neighbour's findings in key phrases, never its text."""
    facts = {f"N{n}": _describe(hit) for n, hit in enumerate(evidence.neighbours, start=1)}
    return [
        EvidenceItem(id=item.id, statement=facts.get(item.id, item.statement))
        for item in evidence.items()
    ]


def majority(evidence: Evidence) -> str:
    """Say what most neighbours show and whether that is what the classifier says."""
    sentences = [s for s in (_labels(evidence), _findings(evidence)) if s]
    return " ".join(sentences)


def _describe(hit: Hit) -> str:
    label = f"labelled '{foreign(hit.label)}'" if hit.label else "unlabelled"
    text = f"Similar archived image of another patient, {label}, similarity {hit.similarity:.3f}"
    phrases = key_phrases(hit.text) if hit.text else ""
    return f"{text}; its report states: {phrases}." if phrases else f"{text}."


def _labels(evidence: Evidence) -> str:
    votes: dict[str, list[str]] = {}
    for n, hit in enumerate(evidence.neighbours, start=1):
        if hit.label:
            votes.setdefault(hit.label, []).append(f"N{n}")
    if not votes:
        return ""
    ranked = sorted(votes.items(), key=lambda vote: (-len(vote[1]), vote[0]))
    known = sum(map(len, votes.values()))
    told = "; ".join(f"'{foreign(label)}' {len(ids)} ({', '.join(ids)})" for label, ids in ranked)
    sentence = f"labels of the {known} labelled similar images: {told}"
    if not evidence.prediction:
        return f"{sentence}."
    leaders = {label for label, ids in ranked if len(ids) == len(ranked[0][1])}
    verdict = "agrees" if evidence.prediction.label in leaders else "does not agree"
    return f"{sentence}; the classifier {verdict} with most of them."


def _findings(evidence: Evidence) -> str:
    stated: Counter[Finding] = Counter()
    told = 0
    for hit in evidence.neighbours:
        labels = key_findings(hit.text or "")
        told += bool(hit.text and key_phrases(hit.text))
        stated.update(label.finding for label in labels if label.status is Status.present)
    if not told:
        return ""
    common = sorted(stated.items(), key=lambda item: (-item[1], list(Finding).index(item[0])))
    words = ", ".join(f"{f.value.lower()} in {n}" for f, n in common[:MAX_FINDINGS]) or "none"
    return f"Findings that their {told} readable reports state as present: {words}."
