import io
import json

import numpy as np
import pydicom
import pytest
from PIL import Image as PILImage
from test_datasets.dicom_files import IDENTITY, write_dicom

from medx.core.images import read_image
from medx.server.examples import METADATA

STEPS = ["sending", "reading", "prediction", "heat-map", "similar cases", "report"]


def upload(page, path):
    page.wait_for_selector("#upload:visible")  # the page is ready
    page.set_input_files("#file", path)
    page.wait_for_selector("#case h1:visible")


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def take(page, name):
    open_tab(page, "Report")
    with page.expect_download() as caught:
        page.click(f"[data-export={name}]")
    return caught.value.path().read_bytes()


@pytest.fixture
def case(visit, site, film):
    """The page of a case."""
    page = visit(site.url)
    upload(page, film)
    return page


def test_a_measured_figure_says_of_what_it_is(visit, site):
    page = visit(site.url)
    page.wait_for_selector("#upload:visible")
    assert "not measured" in page.locator("#facts").inner_text()
    page.route("**/metadata", lambda route: route.fulfill(json=METADATA))
    page.reload()
    page.wait_for_selector("#upload:visible")
    figure = "AUROC 0.990 [0.980, 0.995], chance 0.50"
    said = f"{figure} (95 % intervals; 524 images of pneumoniamnist, val)"
    assert said in page.locator("#facts").inner_text()


def test_a_whole_visit(visit, site, film):
    page = visit(site.url)
    assert page.locator(".limits").inner_text().startswith("Research use only, not for clinical")
    upload(page, film)

    heard = page.evaluate("heard")
    said = [f"Step {i} of 6: {name}" for i, name in enumerate(STEPS, start=1)]
    assert [text for text in heard if text.startswith("Step")] == said
    assert heard[-1] == "The case is ready."
    assert page.title() == "Case – medx"
    page.wait_for_function("document.activeElement.textContent === 'film.png'")

    assert page.locator("#P1 .row").count() == 2
    assert page.locator("#P1 .threshold").count() == 1
    assert "remain" in page.locator("#P1 .facts").inner_text()
    assert page.locator(".map").get_attribute("src").startswith("data:image/png;base64,")
    assert page.locator(".similar .label").count() == 5
    report = page.locator(".text").inner_text()
    assert "MOCK REPORT" in report
    marks = page.locator("#marks").inner_text().split("\n")
    assert marks == ["MOCK REPORT", "SYNTHETIC IMAGE", "SYNTHETIC ARCHIVE"]
    assert page.locator(".limits").is_visible()

    open_tab(page, "Similar")
    page.click("[data-compare=N2]")
    assert page.locator("#other").is_visible()
    assert page.locator("#other-tag").inner_text().startswith("N2: ")
    page.keyboard.press("Escape")
    assert not page.locator("#other").is_visible()

    open_tab(page, "Report")
    page.click(".text [data-goto=N1] >> nth=0")
    assert "lit" in page.locator("#other").get_attribute("class")  # beside the image
    assert page.locator(".text").is_visible()
    page.click(".text [data-goto=H1] >> nth=0")
    assert "lit" in page.locator(".peak").get_attribute("class")
    page.click(".text [data-goto=P1] >> nth=0")
    assert "lit" in page.locator("#P1:visible").get_attribute("class")
    assert page.evaluate("document.activeElement.id") == "P1"

    assert take(page, "pdf").startswith(b"%PDF")
    assert json.loads(take(page, "fhir"))["resourceType"] == "Bundle"
    facts = json.loads(take(page, "case-json"))
    assert facts["report"]["text"].split()
    assert facts["is_mock"]
    assert "film" not in json.dumps(facts)
    assert b"startCase(document.body)" in take(page, "case-html")
    assert page.locator("[data-export=dicom-sr]").is_disabled()


def test_a_saved_page_works_by_itself(case, visit, site, tmp_path):
    (tmp_path / "case.html").write_bytes(take(case, "case-html"))
    page = visit("file://", path=str(tmp_path / "case.html"))
    page.click("[data-compare=N1]")
    assert page.locator("#other").is_visible()
    page.click("[data-do=invert]")
    assert "url(" in page.locator("#own .base").evaluate("img => img.style.filter")


def test_a_dropped_file_is_studied(visit, site, film):
    page = visit(site.url)
    page.evaluate(
        """(bytes) => {
          const given = new DataTransfer();
          given.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
          const options = { bubbles: true, cancelable: true, dataTransfer: given };
          document.getElementById("upload").dispatchEvent(new DragEvent("drop", options));
        }""",
        list(film.read_bytes()),
    )
    page.wait_for_selector("#case h1:visible")
    assert page.locator("#case h1").inner_text() == "dropped.png"


def test_a_dicom_file_gets_its_report_into_its_study_and_names_nobody(visit, site, film, tmp_path):
    source = tmp_path / "film.dcm"
    header = write_dicom(source, read_image(film).pixels)
    page = visit(site.url)
    upload(page, source)
    shown = page.content()
    for value in IDENTITY.values():
        assert not any(part in shown for part in ([value] if isinstance(value, str) else value))
    made = pydicom.dcmread(io.BytesIO(take(page, "dicom-sr")))
    assert made.StudyInstanceUID == header.StudyInstanceUID
    assert made.PatientName == header.PatientName

    page.reload()  # the server does not keep the file, and the page has lost it
    page.wait_for_selector("#case h1:visible")
    open_tab(page, "Report")
    page.click("[data-export=dicom-sr]")
    assert "choose it again" in page.locator("#trouble").inner_text().lower()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Try again").click()
    with page.expect_download() as caught:
        chooser.value.set_files(source)
    assert caught.value.suggested_filename == "medx-report.sr.dcm"


def test_a_report_goes_into_no_other_images_study(visit, site, film, tmp_path):
    page = visit(site.url)
    upload(page, film)
    page.reload()
    page.wait_for_selector("#case h1:visible")
    write_dicom(tmp_path / "other.dcm")
    open_tab(page, "Report")
    page.click("[data-export=dicom-sr]")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Try again").click()
    chooser.value.set_files(tmp_path / "other.dcm")
    page.wait_for_selector("text=is not the image the report was written on")


def test_samples_tell_nothing_beforehand(visit, site):
    listed = json.loads(site.get("/samples"))
    assert listed["addresses"] == [f"/samples/{n}/image" for n in range(1, 7)]
    assert listed["synthetic"]
    picture = PILImage.open(io.BytesIO(site.get("/samples/1/image")))
    assert picture.size == (28, 28)

    page = visit(site.url)
    page.wait_for_selector("#sample-list img[src]")
    shown = page.locator("#samples").inner_html()
    assert not any(word in shown for word in ("pneumonia", "normal", "train-"))
    page.click("text=Sample 2")
    page.wait_for_selector("#case h1:visible")
    alerts = page.locator("#case .alerts").inner_text()
    assert "pixels are in the archive (train)" in alerts
    assert "SYNTHETIC IMAGE" in page.locator("#marks").inner_text()


def test_tabs_are_walked_by_keys_and_remembered(case, site):
    def shown():
        tabs = case.locator("[role=tab][aria-selected=true]").all_inner_texts()
        panels = [p.get_attribute("id") for p in case.locator("[role=tabpanel]:visible").all()]
        return tabs, panels

    assert shown() == (["Prediction"], ["panel-prediction"])
    case.focus("#tab-prediction")
    for key, name in [
        ("ArrowRight", "Similar"), ("ArrowRight", "Report"), ("ArrowRight", "Prediction"),
        ("ArrowLeft", "Report"), ("Home", "Prediction"), ("End", "Report"),
    ]:  # fmt: skip
        case.keyboard.press(key)
        assert shown() == ([name], [f"panel-{name.lower()}"])
        assert case.evaluate("document.activeElement.textContent") == name
    assert case.locator("[role=tab][tabindex='0']").count() == 1
    case.reload()
    case.wait_for_selector("#case h1:visible")
    assert shown() == (["Report"], ["panel-report"])


@pytest.mark.parametrize(("width", "height"), [(1280, 860), (820, 1180)])
def test_the_image_stays_in_sight(visit, site, film, width, height):
    page = visit(site.url, width=width, height=height)
    upload(page, film)
    open_tab(page, "Report")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = page.locator("#stage").bounding_box()
    head = page.locator(".head").bounding_box()
    assert box["y"] >= head["y"] + head["height"]
    assert box["y"] + box["height"] <= height


def test_of_several_frames_one_is_chosen(visit, site, film, tmp_path):
    source = tmp_path / "loop.dcm"
    pixels = read_image(film).pixels
    write_dicom(source, np.stack([pixels // 3, pixels // 2, pixels]))
    page = visit(site.url)
    page.wait_for_selector("#upload:visible")
    page.set_input_files("#file", source)
    page.wait_for_selector("#frames[open]")
    assert page.locator("#frame-note").inner_text() == "Frame 1 of 3"
    before = page.locator("#frame-picture").get_attribute("src")
    page.locator("#frame").fill("3")
    page.wait_for_function(
        "before => document.getElementById('frame-picture').src !== before", arg=before
    )
    page.click("text=Study this frame")
    page.wait_for_selector("#case h1:visible")
    assert "Frame 3 of 3" in page.locator(".case-head").inner_text()
    assert page.locator("#marks").inner_text().startswith("MOCK REPORT")
    page.click("text=Another frame")
    page.wait_for_selector("#frames[open]")
    assert page.locator("#frame-note").inner_text() == "Frame 3 of 3"
    page.click("#frames >> text=Cancel")
    assert page.locator("#case h1").is_visible()


def test_another_strategy_writes_another_report(case):
    before, address = case.locator(".text").inner_text(), case.url
    open_tab(case, "Report")
    case.select_option("#case select[name=strategy]", "concise")
    case.click("text=Write again")
    case.wait_for_function(
        "before => location.href !== before && location.hash.startsWith('#/case/')", arg=address
    )
    case.wait_for_selector("#case h1:visible")
    assert case.locator(".text").inner_text() != before
    assert case.locator("#case select[name=strategy]").input_value() == "concise"
    assert case.locator("#case h1").inner_text() == "film.png"
    case.go_back()
    case.wait_for_function(
        "before => document.querySelector('.text').innerText === before", arg=before
    )


def test_the_viewer_zooms_moves_windows_and_inverts(case):
    sheet, base = case.locator("#own .sheet"), case.locator("#own .base")
    case.focus("#stage")
    before = sheet.get_attribute("style")
    case.keyboard.press("+")
    zoomed = sheet.get_attribute("style")
    assert "scale(1.3)" in zoomed != before
    case.keyboard.press("ArrowLeft")
    assert sheet.get_attribute("style") != zoomed
    case.keyboard.press("0")
    assert sheet.get_attribute("style") == before

    opacity = "document.querySelector('.map').style.opacity"
    case.locator("#opacity").fill("80")
    assert case.evaluate(opacity) == "0.8"
    case.focus("#stage")
    case.keyboard.press("h")
    assert case.evaluate(opacity) == "0"

    box = case.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    case.mouse.move(x, y)
    case.keyboard.down("Shift")
    case.mouse.down()
    case.mouse.move(x - 60, y + 40, steps=4)
    case.mouse.up()
    case.keyboard.up("Shift")
    assert case.locator("#width").input_value() == "225"
    assert case.locator("#level").input_value() == "148"
    assert "url(" in base.evaluate("img => img.style.filter")
    case.click("text=Invert")
    assert case.locator("[data-do=invert]").get_attribute("aria-pressed") == "true"
    case.click("text=Reset")
    assert base.evaluate("img => img.style.filter") == ""


def test_going_back_leads_where_one_was(case):
    address = case.url
    case.click("text=Search the archive")
    assert case.locator("#search h1").is_visible()
    case.go_back()
    assert case.url == address
    assert case.locator("#case h1").is_visible()
    case.go_back()
    case.wait_for_selector("#upload:visible")


def test_a_case_that_is_gone_says_so(visit, site):
    page = visit(site.url, path="/#/case/long-gone")
    page.wait_for_selector("#trouble h2")
    said = page.locator("#trouble").inner_text()
    assert "Not here any more" in said
    assert "send the image again" in said.lower()
    assert page.locator("#upload").is_visible()
