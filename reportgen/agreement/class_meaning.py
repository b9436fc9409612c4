"""What the name of a dataset's class says of an image that carries it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from reportgen.agreement.statement import ANYTHING, DEVICES, NORMAL, Statement
from reportgen.labeler.finding import Status
from reportgen.labeler.labeler import label_report
from reportgen.labeler.scoring import stated_labels
from reportgen.labels import is_normal, normal_label

_SOMETHING = re.compile(
    r"\b(abnormal\w*|diseased?|patholog\w*|positive|sick|ill|finding|unhealthy)\b", re.I
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain_name(label: str) -> str:
    """Return a class name as words: ``viralPneumonia_2`` becomes ``viral pneumonia 2``."""
    return " ".join(re.sub(r"[_/|-]+", " ", _CAMEL.sub(" ", label)).lower().split())


@lru_cache(maxsize=1024)
def findings_of(label: str) -> tuple[Statement, ...]:
    """Return what a class name says in the words of chest radiographs; empty when nothing.

    >>> [said.finding for said in findings_of("viral_pneumonia")]
    ['Pneumonia']
    """
    return tuple(
        Statement(finding=found.finding.value, status=found.status)
        for found in stated_labels(label_report(plain_name(label)).findings)
        if found.finding.value != NORMAL
    )


def chest_meaning(label: str, classes: Sequence[str]) -> list[Statement]:
    """Return what a class of chest radiographs says.

    Args:
        label: The class.
        classes: All that the classifier chooses from; "normal" denies these, and anything at all
            when the label is none of them or one of them is merely "abnormal".
    """
    if is_normal(label) or (label == normal_label(classes) and not findings_of(label)):
        said = [Statement(finding=NORMAL)] if is_normal(label) else []
        return said + _denied(label, classes)
    named = list(findings_of(label))
    if not named:
        if _SOMETHING.search(plain_name(label)):
            return [Statement(finding=NORMAL, status=Status.absent)]
        named = [Statement(finding=label)]
        if not any(is_normal(name) for name in classes):
            return named  # perhaps no disease at all
    sick = any(s.status is not Status.absent and s.finding != DEVICES for s in named)
    return named + [Statement(finding=NORMAL, status=Status.absent)] * sick


def class_meaning(label: str, classes: Sequence[str], *, chest: bool) -> list[Statement]:
    """Return what a class says of an image; outside the chest an image has exactly one class."""
    if chest:
        return chest_meaning(label, classes)
    return [Statement(finding=label, exclusive=True)]


def _denied(label: str, classes: Sequence[str]) -> list[Statement]:
    others = [name for name in classes if name != label and not is_normal(name)]
    named = [s for name in others for s in findings_of(name) if s.status is not Status.absent]
    denied = [Statement(finding=s.finding, status=Status.absent, whole=True) for s in named]
    for name in others:
        if not findings_of(name) and not _SOMETHING.search(plain_name(name)):
            denied.append(Statement(finding=name, status=Status.absent, whole=True))
    wide = label not in classes or any(_SOMETHING.search(plain_name(n)) for n in others)
    if is_normal(label) and (wide or not others):
        denied.append(Statement(finding=ANYTHING, status=Status.absent, whole=True))
    return denied
