from medx.core.settings import DISCLAIMER
from reportgen.exports.document import AS_WRITTEN, DRAFT, MOCK, SYNTHETIC, Finding

GOOD = "FINDINGS: hazy [P1]\nIMPRESSION: pneumonia likely"


def test_a_mock_of_a_drawing_says_so_among_its_marks(make_document):
    document = make_document(synthetic=True)
    assert document.marks == [DISCLAIMER, DRAFT, MOCK, SYNTHETIC]
    assert document.provenance["engine"] == "mock (mock)"


def test_a_models_report_is_no_mock(make_document):
    assert make_document(GOOD, strategy="concise").marks == [DISCLAIMER, DRAFT]


def test_free_findings_are_one_finding_without_a_status(make_document):
    assert make_document(GOOD, strategy="concise").findings == [
        Finding(name="findings", statement="hazy [P1]", status=None)
    ]


def test_ranked_readings_are_findings_with_their_reasons(make_document):
    findings = make_document(strategy="differential").findings
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
