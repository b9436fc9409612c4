from reportgen.agreement.guards import check_text, cited_items


def words(*args, **options):
    return [warning.text for warning in check_text(*args, **options)]


def test_citations_are_found_once_each_in_order():
    assert cited_items("a [N2], b [P1, N2] c [N3; N4] [not this] [1]") == ["N2", "P1", "N3", "N4"]


def test_a_sound_text_gets_no_warning(make_evidence):
    assert words("Hazy lungs [P1].", make_evidence(), cut_off=False) == []


def test_a_citation_of_nothing_is_warned_of(make_evidence):
    assert words("x [P1] [N9]", make_evidence(), cut_off=False) == [
        "cites N9, which is not in the evidence"
    ]


def test_no_citation_is_warned_of_only_when_there_is_evidence(make_evidence):
    assert words("x", make_evidence(), cut_off=False) == ["cites no evidence"]
    assert words("x", make_evidence(prediction=None, neighbours=[]), cut_off=False) == []


def test_cut_off_and_overclaiming_are_warned_of(make_evidence):
    warnings = words("Left hilum enlarged [P1]", make_evidence(), cut_off=True)
    assert warnings[0].startswith("the text was cut off")
    assert warnings[1] == "describes hilum: not visible at 28 × 28 pixels"
