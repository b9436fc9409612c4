"""A report for reading: one HTML file with everything in it, or Markdown, words only."""

from __future__ import annotations

import re

from medx.core.pages import data_uri, page_environment, render_page
from medx.core.pictures import encode
from reportgen.exports.material import Material
from reportgen.exports.pictures import about, overlay, shown_image


def html_bytes(material: Material) -> bytes:
    """Return the report as a page that needs no other file."""
    pictures = []
    if material.pixels is not None:
        pictures.append((data_uri(encode(shown_image(material.pixels))), "The image."))
        if material.heatmap is not None:
            drawn = overlay(material.pixels, material.heatmap.values)
            pictures.append((data_uri(encode(drawn)), about(material.heatmap)))
    page = render_page("report.html.j2", document=material.document, pictures=pictures)
    return page.encode("utf-8")


def markdown_bytes(material: Material) -> bytes:
    """Return the words of the report as Markdown."""
    environment = page_environment(autoescape=False)
    environment.filters.update(plain=_plain, lines=_lines)
    template = environment.get_template("report.md.j2")
    return template.render(document=material.document).encode("utf-8")


def _plain(text: object) -> str:
    """Escape HTML and Markdown for use in running text, on one line."""
    one_line = " ".join(str(text).split())
    escaped = re.sub(r"([\\`*_\[\]|#~<>])", r"\\\1", one_line)
    return escaped.replace("&", "&amp;")


def _lines(text: str) -> str:
    """Escape text line by line; a line's end stays one."""
    kept = (_plain(line) for line in text.splitlines() if line.strip())
    # A line may not begin a list, a quotation or a heading that its writer did not mean.
    return "  \n".join(re.sub(r"^([-+=]|\d+(?=[.)]))", r"\\\1", line) for line in kept)
