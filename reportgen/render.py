"""Pages for reading a run of reports: HTML that needs no other file, and Markdown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from medx.core.console import progress_bar
from medx.core.files import write_text
from medx.core.pages import page_environment
from reportgen.page_views import ImageView, Shown, describe_claim, view_image
from reportgen.report_set import ReportRow, ReportSet

#: Images a page; their pictures are in it.
IMAGES_A_PAGE = 25
STEM = "reports"


def page_name(number: int, suffix: str) -> str:
    """Return the file name of the ``number``-th page, from 1."""
    return f"{STEM}{suffix}" if number == 1 else f"{STEM}-{number}{suffix}"


def write_pages(reports: ReportSet, shown: Sequence[Shown], run_dir: Path) -> ReportSet:
    """Write ``reports.html`` and ``reports.md``, more pages when there are many images.

    Args:
        reports: The run; its reports are read from their files, a page at a time.
        shown: Every image of the run.
        run_dir: Its folder.
    """
    parts = [shown[i : i + IMAGES_A_PAGE] for i in range(0, len(shown), IMAGES_A_PAGE)] or [[]]
    result = reports.model_copy(
        update={"page": str(run_dir / page_name(1, ".html")), "pages": len(parts)}
    )
    rows: dict[str, list[ReportRow]] = defaultdict(list)
    for row in reports.reports:
        rows[row.image_id].append(row)
    contradicting = [
        sum(any(r.contradictions for r in rows[image.image_id]) for image in part) for part in parts
    ]
    problems = _problems(reports)
    with progress_bar("writing pages", len(shown)) as progress:
        for number, part in enumerate(parts, start=1):
            views = [
                view_image(
                    n, image, rows[image.image_id], problems.get(image.image_id, []), run_dir
                )
                for n, image in enumerate(part, start=(number - 1) * IMAGES_A_PAGE + 1)
            ]
            for suffix in (".html", ".md"):
                page = _render(suffix, result, views, number, contradicting)
                write_text(run_dir / page_name(number, suffix), page)
            progress.advance(progress.task_ids[0], len(part))
    for suffix in (".html", ".md"):  # of an earlier run with more images
        _remove_beyond(run_dir, len(parts), suffix)
    return result


def _render(
    suffix: str,
    reports: ReportSet,
    views: Sequence[ImageView],
    number: int,
    contradicting: Sequence[int],
) -> str:
    environment = page_environment()
    environment.filters.update(plain=_plain, lines=_lines, stated=describe_claim)
    values: dict[str, Any] = {
        "set": reports,
        "views": views,
        "number": number,
        "pages": [
            (n, page_name(n, suffix), count) for n, count in enumerate(contradicting, start=1)
        ],
    }
    return environment.get_template(f"reports{suffix}.j2").render(values)


def _problems(reports: ReportSet) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for refused in reports.refused:
        found[refused.image_id].append(f"No report: {refused.reason}")
    for failure in reports.failures:
        found[failure.image_id].append(f"No {failure.strategy} report: {failure.reason}")
    return found


def _remove_beyond(run_dir: Path, count: int, suffix: str) -> None:
    for path in run_dir.glob(f"{STEM}-*{suffix}"):
        number = re.fullmatch(rf"{STEM}-(\d+)", path.stem)
        if number and int(number[1]) > count:
            path.unlink()


def _plain(text: str) -> Markup:
    """Escape HTML and Markdown for use in running text, on one line."""
    escaped = str(escape(" ".join(text.split())))
    return Markup(re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escaped))


def _lines(text: str) -> Markup:
    """Escape text for an HTML block; a blank line would end the block, so lines become breaks."""
    lines = (str(escape(line.strip())) for line in text.splitlines() if line.strip())
    return Markup("<br>".join(lines))
