"""A report as PDF: pictures, findings, evidence, similar cases; its limits on every page."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont
from PIL import Image as PILImage

from medx.core.console import warn
from reportgen.exports.document import ReportDocument
from reportgen.exports.material import Material
from reportgen.exports.pictures import about, font_file, overlay, shown_image

FONT = "DejaVu"
LINE = 5.0
PICTURE_HEIGHT = 85.0
MISSING = "\N{REPLACEMENT CHARACTER}"


class _Sheet(FPDF):
    """A4 pages that repeat what limits the report."""

    def __init__(self, document: ReportDocument) -> None:
        super().__init__(format="A4")
        self.document = document
        for style, bold in (("", False), ("B", True)):
            self.add_font(FONT, style, font_file(bold=bold))
        font = self.fonts[FONT.lower()]
        self.letters = set(font.cmap) if isinstance(font, TTFFont) else set()
        self.missing: set[str] = set()
        self.set_margin(15)
        self.set_auto_page_break(True, margin=20)
        self.set_title(document.title)
        self.set_subject(" ".join(document.marks))
        self.set_creator(f"medx {version('medx')}")
        self.set_creation_date(datetime.fromisoformat(document.created))
        self.set_lang("en")

    def header(self) -> None:
        """Write the marks in bold at the top of a page."""
        self.set_text_color(138, 75, 0)
        self.set_font(FONT, "B", 8)
        for mark in self.document.marks:
            self.line_of(mark, height=4)
        self.set_text_color(0)
        self.ln(2)

    def footer(self) -> None:
        """Write the disclaimer and the page's number at the bottom."""
        self.set_y(-14)
        self.set_font(FONT, "", 7)
        self.set_text_color(100)
        self.cell(0, 4, f"{self.document.disclaimer}   page {self.page_no()} of {{nb}}", align="C")
        self.set_text_color(0)

    def line_of(self, text: str, *, height: float = LINE, width: float = 0) -> None:
        """Write a text over as many lines as it takes and go to the next."""
        self.multi_cell(
            width, height, self.drawable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def heading(self, text: str) -> None:
        """Write a heading that does not stand alone at the end of a page."""
        if self.will_page_break(4 * LINE):
            self.add_page()
        self.ln(2)
        self.set_font(FONT, "B", 11)
        self.line_of(text, height=6)
        self.set_font(FONT, "", 9)

    def drawable(self, text: str) -> str:
        """Return a text with a mark for each character that the font lacks."""
        lacking = {c for c in text if ord(c) not in self.letters and c not in "\n\t"}
        self.missing |= lacking
        return "".join(MISSING if c in lacking else c for c in text)


def pdf_bytes(material: Material) -> bytes:
    """Return the report as PDF; the same material gives the same bytes."""
    document = material.document
    sheet = _Sheet(document)
    sheet.add_page()
    sheet.set_font(FONT, "B", 14)
    sheet.line_of(document.title, height=8)
    _draw_pictures(sheet, material)
    for section in document.sections:
        sheet.heading(section.name.capitalize())
        sheet.line_of(section.text)
    for heading, lines in (
        ("Claims against the evidence", document.claims),
        ("Warnings", document.warnings),
    ):
        if lines:
            sheet.heading(heading)
        for line in lines:
            sheet.line_of(f"\N{BULLET} {line}")
    if document.evidence:
        sheet.heading("Evidence given")
        for item in document.evidence:
            sheet.line_of(f"{item.id}  {item.statement}")
    if document.neighbours:
        sheet.heading("Similar cases")
        sheet.line_of("Cosine similarity of embeddings orders images; it is no probability.")
        rows = [
            (f"N{n}", hit.id, hit.label or "none", f"{hit.similarity:.3f}")
            for n, hit in enumerate(document.neighbours, start=1)
        ]
        _draw_table(sheet, [("", "case", "label", "similarity"), *rows], widths=(8, 60, 30, 20))
    sheet.heading("Origin")
    _draw_table(sheet, list(document.provenance.items()), widths=(30, 90), headed=False)
    if sheet.missing:
        warn(f"the PDF's font lacks {len(sheet.missing)} characters of the report; each shows as �")
    return bytes(sheet.output())


def _draw_pictures(sheet: _Sheet, material: Material) -> None:
    if material.pixels is None:
        return
    pictures = [(shown_image(material.pixels), "The image.")]
    if material.heatmap is not None:
        drawn = overlay(material.pixels, material.heatmap.values)
        pictures.append((drawn, about(material.heatmap)))
    gap = 6.0
    width = (sheet.epw - gap) / 2
    top, bottoms = sheet.get_y() + 2, []
    for i, (picture, caption) in enumerate(pictures):
        left = sheet.l_margin + i * (width + gap)
        height = _place(sheet, picture, left, top, width)
        sheet.set_xy(left, top + height + 1)
        sheet.set_font(FONT, "", 7)
        sheet.multi_cell(width, 3.5, sheet.drawable(caption), align="L")
        bottoms.append(sheet.get_y())
    sheet.set_xy(sheet.l_margin, max(bottoms))


def _place(sheet: _Sheet, picture: PILImage.Image, left: float, top: float, width: float) -> float:
    """Draw a picture as large as fits and return its height, all in mm."""
    scale = min(width / picture.width, PICTURE_HEIGHT / picture.height)
    sheet.image(picture, left, top, picture.width * scale, picture.height * scale)
    return float(picture.height * scale)


def _draw_table(
    sheet: _Sheet,
    rows: list[tuple[str, ...]],
    *,
    widths: tuple[int, ...],
    headed: bool = True,
) -> None:
    sheet.set_font(FONT, "", 8)
    with sheet.table(
        col_widths=widths, line_height=4.5, text_align="LEFT", first_row_as_headings=headed
    ) as table:
        for row in rows:
            table.row([sheet.drawable(cell) for cell in row])
