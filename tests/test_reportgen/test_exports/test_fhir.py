import base64
import copy
import io
import json

import pytest
from defusedxml import ElementTree
from fhir.resources.R4B.bundle import Bundle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes as dicom_codes
from pypdf import PdfReader
from test_datasets.dicom_files import identifying, leaks

from reportgen.exports import codes
from reportgen.exports.document import DocumentSection, Finding
from reportgen.exports.fhir import build_bundle, fhir_bytes
from reportgen.exports.fhir_checks import check_bundle, luhn_holds, verhoeff_holds
from reportgen.exports.material import Material


@pytest.fixture
def bundle(make_document):
    return json.loads(fhir_bytes(Material(document=make_document(synthetic=True))))


def resources(bundle, kind):
    found = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def test_everything_in_it_is_preliminary_and_marked(bundle, make_document):
    marks = make_document(synthetic=True).marks
    assert Bundle.model_validate(bundle).type == "collection"
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert resource.get("status", "preliminary") == "preliminary"
        assert [tag["display"] for tag in resource["meta"]["tag"]] == marks
        assert {s["code"] for s in resource["meta"]["security"]} == {"HRESCH", "HTEST"}


def test_a_models_report_on_an_image_is_no_test_data(make_document):
    document = make_document("FINDINGS: x [P1]\nIMPRESSION: y", strategy="concise")
    bundle = json.loads(fhir_bytes(Material(document=document)))
    assert [s["code"] for s in bundle["meta"]["security"]] == ["HRESCH"]


def test_the_report_points_at_its_observations(bundle):
    (report,) = resources(bundle, "DiagnosticReport")
    names = {e["fullUrl"]: e["resource"]["resourceType"] for e in bundle["entry"]}
    assert {names[result["reference"]] for result in report["result"]} == {"Observation"}
    assert len(report["result"]) == len(resources(bundle, "Observation"))
    assert report["code"]["coding"][0] == codes.CHEST_RADIOGRAPH._asdict()
    assert report["category"][0]["coding"][0]["code"] == "RAD"


def test_the_conclusion_begins_with_the_marks(bundle, make_document):
    (report,) = resources(bundle, "DiagnosticReport")
    document = make_document(synthetic=True)
    assert report["conclusion"].splitlines()[:4] == document.marks
    assert report["conclusion"].endswith(document.section("impression").text)


def test_the_narrative_holds_the_sections(bundle, make_document):
    (report,) = resources(bundle, "DiagnosticReport")
    words = "".join(ElementTree.fromstring(report["text"]["div"]).itertext())
    for section in make_document(synthetic=True).sections:
        assert section.text.splitlines()[0] in words


def test_the_presented_form_is_the_pdf(bundle):
    (report,) = resources(bundle, "DiagnosticReport")
    pdf = PdfReader(io.BytesIO(base64.b64decode(report["presentedForm"][0]["data"])))
    assert "MOCK REPORT" in pdf.pages[0].extract_text()


def test_probabilities_are_components_with_a_unit(bundle, make_prediction):
    (classified,) = (o for o in resources(bundle, "Observation") if "component" in o)
    values = [component["valueQuantity"]["value"] for component in classified["component"]]
    assert values == pytest.approx(list(make_prediction().probabilities.values()))
    assert classified["component"][0]["valueQuantity"]["code"] == "1"
    assert classified["valueCodeableConcept"]["coding"][0]["code"] == "233604007"


def test_only_a_finding_with_a_status_gets_a_code(make_document):
    findings = [
        Finding(name="Pleural effusion", statement="none", status="absent"),
        Finding(name="Pneumothorax", statement="perhaps", status="uncertain", site="right apex"),
        Finding(name="pneumonia", statement="for: a; against: b"),
        Finding(name="a strange shadow", statement="seen", status="present", agreement="no"),
        Finding(name="a strange shadow", statement="seen", status="present", agreement="no"),
    ]
    document = make_document().model_copy(update={"findings": findings, "prediction": None})
    bundle = json.loads(fhir_bytes(Material(document=document)))
    absent, uncertain, unknown, uncoded, _ = resources(bundle, "Observation")
    assert absent["code"]["coding"][0]["code"] == "60046008"
    assert absent["valueCodeableConcept"]["coding"][0]["code"] == codes.ABSENT.code
    assert uncertain["valueCodeableConcept"] == {"text": "uncertain"}
    assert uncertain["bodySite"] == {"text": "right apex"}
    assert unknown["code"] == {"text": "pneumonia"}
    assert unknown["valueString"] == "for: a; against: b"
    assert uncoded["code"] == {"text": "a strange shadow"}
    assert [note["text"] for note in uncoded["note"]] == ["seen", "no"]


def test_it_names_no_patient_and_no_study(make_material, tmp_path):
    content = fhir_bytes(make_material())
    assert leaks(identifying(tmp_path), content.decode()) == set()
    assert "subject" not in content.decode()


def test_the_same_report_gives_the_same_bundle(make_document):
    material = Material(document=make_document())
    assert fhir_bytes(material) == fhir_bytes(material)


def test_another_picture_makes_another_bundle(make_material):
    with_map = make_material()
    without = Material(document=with_map.document, pixels=with_map.pixels)
    names = [{e["fullUrl"] for e in build_bundle(m)["entry"]} for m in (with_map, without)]
    assert not names[0] & names[1]


SPOILT = [
    (lambda r, o: r.update(status="bogus"), "DiagnosticReport.status"),
    (lambda r, o: o.update(status="partial"), "Observation.status"),
    (lambda r, o: r["text"].update(status="written"), "narrative's status"),
    (lambda r, o: r["text"].update(div="<div>x</div>"), "div of XHTML"),
    (lambda r, o: r["result"][0].update(reference="urn:uuid:0"), "points at nothing"),
    (lambda r, o: r["code"]["coding"][0].update(code="30745-5"), "LOINC"),
    (lambda r, o: r["presentedForm"][0].update(data="%%%"), "Base64"),
    (
        lambda r, o: o.update(
            code={"coding": [{"system": codes.SNOMED, "code": "233604008", "display": "x"}]}
        ),
        "SNOMED",
    ),
    (
        lambda r, o: r["text"].update(
            div='<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'
        ),
        "must not hold",
    ),
    (
        lambda r, o: r["text"].update(div='<div xmlns="http://www.w3.org/1999/xhtml"/>'),
        "must say something",
    ),
]


def test_our_checks_reject_what_a_schema_lets_pass(bundle):
    check_bundle(bundle)
    for spoil, said in SPOILT:
        spoiled = copy.deepcopy(bundle)
        (report,) = resources(spoiled, "DiagnosticReport")
        spoil(report, resources(spoiled, "Observation")[0])
        with pytest.raises(ValueError, match=said):
            check_bundle(spoiled)


def test_our_checks_reject_a_bundle_of_no_known_type_and_doubled_names(bundle):
    with pytest.raises(ValueError, match=r"Bundle\.type"):
        check_bundle({**bundle, "type": "heap"})
    with pytest.raises(ValueError, match="share a fullUrl"):
        check_bundle({**bundle, "entry": [bundle["entry"][0]] * 2})


def all_codes():
    return [*codes._FINDINGS.values(), codes.PRESENT, codes.ABSENT]


def test_every_code_has_its_check_digit():
    assert all(verhoeff_holds(code.code) for code in all_codes())
    assert luhn_holds(codes.CHEST_RADIOGRAPH.code)
    assert luhn_holds(codes.DIAGNOSTIC_IMAGING.code)
    assert not luhn_holds("187484")


def test_codes_that_dicom_lists_mean_the_same_there():
    ours = {code.code: code.display for code in all_codes()}
    for name in ("PleuralEffusion", "Pneumothorax", "PulmonaryEdema", "Present"):
        listed = getattr(dicom_codes.SCT, name)
        assert ours[listed.value].lower() == listed.meaning.lower()


TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=40
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=TEXT, name=TEXT.filter(str.strip))
def test_any_printable_text_makes_a_valid_bundle(one_document, text, name):
    changed = one_document.model_copy(update={"sections": [DocumentSection(name=name, text=text)]})
    bundle = build_bundle(Material(document=changed))
    Bundle.model_validate(bundle)
    check_bundle(bundle)


@pytest.fixture
def one_document(make_document):
    return make_document()
