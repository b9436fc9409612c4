"""Codes of public terminologies; what is not surely the same thing stays text.

SNOMED CT names what a disease or finding is, LOINC what kind of report it is. Display texts are
the terminologies' own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"


class Code(NamedTuple):
    """A code of a FHIR code system."""

    system: str
    code: str
    display: str


CHEST_RADIOGRAPH = Code(LOINC, "30745-4", "XR Chest Views")
DIAGNOSTIC_IMAGING = Code(LOINC, "18748-4", "Diagnostic imaging study")

PRESENT = Code(SNOMED, "52101004", "Present")
ABSENT = Code(SNOMED, "2667000", "Absent")

_FINDINGS = {
    "atelectasis": Code(SNOMED, "46621007", "Atelectasis"),
    "cardiomegaly": Code(SNOMED, "8186001", "Cardiomegaly"),
    "consolidation": Code(SNOMED, "95436008", "Lung consolidation"),
    "emphysema": Code(SNOMED, "87433001", "Pulmonary emphysema"),
    "malaria": Code(SNOMED, "61462000", "Malaria"),
    "pleural effusion": Code(SNOMED, "60046008", "Pleural effusion"),
    "pneumonia": Code(SNOMED, "233604007", "Pneumonia"),
    "pneumothorax": Code(SNOMED, "36118008", "Pneumothorax"),
    "pulmonary edema": Code(SNOMED, "19242006", "Pulmonary edema"),
}
_OTHER_WORDS = {
    "lung consolidation": "consolidation",
    "pulmonary consolidation": "consolidation",
    "pulmonary emphysema": "emphysema",
    "pulmonary oedema": "pulmonary edema",
}
_CHEST = re.compile(r"chest.*(radiograph|x-?ray)|\bcxr\b", re.I)


def finding_code(name: str) -> Code | None:
    """Return the code of a disease or finding named alone; None when no code surely fits.

    >>> finding_code("Pneumonia").code
    '233604007'
    >>> finding_code("no pneumonia") is None
    True
    """
    words = " ".join(re.findall(r"[a-z]+", name.lower()))
    return _FINDINGS.get(_OTHER_WORDS.get(words, words))


def report_code(modality: str) -> Code:
    """Return what kind of report a modality, in a dataset's own words, gives."""
    return CHEST_RADIOGRAPH if _CHEST.search(modality) else DIAGNOSTIC_IMAGING
