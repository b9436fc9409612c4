import io

import numpy as np
import pytest
from PIL import Image as PILImage
from pypdf import PdfReader

from reportgen.exports.document import DocumentSection
from reportgen.exports.material import Material
from reportgen.exports.pdf import pdf_bytes


def pages(content):
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def test_it_holds_the_whole_report(make_material):
    material = make_material()
    words = " ".join(pages(pdf_bytes(material)))
    document = material.document
    for text in (
        *(" ".join(section.text.split()) for section in document.sections),
        *(f"{item.id} {item.statement}" for item in document.evidence),
        *(f"{hit.similarity:.3f}" for hit in document.neighbours),
        "Evidence for 'pneumonia' to classifier toy",
        document.provenance["strategy"],
    ):
        assert text in words


def test_every_page_carries_every_mark(make_document):
    long = DocumentSection(name="findings", text="A line of findings.\n" * 150)
    document = make_document(synthetic=True).model_copy(update={"sections": [long]})
    found = pages(pdf_bytes(Material(document=document)))
    assert len(found) >= 3
    for n, page in enumerate(found, start=1):
        assert all(mark in page for mark in document.marks)
        assert f"page {n} of {len(found)}" in page


def test_pictures_are_in_it_when_there_are_any(make_material):
    with_both, material = PdfReader(io.BytesIO(pdf_bytes(make_material()))), make_material()
    assert len(with_both.pages[0].images) == 2
    without = PdfReader(io.BytesIO(pdf_bytes(Material(document=material.document))))
    assert len(without.pages[0].images) == 0


def test_a_small_image_keeps_its_pixels(make_material):
    material = make_material()
    picture = PdfReader(io.BytesIO(pdf_bytes(material))).pages[0].images[0].image
    height, width = material.pixels.shape
    shown = picture.convert("L").resize((width, height), PILImage.Resampling.NEAREST)
    assert np.array_equal(np.asarray(shown), material.pixels)


def test_the_same_material_gives_the_same_bytes(make_material):
    material = make_material()
    assert pdf_bytes(material) == pdf_bytes(material)


def test_letters_that_the_font_lacks_are_said(make_document, capfd):
    section = DocumentSection(name="findings", text="Größe μm Лёгкое 肺炎")
    document = make_document().model_copy(update={"sections": [section]})
    (words,) = pages(pdf_bytes(Material(document=document)))
    assert "Größe μm Лёгкое" in words
    assert "the PDF's font lacks 2 characters" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize("word", ["x" * 600, "/" * 600])
def test_a_word_wider_than_the_page_is_broken(make_document, word):
    section = DocumentSection(name="findings", text=word)
    document = make_document().model_copy(update={"sections": [section]})
    assert word in "".join(pages(pdf_bytes(Material(document=document)))).replace(" ", "")
