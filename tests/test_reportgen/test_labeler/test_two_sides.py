"""One finding on one side only, and findings told over two sentences."""

from __future__ import annotations

import pytest

from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.labeler import label_report


def told(text, finding=Finding.pleural_effusion):
    label = label_report(text).label(finding)
    return label and " ".join([label.status.value, *([label.side.value] if label.side else [])])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A left but no right effusion.", "present left"),
        ("Right but not left pleural effusion.", "present right"),
        ("Small left, but no right-sided, effusion.", "present left"),
        ("A left and no right effusion is seen.", "present left"),
        ("Possible left but no right effusion.", "uncertain left"),
        ("No right but a small left effusion.", "present left"),
        ("Effusion on the right but not on the left.", "present right"),
        ("No left or right effusion.", "absent bilateral"),
        ("A catheter on the left but no right effusion.", "absent right"),
        ("The lungs are clear on the left, no right effusion.", "absent right"),
    ],
)
def test_each_side_has_its_status(text, expected):
    assert told(text) == expected


def test_the_other_side_is_a_mention_of_its_own():
    labels = label_report("A left but no right effusion.")
    assert [(m.side.value, m.status) for m in labels.mentions] == [
        ("left", Status.present),
        ("right", Status.absent),
    ]
    assert labels.status(Finding.no_finding) is None


def test_what_is_not_this_image_stays_so():
    labels = label_report("INDICATION: left but no right effusion.\nFINDINGS: Clear lungs.")
    assert labels.label(Finding.pleural_effusion) is None


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("Right effusion. It is larger now.", ["worse"]),
        ("Right effusion. This has improved.", ["better"]),
        ("Right effusion. The finding is new.", ["new"]),
        ("Effusion and edema. They are unchanged.", ["unchanged"]),
        ("Right effusion. These findings have worsened.", ["worse"]),
        ("Right effusion. The heart is normal. It is larger now.", []),
        ("No effusion. It is larger now.", []),
        ("Right effusion. A larger film was used.", []),
        ("FINDINGS: Right effusion.\nIMPRESSION: It is larger now.", []),
    ],
)
def test_the_course_is_told_in_the_next_sentence(text, changes):
    label = label_report(text).label(Finding.pleural_effusion)
    assert [change.value for change in label.changes] == changes


def test_it_is_the_last_finding_and_they_are_all():
    labels = label_report("Effusion with edema. It has improved.")
    assert [bool(label.changes) for label in labels.findings] == [True, False]
    labels = label_report("Effusion with edema. Both have improved.")
    assert all(label.changes for label in labels.findings)


def test_the_place_is_told_in_the_next_sentence():
    labels = label_report("A consolidation is seen. It lies in the right lower lobe.")
    label = labels.label(Finding.consolidation)
    assert (label.side.value, [zone.value for zone in label.zones]) == ("right", ["lower"])
    kept = label_report("Left consolidation. It is larger than the right breast shadow.")
    assert kept.label(Finding.consolidation).side.value == "left"


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Pneumonia, supported by the classifier [P1] and 3 similar images [N1].", True),
        ("Pneumonia in line with the heat-map of the classifier.", True),
        ("Opacity in line with the heat-map of pneumonia.", False),
        ("Based on the classifier and the neighbours, pneumonia is likely.", True),
        ("The neighbours show pneumonia.", False),
        ("The heat-map shows pneumonia.", False),
        ("The image classifier predicts pneumonia.", False),
        ("The nearest cases are pneumonia.", False),
    ],
)
def test_evidence_leant_on_is_stated_and_evidence_told_is_not(text, stated):
    assert (label_report(text).label(Finding.pneumonia) is not None) is stated
