import pytest

from reportgen.sections import parse_sections

STRUCTURED = """\
**TECHNIQUE:** Frontal radiograph.
## Comparison
None.
Findings:
- Lungs: Hazy on the right [P1].
- **Heart and mediastinum**: Normal.
CONCLUSION: Pneumonia likely.
Recommendation:
Follow-up.
"""
DIFFERENTIAL = """\
FINDINGS:
Hazy.
DIFFERENTIAL DIAGNOSIS:
1. **Pneumonia** (high)
   **For:** classifier [P1]
   Against: one neighbour [N3]
2) Normal (low)
For:
- one neighbour [N3]
- clear base
Against: classifier
IMPRESSION: Pneumonia.
"""


def parse(text, strategies, name):
    return parse_sections(text, strategies[name].sections)


def test_headings_are_read_in_any_dress(strategies):
    parsed = parse(STRUCTURED, strategies, "structured")
    assert parsed.missing == []
    texts = {s.name: s.text for s in parsed.sections}
    assert texts["technique"] == "Frontal radiograph."
    assert texts["impression"] == "Pneumonia likely."


def test_regions_become_entries(strategies):
    parsed = parse(STRUCTURED, strategies, "structured")
    entries = next(s for s in parsed.sections if s.name == "findings").entries
    assert [(e.title, e.text) for e in entries] == [
        ("Lungs", "Hazy on the right [P1]."),
        ("Heart and mediastinum", "Normal."),
    ]


def test_ranked_readings_keep_order_and_both_sides(strategies):
    parsed = parse(DIFFERENTIAL, strategies, "differential")
    assert parsed.missing == []
    first, second = next(s for s in parsed.sections if s.name == "differential").entries
    assert first.title.startswith("Pneumonia")
    assert (first.evidence_for, first.evidence_against) == (
        ["classifier [P1]"],
        ["one neighbour [N3]"],
    )
    assert second.evidence_for == ["one neighbour [N3]", "clear base"]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", ["findings", "impression"]),
        ("The lungs are clear.", ["findings", "impression"]),
        ("FINDINGS: clear", ["impression"]),
        ("FINDINGS:\nIMPRESSION: normal", ["findings: empty"]),
        ("FINDINGS: <two sentences>\nIMPRESSION: ...", ["findings: empty", "impression: empty"]),
    ],
)
def test_what_a_concise_reply_lacks_is_listed(text, missing, strategies):
    assert parse(text, strategies, "concise").missing == missing


def test_a_one_sided_differential_misses_the_contract(strategies):
    text = "FINDINGS: a\nDIFFERENTIAL:\n1. x\nFor: b\nAgainst: none\n2. y\nIMPRESSION: c"
    assert parse(text, strategies, "differential").missing == [
        "differential 1: nothing against",
        "differential 2: nothing for",
        "differential 2: nothing against",
    ]


def test_one_reading_is_no_differential(strategies):
    text = "FINDINGS: a\nDIFFERENTIAL:\n1. x\nFor: b\nAgainst: c\nIMPRESSION: c"
    assert "1 of at least 2 entries" in parse(text, strategies, "differential").missing[0]


def test_of_a_repeated_heading_the_first_counts(strategies):
    parsed = parse("FINDINGS: a\nIMPRESSION: b\nIMPRESSION: again", strategies, "concise")
    assert parsed.sections[1].text == "b"


def test_sentences_that_start_like_headings_are_text(strategies):
    text = "FINDINGS:\nFindings are subtle.\nIMPRESSION:\nImpression of haze."
    assert [s.text for s in parse(text, strategies, "concise").sections] == [
        "Findings are subtle.",
        "Impression of haze.",
    ]


def test_code_fences_are_dropped(strategies):
    text = "```text\nFINDINGS: a\nIMPRESSION: b\n```"
    assert parse(text, strategies, "concise").sections[1].text == "b"
