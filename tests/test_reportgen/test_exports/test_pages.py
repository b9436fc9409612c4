import re
from html.parser import HTMLParser

import pytest

from reportgen.exports.document import DocumentSection
from reportgen.exports.material import Material
from reportgen.exports.pages import html_bytes, markdown_bytes


class Elements(HTMLParser):
    """Collects tags, addresses and words."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.words.append(data)


def changed(document, text):
    section = DocumentSection(name="findings", text=text)
    return document.model_copy(update={"sections": [section]})


def test_html_needs_no_other_file_and_holds_both_pictures(make_material):
    elements = Elements(html_bytes(make_material()).decode())
    assert len(elements.addresses) == 2
    assert all(a.startswith("data:image/png;base64,") for a in elements.addresses)


def test_html_holds_marks_sections_evidence_and_neighbours(make_material):
    material = make_material(synthetic=True)
    words = " ".join(" ".join(Elements(html_bytes(material).decode()).words).split())
    document = material.document
    for text in (*document.marks, *(item.statement for item in document.evidence)):
        assert text in words
    for section in document.sections:
        assert " ".join(section.text.split()) in words
    assert all(hit.id in words for hit in document.neighbours)
    assert document.claims
    assert all(claim in words for claim in document.claims)


def test_markup_of_a_model_is_shown_not_run(make_document):
    document = changed(make_document(), '<script>alert(1)</script><img src="http://x.test/">')
    elements = Elements(html_bytes(Material(document=document)).decode())
    assert "script" not in elements.tags
    assert elements.addresses == []
    assert "<script>" not in markdown_bytes(Material(document=document)).decode().replace("\\", "|")


def test_markdown_holds_marks_and_words(make_document):
    document = make_document(synthetic=True)
    page = markdown_bytes(Material(document=document)).decode()
    quoted = [line for line in page.splitlines() if line.startswith("> **")]
    assert [line[4:-2] for line in quoted] == document.marks
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert headings[:2] == ["Technique", "Comparison"]
    assert "Claims against the evidence" in headings
    assert headings[-3:] == ["Evidence given", "Similar cases", "Origin"]


@pytest.mark.parametrize("text", ["# Healthy", "- item", "1. item", "> said", "| a | b |", "***"])
def test_no_line_of_a_text_becomes_structure(make_document, text):
    page = markdown_bytes(Material(document=changed(make_document(), text))).decode()
    line = page.split("## Findings\n\n")[1].splitlines()[0]
    assert line != text
    assert re.sub(r"\\(.)", r"\1", line) == text
