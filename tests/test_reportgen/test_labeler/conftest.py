"""Labels of a text, in the short form of ``sentences.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.labeler.finding import Finding
from reportgen.labeler.labeler import label_report
from reportgen.labeler.reference import read_reference

SENTENCES = Path(__file__).parent / "sentences.yaml"


@pytest.fixture(scope="session")
def reference():
    """The hand-made texts with their labels, by part."""
    return read_reference(SENTENCES)


@pytest.fixture
def statuses():
    """Say what a text states: finding to status, both as plain words."""

    def read(text):
        labels = label_report(text).findings
        return {
            x.finding.value: x.status.value for x in labels if x.finding is not Finding.no_finding
        }

    return read
