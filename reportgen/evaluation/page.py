"""An evaluation of reports as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as PILImage

from medx.core.console import warn
from medx.core.files import write_text
from medx.core.pages import data_uri, render_page
from medx.core.pictures import encode
from reportgen.evaluation.results import Contender, Flip, Kind, ReportEvaluation

#: Longest side of a picture on the page.
PICTURE = 384


def save_page(result: ReportEvaluation, path: Path) -> Path:
    """Write the page; its pictures are those that the runs kept."""
    engines = [c.name for c in result.contenders if c.kind is Kind.engine]
    text = render_page(
        "report_evaluation.html.j2",
        result=result,
        engines=engines,
        flips=_matrix(result.flips),
        pictures={case.image_id: _picture(case.picture) for case in result.worst},
        wordings=list(dict.fromkeys(name for c in result.contenders for name in c.wording)),
        warnings=_warning_kinds(result.contenders),
        findings=_finding_names(result.contenders),
    )
    write_text(path, text)
    return path


def _matrix(flips: list[Flip]) -> dict[tuple[str, str], Flip]:
    both = {(flip.first, flip.second): flip for flip in flips}
    return both | {(flip.second, flip.first): flip for flip in flips}


def _warning_kinds(contenders: list[Contender]) -> list[str]:
    kinds = [kind for c in contenders if c.quality for kind in c.quality.warnings]
    return list(dict.fromkeys(kinds))


def _finding_names(contenders: list[Contender]) -> list[str]:
    return list(
        dict.fromkeys(
            row.finding for c in contenders for score in c.findings for row in score.findings
        )
    )


def _picture(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with PILImage.open(path) as picture:
            picture.thumbnail((PICTURE, PICTURE))
            content = encode(picture)
    except (OSError, ValueError) as error:
        warn(f"no picture of {Path(path).stem} on the page: {error}")
        return None
    return data_uri(content)
