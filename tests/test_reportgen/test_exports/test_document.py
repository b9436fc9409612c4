from medx.core.settings import DISCLAIMER
from reportgen.exports.document import AS_WRITTEN, DRAFT, MOCK, SYNTHETIC, Finding

GOOD = "FINDINGS: hazy [P1]\nIMPRESSION: pneumonia likely"


def test_a_mock_of_a_drawing_says_so_among_its_marks(make_document):
    document = make_document(synthetic=True)
    assert document.marks == [DISCLAIMER, DRAFT, MOCK, SYNTHETIC]
    assert document.provenance["engine"] == "mock"


def test_a_models_report_is_no_mock(make_document):
    assert make_document(GOOD, strategy="concise").marks == [DISCLAIMER, DRAFT]


def test_free_findings_that_state_nothing_known_are_one_without_a_status(make_document):
    text = "FINDINGS: a dark picture [P1]\nIMPRESSION: not assessable"
    assert make_document(text, strategy="concise").findings == [
        Finding(name="findings", statement="a dark picture [P1]", status=None)
    ]


def test_what_the_text_states_has_status_site_and_agreement(make_document):
    text = "FINDINGS: Opacity in the right lower zone [P1].\nNo effusion.\nIMPRESSION: pneumonia"
    opacity, effusion, pneumonia = make_document(text, strategy="concise").findings
    assert (opacity.name, opacity.status, opacity.site) == (
        "Lung Opacity",
        "present",
        "right lower",
    )
    assert opacity.statement == "FINDINGS: Opacity in the right lower zone [P1]."
    assert opacity.agreement.startswith("agrees: the classifier says pneumonia (0.87)")
    assert (effusion.status, effusion.site) == ("absent", None)
    assert effusion.agreement.startswith("unsupported: ")
    assert (pneumonia.name, pneumonia.status) == ("Pneumonia", "present")


def test_ranked_readings_are_findings_with_their_reasons(make_document):
    findings = [f for f in make_document(strategy="differential").findings if not f.status]
    assert len(findings) >= 2
    assert all("for: " in finding.statement for finding in findings)


def test_a_text_off_the_contract_is_kept_and_said_to_be(make_document):
    document = make_document("Looks fine.", strategy="concise")
    assert [(s.name, s.text) for s in document.sections] == [(AS_WRITTEN, "Looks fine.")]
    assert document.warnings[-1].endswith("missing: findings, impression")


def test_control_characters_are_left_out_and_lines_kept(make_document):
    text = "FINDINGS: a\x00\x1bb\ufffe\r\nnext [P1]\nIMPRESSION: c"
    document = make_document(text, strategy="concise")
    assert document.section("findings").text == "ab\nnext [P1]"
