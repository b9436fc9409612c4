"""One Markdown page for a set of reports, with the pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape
from PIL import Image as PILImage

from medx.core.files import atomic_path
from reportgen.item import ReportItem
from reportgen.report_set import ReportSet


def render_page(reports: ReportSet, items: Sequence[ReportItem], run_dir: Path) -> str:
    """Return the page as Markdown and write its pictures to ``images/`` below ``run_dir``."""
    source = resources.files("reportgen").joinpath("pages/reports.md.j2")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(plain=_plain, lines=_lines)
    page = environment.from_string(source.read_text(encoding="utf-8"))
    return page.render(set=reports, views=[_view(reports, item, run_dir) for item in items])


def _view(reports: ReportSet, item: ReportItem, run_dir: Path) -> dict[str, Any]:
    evidence = item.evidence
    height, width = evidence.image_size
    modality = evidence.modality or "image"
    return {
        "id": evidence.image_id,
        "facts": evidence.items(),
        "picture": _save_picture(item, run_dir),
        "about": f"{modality[:1].upper()}{modality[1:]}, native size {height} × {width} pixels",
        "kind": item.kind.value if item.kind else None,
        "reference_label": item.reference_label,
        "reports": [r for r in reports.reports if r.image_id == evidence.image_id],
    }


def _save_picture(item: ReportItem, run_dir: Path) -> str:
    name = f"images/{item.file_stem}.png"
    with atomic_path(run_dir / name) as temporary:
        PILImage.fromarray(item.pixels).save(temporary, format="PNG")
    return name


def _plain(text: str) -> Markup:
    """Escape HTML and Markdown for use in running text, on one line."""
    escaped = str(escape(" ".join(text.split())))
    return Markup(re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escaped))


def _lines(text: str) -> Markup:
    """Escape text for an HTML block; a blank line would end the block, so lines become breaks."""
    lines = (str(escape(line.strip())) for line in text.splitlines() if line.strip())
    return Markup("<br>".join(lines))
