"""Which classes of the dataset a report states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from reportgen.evaluation.candidate import Candidate
from reportgen.evaluation.results import Reading
from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import ReportLabels

#: What stands in for a class whose name the labeler does not know, so that its rules for
#: negation and doubt hold for it, too.
_STAND_IN = Finding.pneumothorax

_UNTELLING = frozenset({Finding.no_finding, Finding.support_devices})


@dataclass(frozen=True)
class Statement:
    """What one report says of the classes.

    Args:
        classes: Class → status, of those it speaks of.
        speaks: Whether it states anything at all.
        abnormal: The strongest status of any finding, devices apart.
    """

    classes: dict[str, Status]
    speaks: bool
    abnormal: Status | None

    def stated(self, reading: Reading) -> frozenset[str]:
        """Return the classes that count as stated."""
        return frozenset(name for name, status in self.classes.items() if counts(status, reading))

    def is_abnormal(self, reading: Reading) -> bool:
        """Return whether any finding, of the dataset or not, counts as stated."""
        return bool(self.stated(reading)) or counts(self.abnormal, reading)


SILENT = Statement({}, speaks=False, abnormal=None)


def counts(status: Status | None, reading: Reading) -> bool:
    """Return whether a status counts as stated."""
    if reading is Reading.present:
        return status is Status.present
    return status in (Status.present, Status.uncertain)


def read_statement(candidate: Candidate, classes: Sequence[str]) -> Statement:
    """Return what a report says of ``classes`` (without the normal one).

    The impression decides where it speaks of a class or says that nothing is wrong; otherwise the
    whole text does.
    """
    found = {name: status for name in classes if (status := _status(candidate, name))}
    told = [part for part in (candidate.conclusion, candidate.labels) if part and part.findings]
    strongest = [
        label.status
        for label in (told[0].findings if told else ())
        if label.finding not in _UNTELLING and label.status is not Status.absent
    ]
    return Statement(
        classes=found,
        speaks=bool(found or told),
        abnormal=min(strongest, key=list(Status).index, default=None),
    )


def finding_of(name: str) -> Finding | None:
    """Return the CheXpert finding that a class name stands for, or None."""
    return _finding_of(name)


@lru_cache(maxsize=1024)
def _finding_of(name: str) -> Finding | None:
    labels = label_report(name.replace("_", " ")).findings
    known = [x.finding for x in labels if x.status is Status.present]
    known = [finding for finding in known if finding not in _UNTELLING]
    return known[0] if len(known) == 1 else None


def _status(candidate: Candidate, name: str) -> Status | None:
    finding = finding_of(name)
    if finding is None:
        texts = (candidate.impression, candidate.text)
        parts = [_as_stand_in(text, name) for text in texts if text]
        return next((status for status in parts if status), None)
    if candidate.conclusion:
        status = candidate.conclusion.status(finding)
        if status or _says_normal(candidate.conclusion):
            return status or Status.absent
    return candidate.labels.status(finding)


def _says_normal(labels: ReportLabels) -> bool:
    label = labels.label(Finding.no_finding)
    return label is not None and bool(label.mentions)


def _as_stand_in(text: str, name: str) -> Status | None:
    """Label ``text`` as if ``name`` were a finding that the labeler knows."""
    pattern = re.compile(rf"\b{re.escape(name).replace('_', '[ _]')}(?:s|es)?\b", re.I)
    if not pattern.search(text):
        return None
    plain = re.sub(r"\bpneumothora\w*", "finding", text, flags=re.I)
    return label_report(pattern.sub(_STAND_IN.value, plain)).status(_STAND_IN)
